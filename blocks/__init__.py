"""Prefect blocks as code: the lake, the sources, and one idempotent register."""
