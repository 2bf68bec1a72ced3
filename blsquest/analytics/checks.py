"""Named checks as data: a survey's data file, the population, and the answers.

polars makes them in one pass over a file of any size; the libraries made for this (pandera, patito,
dataframely) validate the columns of one frame in memory, while most of these compare two files, two
vintages, or an answer with its input.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import polars as pl

from blsquest.analytics.observations import PERIOD_BIT
from blsquest.analytics.questions import never_published
from blsquest.core.errors import LOOK, BadData
from blsquest.core.text import some

if TYPE_CHECKING:
    from collections.abc import Iterable

    from blsquest.analytics.answers import Answers
    from blsquest.analytics.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Check:
    """One check and its result.

    Attributes:
        name: What should hold, in words.
        subject: What was looked at: a file's name, or `answers`.
        detail: What was seen, with numbers.
        passed: None where the check was skipped; `detail` says why.
        required: Whether no report is published where it fails; else the failure is shown.
    """

    name: str
    subject: str
    detail: str
    passed: bool | None
    required: bool


required = partial(Check, required=True)
advisory = partial(Check, required=False)


def require(checks: Iterable[Check]) -> None:
    """Refuse the data when a required check failed.

    Raises:
        BadData: Names every one that did, with what was seen.
    """
    failed = [c for c in checks if c.required and c.passed is False]
    if failed:
        named = "; ".join(f"{c.subject}: {c.name}: {c.detail}" for c in failed)
        raise BadData(f"Required checks failed. {named}.", LOOK)


# -- The data file -----------------------------------------------------------------------------


def profile(observations: pl.LazyFrame) -> pl.DataFrame:
    """Count and bound the values of each series and year.

    Returns:
        One row a series and year, sorted by them: `rows`, `low` and `high` (the least and the
        largest value; null where the publisher gives none) and `repeated` (whether a period is
        there twice).
    """
    # As categories of their own, ids take 4 bytes a row while millions of groups are made.
    codes = pl.Categorical(pl.Categories.random())
    ids = pl.col("series_id").cast(codes)
    groups = (
        observations.select(ids, "year", "value", PERIOD_BIT.alias("bit"))
        .group_by("series_id", "year")
        .agg(
            rows=pl.len().cast(pl.Int64),
            low=pl.col("value").min(),
            high=pl.col("value").max(),
            repeated=pl.col("bit").sum().bitwise_count_ones() != pl.len(),
        )
        .collect(engine="streaming")
    )
    return groups.cast({"series_id": pl.String}).sort("series_id", "year")


def layout_checks(name: str, profile: pl.DataFrame) -> list[Check]:
    """Check a file, by what the publisher calls it, of which no line was refused."""
    rows, series = profile.get_column("rows").sum(), profile.get_column("series_id").n_unique()
    twice = [f"{s} {y}" for s, y in profile.filter("repeated").select("series_id", "year").rows()]
    keys = f"{rows:,} observations of {series:,} series"
    if twice:
        keys = f"a period is there twice in {some(twice)}"
    return [
        required("schema", name, f"{rows:,} lines, each a well-formed observation", passed=True),
        required(
            "periods known", name, "each is one of M01-M13, Q01-Q05, S01-S03, A01", passed=True
        ),
        required("keys unique", name, keys, passed=not twice),
    ]


def years_contiguous(name: str, profile: pl.DataFrame) -> Check:
    """Check that each series has rows in every year from its first to its last."""
    year = pl.col("year")
    spans = profile.group_by("series_id").agg(year.min().alias("a"), year.max().alias("b"), year)
    gaps = spans.filter(pl.col("b") - pl.col("a") + 1 != pl.col("year").list.len())
    detail = "{}-{}, no series has a gap".format(*profile.select(a=year.min(), b=year.max()).row(0))
    if gaps.height:
        named = [
            f"{series} lacks {some(sorted(set(range(a, b)) - set(years)))}"
            for series, a, b, years in gaps.sort("series_id").iter_rows()
        ]
        detail = f"series with gaps, {gaps.height:,}: {some(named)}"
    return advisory("years contiguous", name, detail, passed=gaps.is_empty())


def values_in_range(name: str, profile: pl.DataFrame) -> Check:
    """Check that the newest year's values stay within twice the range of all years before.

    Twice, around its middle: series that grow leave their past range at every release, by little.
    A misplaced decimal point or a unit that changed leaves it by much.
    """
    newest = pl.col("year") == pl.col("year").max()
    past = (
        profile.filter(~newest)
        .group_by("series_id")
        .agg(least=pl.col("low").min(), most=pl.col("high").max())
    )
    compared = profile.filter(newest).drop_nulls("low").join(past.drop_nulls(), on="series_id")
    allowed = (pl.col("most") - pl.col("least")) / 2
    far = (pl.col("high") > pl.col("most") + allowed) | (pl.col("low") < pl.col("least") - allowed)
    outside = compared.filter(far).get_column("series_id").sort().to_list()
    year = max(profile.get_column("year").to_list())
    detail = f"the values of {year} in {compared.height:,} series are like those before"
    if outside:
        detail = f"the values of {year} are far from all before in {some(outside)}"
    return advisory("values in range of history", name, detail, passed=not outside)


CATALOGUED = "every series is in the survey's series file"
KEPT = "no rows are lost since the release before"
AGREES = "the same rows as the survey's complete file"


def series_catalogued(name: str, profile: pl.DataFrame, catalogue: Catalogue) -> Check:
    """Check that the survey's series file has every series of the data file."""
    listed = catalogue.frame.get_column("series_id")
    if listed.is_empty() or not catalogue.whole:
        why = "; ".join(catalogue.notes) or "the series file has no rows"
        return advisory(CATALOGUED, name, why, passed=None)
    present = profile.get_column("series_id").unique().sort()
    unlisted = present.filter(~present.is_in(listed.implode()))
    detail = f"{present.len():,} series in the data, {listed.len():,} in the series file"
    if unlisted.len():
        detail += f"; not in it: {some(unlisted.to_list())}"
    return advisory(CATALOGUED, name, detail, passed=unlisted.is_empty())


def rows_kept(name: str, removed: int, rows: int, before: int) -> Check:
    """Check that of the generation before no observation was removed."""
    detail = f"{rows:,} rows; {removed:,} of generation {before} are gone"
    return advisory(KEPT, name, detail, passed=removed == 0)


_ROW = ["series_id", "year", "period", "value", "footnote_codes"]


def agrees_with_complete(
    name: str, part: pl.LazyFrame, complete_name: str, complete: pl.LazyFrame
) -> Check:
    """Check that a file is exactly the recent part of the survey's complete file.

    `pr.data.0.Current` is `pr.data.1.AllData` from its own first year on, footnotes included.
    Both files must fit into memory.
    """
    mine, whole = (frame.select(_ROW).collect(engine="streaming") for frame in (part, complete))
    recent = whole.filter(pl.col("year") >= mine.get_column("year").min())
    extra = mine.join(recent, on=_ROW, how="anti", nulls_equal=True)
    lacking = recent.join(mine, on=_ROW, how="anti", nulls_equal=True)
    detail = f"all {mine.height:,} rows are those of {complete_name}"
    if extra.height or lacking.height:
        seen = pl.concat([extra, lacking]).select(_ROW[:3]).unique().sort(_ROW[:3]).rows()
        detail = (
            f"rows that are not in {complete_name}: {extra.height:,}; rows of it not here: "
            f"{lacking.height:,}; such as {some([' '.join(map(str, row)) for row in seen])}"
        )
    return advisory(AGREES, name, detail, passed=extra.is_empty() and lacking.is_empty())


# -- The population ----------------------------------------------------------------------------

LEAST_GROWTH, MOST_GROWTH = -1.0, 3.0
"""Percent a year. Since 1900 the United States have grown by -0.1 (1918) to 2.1 (1909, 1914):
Census Bureau, national intercensal estimates. Beyond lies another country, or another unit."""


def population_checks(name: str, population: pl.DataFrame, estimate: str) -> list[Check]:
    """Check that the population of an estimate can carry the answers."""
    people = dict(population.select("year", "population").iter_rows())
    return [_growth(name, people), _no_gap(name, people, never_published(estimate))]


def _growth(name: str, people: dict[int, int]) -> Check:
    rates = {
        f"{before}-{after}": 100 * ((people[after] / people[before]) ** (1 / (after - before)) - 1)
        for before, after in pairwise(people)
    }
    beyond = [
        f"{span} ({rate:+.2f} %)"
        for span, rate in rates.items()
        if not LEAST_GROWTH <= rate <= MOST_GROWTH
    ]
    if not rates:
        return required("growth plausible", name, "one year alone has no growth", passed=None)
    seen = some(beyond) or f"{min(rates.values()):+.2f} to {max(rates.values()):+.2f} %"
    allowed = f"{LEAST_GROWTH:+.0f} to {MOST_GROWTH:+.0f} % a year are plausible"
    return required("growth plausible", name, f"{seen}; {allowed}", passed=not beyond)


def _no_gap(name: str, people: dict[int, int], never: frozenset[int]) -> Check:
    first, last = min(people), max(people)
    gaps = [year for year in range(first, last) if year not in people]
    detail = f"{first}-{last}" + (f" without {some(gaps)}" if gaps else "")
    if explained := sorted(never & set(gaps)):
        detail += f" (no one-year estimate was published for {some(explained)})"
    return advisory("no year is missing", name, detail, passed=never.issuperset(gaps))


# -- The answers -------------------------------------------------------------------------------

SUBJECT = "answers"


def answer_checks(answers: Answers, profile: pl.DataFrame) -> list[Check]:
    """Check that the answers are complete, and agree with each other and their data's profile."""
    return [
        _each_series(answers.best_year, profile),
        _best_is_largest(answers),
        _joined(answers),
        _between(answers),
    ]


def _each_series(best: pl.DataFrame, profile: pl.DataFrame) -> Check:
    valued = profile.drop_nulls("low").get_column("series_id").unique().sort()
    answered = best.get_column("series_id")
    lacking = valued.filter(~valued.is_in(answered.implode())).to_list()
    doubled = answered.filter(answered.is_duplicated()).to_list()
    wrong = some(sorted({*lacking, *doubled}))
    detail = f"no answer, or two, for {wrong}" if wrong else f"{best.height:,} series"
    return required("one best year for each series with values", SUBJECT, detail, passed=not wrong)


def _best_is_largest(answers: Answers) -> Check:
    """Check that the yearly sums, ranked by themselves, say the same as the best years."""
    ranked = (
        answers.bls_census_stats.sort("value", "year", descending=[True, False])
        .group_by("series_id", maintain_order=True)
        .agg(pl.col("year").first(), pl.col("value").first())
        .sort("series_id")
    )
    best = answers.best_year.filter(pl.col("basis") != "annual").select(ranked.columns)
    differ = ranked.join(best, on=ranked.columns, how="anti").get_column("series_id").to_list()
    passed = not differ and ranked.height == best.height
    detail = f"another year is larger, or earlier and as large, in {some(differ)}"
    if passed:
        detail = f"{ranked.height:,} series"
    return required("each best year has the largest sum", SUBJECT, detail, passed=passed)


def _joined(answers: Answers) -> Check:
    """Check that the join has lost no year, made none twice, and invented no people."""
    rows = answers.series_population
    keys = rows.select("series_id", "period", "year")
    strangers = rows.drop_nulls("population").join(
        answers.population, on=["year", "population"], how="anti"
    )
    passed = not keys.is_duplicated().any() and strangers.is_empty()
    known = rows.height - rows.get_column("population").null_count()
    detail = f"{rows.height:,} rows, {known:,} with a population"
    return required("the join keeps each year once", SUBJECT, detail, passed=passed)


def _between(answers: Answers) -> Check:
    found = answers.population_statistics.row(0, named=True)
    years = pl.col("year").is_between(found["first_year"], found["last_year"])
    people = answers.population.filter(years).get_column("population").to_list()
    passed = min(people) <= found["mean"] <= max(people)
    detail = f"{found['mean']:,.2f} lies between {min(people):,} and {max(people):,}"
    return required("the mean lies within its years", SUBJECT, detail, passed=passed)
