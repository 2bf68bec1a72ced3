"""Named checks as data: the answers and the population seen from another side.

polars does them in one pass over a file of any size; the libraries made for this (pandera, patito,
dataframely) validate the columns of one frame in memory, while most of these compare two files, two
vintages, or an answer with its input.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import polars as pl

from blsquest.analytics.questions import never_published
from blsquest.core.errors import BadData

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blsquest.analytics.answers import Answers


NAMED = 3
"""How many of the things that failed a check are named; the detail counts the others."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check and its result.

    Attributes:
        name: What should hold, in words.
        subject: What was looked at: a file's name, or `answers`.
        required: Whether a report may be published without it.
        passed: None where the check could not be made; `detail` says why.
        detail: What was seen, with numbers.
    """

    name: str
    subject: str
    required: bool
    passed: bool | None
    detail: str

    @property
    def result(self) -> str:
        """For people: `passed`, `failed` or `not made`."""
        return {True: "passed", False: "failed", None: "not made"}[self.passed]


def required(name: str, subject: str, detail: str, *, passed: bool | None) -> Check:
    """A check without which no report is published. See `Check` for the arguments."""
    return Check(name, subject, required=True, passed=passed, detail=detail)


def advisory(name: str, subject: str, detail: str, *, passed: bool | None) -> Check:
    """A check whose failure is shown. See `Check` for the arguments."""
    return Check(name, subject, required=False, passed=passed, detail=detail)


def require(checks: Iterable[Check]) -> None:
    """Refuse the data when a required check failed.

    Raises:
        BadData: Names every one that did, with what was seen.
    """
    failed = [c for c in checks if c.required and c.passed is False]
    if failed:
        told = "; ".join(f"{c.subject}: {c.name}: {c.detail}" for c in failed)
        raise BadData(
            f"Required checks failed. {told}.",
            "Look at the files named: the mirror keeps them exactly as the publisher sent them.",
        )


def verdict(checks: Sequence[Check]) -> str:
    """All results in one sentence, the failed ones by name."""
    failed = [c for c in checks if c.passed is False]
    skipped = sum(c.passed is None for c in checks)
    passed = sum(c.passed is True for c in checks)
    told = f"{passed} of {len(checks) - skipped} checks passed"
    told += f", {skipped} could not be made" if skipped else ""
    named = "; ".join(f"{c.name} ({c.subject})" for c in failed)
    return f"{told}; failed: {named}." if failed else f"{told}."


def some(things: Sequence[object]) -> str:
    """The first few things by name, and how many more there are."""
    more = len(things) - NAMED
    named = ", ".join(map(str, things[:NAMED]))
    return f"{named} and {more:,} more" if more > 0 else named


SUBJECT = "answers"


def answer_checks(answers: Answers, profile: pl.DataFrame) -> list[Check]:
    """Whether the answers are complete and agree with each other and with their input.

    Args:
        answers: As from `answer`.
        profile: Of the data file that they were made from, as from `profile`.
    """
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
    """The yearly sums, ranked by themselves, say the same as the best years."""
    ranked = (
        answers.bls_census_stats.sort("value", "year", descending=[True, False])
        .group_by("series_id", maintain_order=True)
        .agg(pl.col("year").first(), pl.col("value").first())
        .sort("series_id")
    )
    best = answers.best_year.filter(pl.col("basis") != "annual").select(ranked.columns)
    differ = ranked.join(best, on=ranked.columns, how="anti").get_column("series_id").to_list()
    detail = f"{ranked.height:,} series"
    if differ or ranked.height != best.height:
        detail = f"another year is larger, or earlier and as large, in {some(differ)}"
    passed = not differ and ranked.height == best.height
    return required("each best year has the largest sum", SUBJECT, detail, passed=passed)


def _joined(answers: Answers) -> Check:
    """The join has lost no year, made none twice, and invented no people."""
    rows = answers.series_population
    keys = rows.select("series_id", "period", "year")
    strangers = rows.join(answers.population, on=["year", "population"], how="anti").drop_nulls(
        "population"
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


LEAST_GROWTH, MOST_GROWTH = -1.0, 3.0
"""Percent a year. Since 1900 the United States have grown by -0.1 (1918) to 2.1 (1909, 1914):
Census Bureau, national intercensal estimates. Beyond lies another country, or another unit."""


def population_checks(name: str, population: pl.DataFrame, estimate: str) -> list[Check]:
    """Whether the population can carry the answers.

    Args:
        name: What the lake calls the file.
        population: As from `population_frame`.
        estimate: Which estimate it is.
    """
    people = dict(population.select("year", "population").iter_rows())
    return [_growth(name, people), _gaps(name, people, never_published(estimate))]


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
    allowed = f"{LEAST_GROWTH:+.0f} to {MOST_GROWTH:+.0f} % a year are plausible"
    if beyond:
        return required("growth plausible", name, f"{some(beyond)}; {allowed}", passed=False)
    if not rates:
        return required("growth plausible", name, "one year alone has no growth", passed=None)
    seen = f"{min(rates.values()):+.2f} to {max(rates.values()):+.2f} %; {allowed}"
    return required("growth plausible", name, seen, passed=True)


def _gaps(name: str, people: dict[int, int], never: frozenset[int]) -> Check:
    first, last = min(people), max(people)
    gaps = [year for year in range(first, last) if year not in people]
    detail = f"{first}-{last}" + (f" without {some(gaps)}" if gaps else "")
    if explained := sorted(never & set(gaps)):
        detail += f" (no one-year estimate was published for {some(explained)})"
    return advisory("no year is missing", name, detail, passed=never.issuperset(gaps))
