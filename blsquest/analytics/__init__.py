"""Answers, with polars. Knows bytes and frames, not where they live."""

from typing import Literal

# Here, so that forms, options and texts need no polars.

Ddof = Literal[0, 1]
"""The kind of standard deviation: 1 for a sample, 0 for a population."""

By = Literal["sum", "mean"]
"""What makes a year the best one: the sum of its periods (the quest's rule for `pr`), or the mean
of the periods of complete years."""

CHANGES = ("withdrawn", "filled", "added", "removed", "revised", "annotated")
"""What happens to an observation, in the order in which it is reported: `withdrawn` is a value
that became none (`-`), `filled` a value where there was none, `added` and `removed` are rows,
`revised` is another value, `annotated` the same value with other footnotes."""
