"""Talks to publishers: HTTP, HTML and JSON. Knows no storage and no Prefect."""
