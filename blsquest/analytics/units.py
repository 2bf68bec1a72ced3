"""The unit of a series' values, from what its survey says of it.

Surveys say it in different places: in words (`percent`, `THOUSANDS`), as an index's base
(`1982-84=100`, `200312`, `2017`), or only in the overview beside their files (`surveys.py`).
"""

from collections.abc import Collection, Iterable

import polars as pl

from blsquest.analytics.periods import MONTHS
from blsquest.analytics.surveys import survey as particulars

_WHOLE_BASE = r"(?i)(?:^|\()\s*(?:index,?\s+)?([^()=]*[0-9][^()=]*=\s*10+)\s*(?:[()]|$)"
"""`2017=100` or `DECEMBER 1997=100`, whole: alone, after `Index`, or in brackets."""

_IN_DURATION = ("duration", "base_period")
_IN_TYPE = ("unit", "data_type", "datatype", "tdat", "tdata", "ratelevel", "rate_level", "type")
"""Columns whose purpose is to say what is counted, in the publisher's words."""
_IN_MEASURE = ("measure", "estimate", "dataelement", "data_element", "periodicity")
"""Columns that often say it, too."""

# Pattern and unit, the first match counts; {} is the text of the pattern's group.
_SURE = (
    (r"(?i)\bindex.*?\b((?:19|20)[0-9]{2}(?:-[0-9]{2,4})?\s*=\s*10+)", "index ({})"),
    (r"(?i)\b(per [0-9][0-9,]* [a-z -]*[a-z])", "{}"),
    (r"(?i)%|\bpercent(?:age)?\b|\bunemployment rate", "percent"),
    (r"(?i)\b((?:thousand|million|billion)s of (?:[a-z0-9-]+ )*dollars)\b", "{}"),
    (r"(?i)\bpayrolls?\b.*\bthousands\b", "thousands of dollars"),
    (r"(?i)\bhours\b.*\bthousands\b", "thousands of hours"),
    (r"(?i)\b(thousands|millions|billions)\b", "{}"),
)
"""Patterns that are reliable anywhere, in a title too."""
_LIKELY = (
    *_SURE,
    (r"(?i)\bindex(?:es)?\b", "index"),
    (r"(?i)\brates?\b|employment.population ratio", "percent"),
    (r"(?i)\b((?:19|20)[0-9]{2}(?:-[0-9]{2,4})? dollars)\b", "{}"),
    (r"(?i)\b(?:dollars?|earnings|wages?|salar(?:y|ies)|payrolls?)\b", "dollars"),
    (r"(?i)\b(hours|days|weeks)\b", "{}"),
)
"""Patterns reliable where the survey says what it counts; in a title they may name an industry."""


def unit(columns: Collection[str], survey: str = "") -> pl.Expr:
    """Return the unit of a series' values; null where nothing says it.

    For example `percent`, `dollars`, `thousands`, `index (1982-84=100)`.

    Args:
        columns: Those of the catalogue, in words where there are any.
        survey: The survey's code, for its own rule.
    """
    return pl.coalesce(
        *_own(survey, columns),
        *(_duration(c) for c in _IN_DURATION if c in columns),
        *(_in_words(c, _LIKELY) for c in _IN_TYPE if c in columns),
        *(_base(c) for c in ("base_date", "base_year") if c in columns),
        *(_in_words(c, _LIKELY) for c in _IN_MEASURE if c in columns),
        *(_in_words(c, _SURE) for c in ("title",) if c in columns),
        pl.lit(None, pl.String),
    )


def _own(survey: str, columns: Collection[str]) -> list[pl.Expr]:
    """Return the survey's own rule: its one unit, or that of each code of a column."""
    own = particulars(survey)
    units = own.units if own.measure in columns else ()
    cases = [pl.when(pl.col(own.measure) == code).then(pl.lit(unit)) for code, unit in units]
    return [*cases, *([pl.lit(own.unit)] if own.unit else [])]


def _duration(column: str) -> pl.Expr:
    base = pl.col(column).str.extract(_WHOLE_BASE)
    percent = pl.col(column).str.contains(r"(?i)^%|\bpercent\b")
    index = pl.when(base.is_not_null()).then(pl.format("index ({})", base))
    return pl.when(percent).then(pl.lit("percent")).otherwise(index)


def _in_words(column: str, rules: Iterable[tuple[str, str]]) -> pl.Expr:
    text = pl.col(column)

    def matched(pattern: str, unit: str) -> pl.Expr:
        if "{}" not in unit:
            return pl.when(text.str.contains(pattern)).then(pl.lit(unit))
        found = text.str.extract(pattern).str.to_lowercase()
        return pl.when(found.is_not_null()).then(pl.format(unit, found))

    return pl.coalesce(matched(pattern, unit) for pattern, unit in rules)


def _base(column: str) -> pl.Expr:
    """Return `2017` and `198200` as the year's index, `200312` as the month's (pc, wp, nd, wd)."""
    date = pl.col(column).str.extract("^((?:19|20)[0-9]{2}(?:0[0-9]|1[0-2])?)$")
    months = (
        pl.when(date.str.slice(4) == f"{at:02}").then(pl.lit(f"{name} "))
        for at, name in enumerate(MONTHS, start=1)
    )
    month = pl.coalesce(*months, pl.lit(""))
    base = pl.format("index ({}{}=100)", month, date.str.slice(0, 4))
    return pl.when(date.is_not_null()).then(base)
