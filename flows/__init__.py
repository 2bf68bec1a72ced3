"""The flows: thin, and the only importers of Prefect beside blocks and deployments."""

from time import perf_counter

STARTED = perf_counter()
"""When this process began to import the project: what the summary counts start-up from."""
