"""The library behind the flows: sources, lake, analytics, products."""

__version__ = "0.1.0"
"""As in pyproject.toml; publishers see it in the User-Agent."""
