"""Answers, computed with polars. Works on bytes and frames, and knows no storage."""

from typing import Literal

# Here, so that forms, options and texts need no polars.

Ddof = Literal[0, 1]
"""The kind of standard deviation: 1 for a sample, 0 for a population."""

By = Literal["sum", "mean"]
"""The rule for the best year: the sum of its periods (the quest's rule for `pr`), or the mean
of the periods of complete years."""

CHANGES = ("withdrawn", "filled", "added", "removed", "revised", "annotated")
"""The kinds of change of an observation, in reporting order: `withdrawn` is a value that became
none (`-`), `filled` a value where there was none, `added` and `removed` are rows, `revised` is
another value, `annotated` the same value with other footnotes."""
