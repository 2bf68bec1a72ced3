"""What tests of several rooms share."""

HANG = 500.0
"""Seconds after which a wait gives up: less than pytest's own limit, as a busy machine is slow."""
