"""BLS Data Quest: flows over three plain-Python rooms (sources, lake, analytics)."""

from time import perf_counter

STARTED = perf_counter()
"""When this process began to import the project: what the summary counts start-up from."""
