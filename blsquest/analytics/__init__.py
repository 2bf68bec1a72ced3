"""Answers, with polars. Knows bytes and frames, not where they live."""

from typing import Literal

# Here, so that forms, options and texts need no polars.

Ddof = Literal[0, 1]
"""Which standard deviation is meant: 1 a sample's, 0 a population's."""

CHANGES = ("added", "removed", "revised", "annotated")
"""What happens to an observation: `revised` is another value, `annotated` the same value with
other footnotes."""
