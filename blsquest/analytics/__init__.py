"""Answers, with polars. Knows bytes and frames, not where they live."""

from typing import Literal

Ddof = Literal[0, 1]
"""Which standard deviation is meant: 1 a sample's, 0 a population's. Here, so that a flow's form
needs no polars."""
