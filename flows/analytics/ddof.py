"""Which standard deviation is meant. A module of its own: a flow's form needs it without polars."""

from typing import Literal

Ddof = Literal[0, 1]
"""Delta degrees of freedom: 1 for the deviation of a sample, 0 for that of a whole population."""
