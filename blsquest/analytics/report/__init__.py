"""A report: its content, charts, page and JSON."""
