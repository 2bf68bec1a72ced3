"""A survey's headline series, for which analysts ask first: chosen by rule from its catalogue.

The rule, in this order:

1. A series is a candidate if it has a value within a year of the newest one in the file.
2. Each of `HEADLINES` that a title holds gives one series: `all items`, `total nonfarm`,
   `unemployment rate` … Where none does, all candidates count as one such headline, and give up to
   `MOST` of them.
3. Of the candidates the first is the one with more codes that are called by just these words; then
   the one with more codes for a whole (`0000`, or `U.S. city average`, `Total …`); then with finer
   periods; then the first by its codes as the survey orders them, by the length of its title,
   and by its id.
4. A series that differs from it only in the seasonal adjustment is shown beside it, and the
   adjusted one comes first.

Of a survey without a catalogue, which has no words, the series with the most years are shown.
"""

from dataclasses import dataclass

import polars as pl

from blsquest.analytics.periods import PERIODS, months_of

MOST = 4
"""Headlines of one survey."""

HEADLINES: tuple[tuple[str, ...], ...] = (
    ("all items",),
    ("all items less food and energy",),
    ("total nonfarm",),
    ("unemployment rate",),
    ("labor force participation rate",),
    ("employment-population ratio",),
    ("final demand",),
    ("all commodities",),
    ("job openings", "total nonfarm"),
    ("average hourly earnings of all employees", "total private"),
    ("all civilian", "total compensation"),
    ("nonfarm business", "labor productivity"),
    ("nonfarm business", "unit labor costs"),
    ("private nonfarm business", "total factor productivity"),
    ("gasoline, all types",),
    ("electricity per kwh",),
)
"""Words that a title must hold, all of them, in small letters; the most asked for first."""

_WHOLE_CODE = "^[A-Z]*0+$"
_WHOLE_WORDS = r"(?i)^(?:u\.?s\.?\b|united states|national\b|all\b|total\b|both sexes)"
ADJUSTED = ("seasonal_code", "seasonal")
"""Columns with `S` for seasonally adjusted; the first that a catalogue has counts."""
_NOT_IN_KEY = {*ADJUSTED, "footnote_code", "footnote_codes"}


@dataclass(frozen=True, slots=True)
class Headline:
    """A headline series and its twin, seasonally adjusted or not; None for no twin."""

    series_id: str
    beside: str | None = None


def headlines(
    latest: pl.DataFrame, catalogue: pl.DataFrame, chosen: str | None = None
) -> tuple[Headline, ...]:
    """Choose a survey's headline series by the rule above.

    Args:
        latest: As from `latest`.
        catalogue: As `Catalogue.frame`.
        chosen: A series that was asked for by name, which comes first.
    """
    ranked = _candidates(latest, catalogue)
    found: list[str] = []
    for words in HEADLINES:
        holding = [pl.col("title").str.to_lowercase().str.contains(w, literal=True) for w in words]
        own = ranked.filter(pl.col("series_id").is_in(found).not_(), *holding)
        best = _ordered(own, catalogue, words).head(1)
        found += best.get_column("series_id").to_list()
        found = _apart(found, catalogue)[:MOST]
    if not found:
        some = _ordered(ranked, catalogue, ()).get_column("series_id").head(2 * MOST).to_list()
        found = _apart(some, catalogue)[:MOST]
    known = latest.get_column("series_id")
    first = [chosen] if chosen is not None and chosen in known else []
    made = []
    for series_id in _apart([*first, *found], catalogue):
        twins = [t for t in _twins(series_id, catalogue) if t == series_id or t in known]
        # The adjusted one first, unless the other was asked for.
        shown = series_id if series_id == chosen or series_id not in twins else twins[0]
        made.append(Headline(shown, next((t for t in twins if t != shown), None)))
    return tuple(made)


def _candidates(latest: pl.DataFrame, catalogue: pl.DataFrame) -> pl.DataFrame:
    """Return the series with a value within a year of the newest, in words."""
    period, number = pl.col("period"), pl.Int32
    ends = period.replace_strict({p: months_of(p)[-1] for p in PERIODS}, return_dtype=number)
    finest = period.replace_strict({p: "MQSA".index(p[0]) for p in PERIODS}, return_dtype=number)
    words = catalogue.select("series_id", "title")
    return (
        latest.select("series_id", "years", end=pl.col("year") * 12 + ends, fineness=finest)
        .filter(pl.col("end") > pl.col("end").max() - 12)
        .join(words, on="series_id", how="left")
    )


def _codes(catalogue: pl.DataFrame) -> list[str]:
    """Return the columns of codes that distinguish series, except the seasonal adjustment."""
    return [c for c in catalogue.columns if c.endswith("_code") and c not in _NOT_IN_KEY]


def _ordered(rows: pl.DataFrame, catalogue: pl.DataFrame, words: tuple[str, ...]) -> pl.DataFrame:
    """Sort candidates, with their title and years, by the third part of the rule."""
    codes = _codes(catalogue)
    whole = {code: pl.col(code).str.contains(_WHOLE_CODE) for code in codes}
    called = []
    for code in codes:
        if (stem := code.removesuffix("_code")) in catalogue.columns:
            called.append(pl.col(stem).str.to_lowercase().is_in(words))
            whole[code] |= pl.col(stem).str.contains(_WHOLE_WORDS)
    # Prefixed, since a survey's column may have the name of another column here.
    order = {f"code {at}": pl.col(code) for at, code in enumerate(codes)}
    ranks = catalogue.select(
        "series_id",
        called=pl.sum_horizontal(pl.lit(0), *(c.fill_null(value=False) for c in called)),
        whole=pl.sum_horizontal(pl.lit(0), *(c.fill_null(value=False) for c in whole.values())),
        **order,
    )
    return (
        rows.join(ranks, on="series_id", how="left")
        .with_columns(length=pl.col("title").str.len_chars())
        .sort(
            *("called", "whole", "fineness", *(order or ["years"]), "length", "series_id"),
            descending=[True, True, False, *([False] * len(order) or [True]), False, False],
            nulls_last=True,
        )
        .select("series_id")
    )


def _twins(series_id: str, catalogue: pl.DataFrame) -> list[str]:
    """Return a series and those that differ from it only in the seasonal adjustment."""
    own = catalogue.filter(series_id=series_id)
    codes = [*_codes(catalogue), *(c for c in ("base_period",) if c in catalogue.columns)]
    adjusted = next((c for c in ADJUSTED if c in catalogue.columns), None)
    if own.is_empty() or adjusted is None or not codes:
        return [series_id]
    alike = [pl.col(code).eq_missing(pl.lit(own.item(0, code), pl.String)) for code in codes]
    return (
        catalogue.filter(*alike)
        .sort(pl.col(adjusted) != "S", "series_id")
        .unique(adjusted, keep="first", maintain_order=True)
        .get_column("series_id")
        .to_list()
    )


def _apart(series: list[str], catalogue: pl.DataFrame) -> list[str]:
    """Drop each series that is an earlier one or its twin."""
    kept: list[str] = []
    for series_id in series:
        if {series_id, *_twins(series_id, catalogue)}.isdisjoint(kept):
            kept.append(series_id)
    return kept
