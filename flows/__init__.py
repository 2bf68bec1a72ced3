"""BLS Data Quest: flows over three plain-Python rooms (sources, lake, analytics)."""

from time import perf_counter

STARTED = perf_counter()
"""When this process began to import the project: what the summary counts start-up from."""

__version__ = "0.1.0"
"""As in pyproject.toml; publishers see it in the User-Agent."""
