"""Checks on the answers: that each one is what the data says, seen from another side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.analytics.checks import required, some

if TYPE_CHECKING:
    from flows.analytics.answers import Answers
    from flows.analytics.checks import Check

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
