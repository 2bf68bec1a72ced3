"""Answers, with polars. Knows bytes and frames, not where they live."""
