"""What a run costs in memory, seconds and requests. Run with `make bench`."""
