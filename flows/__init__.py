"""The flows. Prefect, and nothing but."""

from time import perf_counter

STARTED = perf_counter()
"""When this process began to import the project: what the summary counts start-up from."""
