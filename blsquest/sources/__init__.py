"""Publishers: HTTP, HTML and JSON. No storage."""
