"""The command line: `blsquest`, or `python -m flows`."""
