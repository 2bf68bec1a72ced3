"""How a series is told: the sentence of a survey that has no titles of its own, and the unit."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True)
class Sentence:
    """A survey's sentence.

    Attributes:
        form: The sentence, with braces where a code's words go.
        parts: The codes whose words go there, in their order.
        lower: Those of them that stand inside the sentence, and so begin small.
    """

    form: str
    parts: tuple[str, ...]
    lower: frozenset[str]


SENTENCES = {
    "pr": Sentence(
        "{}, {}: {}, {}, {}",
        ("sector", "class", "measure", "duration", "seasonal"),
        frozenset({"class", "duration", "seasonal"}),
    )
}
"""Surveys whose series file has no `series_title`, and whose codes' words make a sentence."""

_SLIPS = {"Seasonal Adjusted": "Seasonally Adjusted"}
"""Words of the publisher's that don't fit into a sentence."""

_UNIT_COLUMNS = ("duration", "base_period")
"""Where surveys say what their values are: `pr` in the duration, price indexes in the base."""

_BASE = r"(?i)(?:^|\()\s*(?:index,?\s+)?([^()=]*[0-9][^()=]*=\s*10+)\s*(?:[()]|$)"
"""`2017=100` or `DECEMBER 1997=100`, whole: alone, after `Index`, or in brackets."""


def words(stem: str) -> pl.Expr:
    """A code in words, or the code itself where its table does not have it."""
    return pl.coalesce(pl.col(stem).replace(_SLIPS), f"{stem}_code")


def title(survey: str, columns: list[str], explained: list[str]) -> pl.Expr:
    """One sentence for a series: its own title, the survey's sentence, or all codes in words.

    Null for a series that has none of these.

    Args:
        survey: The survey's abbreviation.
        columns: The series file's columns.
        explained: Its codes that have words.
    """
    if "series_title" in columns:
        return pl.col("series_title")
    sentence = SENTENCES.get(survey)
    if not explained:
        return pl.lit(None, pl.String)
    if sentence is None or not set(sentence.parts) <= set(explained):
        all_words = [words(stem) for stem in explained]
        return pl.concat_str(all_words, separator=", ", ignore_nulls=True).replace("", None)
    small = [
        words(p).str.to_lowercase() if p in sentence.lower else words(p) for p in sentence.parts
    ]
    return pl.format(sentence.form, *small)


def unit(columns: list[str]) -> pl.Expr:
    """What a series' values are: `percent`, `index (2017=100)`; null where no column tells."""
    column = next((c for c in _UNIT_COLUMNS if c in columns), None)
    if column is None:
        return pl.lit(None, pl.String)
    base = pl.col(column).str.extract(_BASE)
    return (
        pl.when(pl.col(column).str.starts_with("%"))
        .then(pl.lit("percent"))
        .when(base.is_not_null())
        .then(pl.format("index ({})", base))
    )
