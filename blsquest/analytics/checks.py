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

from blsquest.analytics.observations import PERIOD_BIT, by_series
from blsquest.analytics.periods import in_words
from blsquest.analytics.questions import never_published
from blsquest.core.errors import LOOK, BadData
from blsquest.core.text import percent, some

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

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
    value = pl.col("value")
    return pl.concat(
        part.group_by("series_id", "year")
        .agg(
            rows=pl.len().cast(pl.Int64),
            low=value.min(),
            high=value.max(),
            repeated=PERIOD_BIT.sum().bitwise_count_ones() != pl.len(),
        )
        .sort("series_id", "year")
        for part in by_series(observations)
    )


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


# -- What is new in a data file ----------------------------------------------------------------
#
# Discontinued and resumed series, short histories, series without a line in the series file: much
# that looks odd is a survey's nature, and was there in the release before. So only what that one
# did not have fails a check. Where the lake has no release before, nothing tells the two apart, and
# the check is skipped with what was seen.


@dataclass(frozen=True)
class Earlier:
    """The release before, of the same data file.

    Attributes:
        generation: The last one that had it.
        profile: As from `profile`.
        revisions: What the newest release changed of it, as from `revisions.compare`.
    """

    generation: int
    profile: pl.DataFrame
    revisions: pl.DataFrame


CONTIGUOUS = "years contiguous"
IN_RANGE = "values in range of history"
CATALOGUED = "every series is in the survey's series file"
KEPT = "no rows are lost since the release before"
AGREES = "the same rows as the survey's complete file"

MATURE = 10
"""Years of values that a series must have before its range says what is usual: an index that was
begun five years ago leaves its range at every release."""


def years_contiguous(name: str, profile: pl.DataFrame, earlier: Earlier | None) -> Check:
    """Check that no series skips a year that it did not skip in the release before.

    A series that the release before did not have may come with gaps of its own.
    """
    found = _gaps(profile)
    span = "{}-{}".format(*profile.select(a=pl.col("year").min(), b=pl.col("year").max()).row(0))
    if found.is_empty():
        return advisory(CONTIGUOUS, name, f"{span}, no series has a gap", passed=True)
    if earlier is None:
        detail = f"{NO_EARLIER}; series with gaps, {_in_series(found)}"
        return advisory(CONTIGUOUS, name, detail, passed=None)
    both = found.join(earlier.profile, on="series_id", how="semi")
    new = both.join(_gaps(earlier.profile), on=["series_id", "year"], how="anti")
    if new.height:
        detail = f"series with gaps that generation {earlier.generation} did not have, "
        return advisory(CONTIGUOUS, name, detail + _in_series(new), passed=False)
    old = found.get_column("series_id").n_unique()
    detail = f"{span}; {old:,} series have gaps, none of them new since {_named(earlier)}"
    return advisory(CONTIGUOUS, name, detail, passed=True)


NO_EARLIER = "no earlier release is in the lake, so what is new is not known"


def _named(earlier: Earlier) -> str:
    return f"generation {earlier.generation}"


def _gaps(profile: pl.DataFrame) -> pl.DataFrame:
    """Return `series_id, year` of each year without a row between a series' first and last."""
    year = pl.col("year")
    spans = profile.lazy().group_by("series_id").agg(a=year.min(), b=year.max(), years=pl.len())
    gaps = pl.col("b") - pl.col("a") + 1 != pl.col("years")
    holed = spans.filter(gaps).collect(engine="streaming")
    every = holed.select("series_id", year=pl.int_ranges("a", pl.col("b") + 1)).explode("year")
    every = every.cast({"year": profile.schema["year"]})
    theirs = profile.select("series_id", "year").join(holed, on="series_id", how="semi")
    return every.join(theirs, on=["series_id", "year"], how="anti").sort("series_id", "year")


def _in_series(gaps: pl.DataFrame) -> str:
    """Return `2: A lacks 2001, 2002, B lacks 1990`."""
    by_series = gaps.group_by("series_id", maintain_order=True).agg("year")
    named = [f"{series} lacks {some(years)}" for series, years in by_series.iter_rows()]
    return f"{len(named):,}: {some(named)}"


def values_in_range(name: str, profile: pl.DataFrame, earlier: Earlier | None) -> Check:
    """Check that new values stay within twice the range of all that the release before had.

    Twice, around its middle: series that grow leave their past range at every release, by little.
    A misplaced decimal point or a unit that changed leaves it by much. New are the values that were
    added, filled or revised; without a release before, those of the newest year are looked at. A
    series is judged if it has `MATURE` years of values before.
    """
    if earlier is None:
        # Streaming: of a large file, what is dropped is never there at once.
        newest = pl.col("year") == pl.lit(profile.get_column("year").max())
        past = profile.lazy().filter(~newest)
        new = profile.lazy().filter(newest).select("series_id", "low", "high").drop_nulls()
        values = new.collect(engine="streaming")
    else:
        changed = earlier.revisions.filter(pl.col("change").is_in(["added", "filled", "revised"]))
        value = pl.col("new_value")
        values = changed.group_by("series_id").agg(low=value.min(), high=value.max()).drop_nulls()
        past = earlier.profile.lazy()
    ranges = (
        past.drop_nulls("low")
        .group_by("series_id")
        .agg(least=pl.col("low").min(), most=pl.col("high").max(), years=pl.col("year").n_unique())
        .filter(pl.col("years") >= MATURE)
        .collect(engine="streaming")
    )
    compared = values.join(ranges, on="series_id")
    allowed = (pl.col("most") - pl.col("least")) / 2
    far = (pl.col("high") > pl.col("most") + allowed) | (pl.col("low") < pl.col("least") - allowed)
    outside = sorted(set(compared.filter(far).get_column("series_id").to_list()))
    of = "the values of {}".format(*profile.select(pl.col("year").max()).row(0))
    of = of if earlier is None else f"the values that are new since {_named(earlier)}"
    series = compared.get_column("series_id").n_unique()
    if not outside:
        young = values.get_column("series_id").n_unique() - series
        left = f"; {young:,} series have under {MATURE} years before" if young else ""
        detail = f"{of} in {series:,} series are like those before{left}"
        return advisory(IN_RANGE, name, detail, passed=True)
    detail = f"{of} are far from all before in {some(outside)}"
    if earlier is None:
        return advisory(IN_RANGE, name, f"{NO_EARLIER}; {detail}", passed=None)
    return advisory(IN_RANGE, name, detail, passed=False)


def unlisted(profile: pl.DataFrame, catalogue: Catalogue) -> list[str]:
    """Return the series of a data file that the survey's series file does not have, sorted."""
    present = profile.get_column("series_id").unique().sort()
    listed = catalogue.frame.get_column("series_id")
    return present.filter(~present.is_in(listed.implode())).to_list()


def series_catalogued(
    name: str, profile: pl.DataFrame, catalogue: Catalogue, before: Collection[str] | None
) -> Check:
    """Check that the survey's series file has every series of the data file.

    Args:
        name: The data file's.
        profile: Its profile.
        catalogue: The survey's, made of the series file.
        before: The series that were missing in the release before; None where that is not known.
    """
    if catalogue.frame.is_empty() or not catalogue.whole:
        why = "; ".join(catalogue.notes) or "the series file has no rows"
        return advisory(CATALOGUED, name, why, passed=None)
    lacking = unlisted(profile, catalogue)
    series = profile.get_column("series_id").n_unique()
    detail = f"{series:,} series in the data, {catalogue.frame.height:,} in the series file"
    if not lacking:
        return advisory(CATALOGUED, name, detail, passed=True)
    if before is None:
        detail += f"; {NO_EARLIER}; not in it: {some(lacking)}"
        return advisory(CATALOGUED, name, detail, passed=None)
    new = [series for series in lacking if series not in before]
    detail += f"; not in it, and new there: {some(new)}" if new else ""
    detail += "" if new else f"; {len(lacking):,} are not in it, as in the release before"
    return advisory(CATALOGUED, name, detail, passed=not new)


def rows_kept(name: str, profile: pl.DataFrame, earlier: Earlier) -> Check:
    """Check that of the release before no observation was removed.

    Years before the first one that the file has now are told, and are no loss: some files hold the
    newest years only.
    """
    rows, first = profile.select(rows=pl.col("rows").sum(), first=pl.col("year").min()).row(0)
    removed = earlier.revisions.filter(pl.col("change") == "removed")
    lost = removed.filter(pl.col("year") >= first).height
    detail = f"{rows:,} rows; {lost:,} of {_named(earlier)} are gone"
    if before := removed.height - lost:
        detail += f"; {before:,} of years before {first}, with which the file begins now"
    return advisory(KEPT, name, detail, passed=lost == 0)


_ROW = ["series_id", "year", "period", "value", "footnote_codes"]


@dataclass(frozen=True)
class Disagreement:
    """The rows that one of two files has and the other should: `series_id, year, period`."""

    rows: int
    extra: pl.DataFrame
    lacking: pl.DataFrame


def disagreement(part: pl.LazyFrame, complete: pl.LazyFrame) -> Disagreement:
    """Compare a file with the complete one from its own first year on, footnotes included.

    Both files must fit into memory.
    """
    mine, whole = (frame.select(_ROW).collect(engine="streaming") for frame in (part, complete))
    recent = whole.filter(pl.col("year") >= mine.get_column("year").min())
    extra = mine.join(recent, on=_ROW, how="anti", nulls_equal=True)
    lacking = recent.join(mine, on=_ROW, how="anti", nulls_equal=True)
    return Disagreement(mine.height, extra.select(_ROW[:3]), lacking.select(_ROW[:3]))


def agrees_with_complete(
    name: str, complete_name: str, now: Disagreement, before: Disagreement | None
) -> Check:
    """Check that a file is exactly the recent part of the survey's complete file.

    `pr.data.0.Current` is `pr.data.1.AllData` from its own first year on. Rows in which the two
    differed `before` (None: not known) are not news.
    """
    if now.extra.is_empty() and now.lacking.is_empty():
        return advisory(
            AGREES, name, f"all {now.rows:,} rows are those of {complete_name}", passed=True
        )
    seen = _disputed(now)
    new = seen if before is None else seen.join(_disputed(before), on=_ROW[:3], how="anti")
    rows = (new if new.height else seen).rows()
    named = some([f"{series}, {in_words(period, year)}" for series, year, period in rows])
    detail = (
        f"rows that are not in {complete_name}: {now.extra.height:,}; rows of it not here: "
        f"{now.lacking.height:,}; such as {named}"
    )
    detail += "" if new.height else "; so it was in the release before"
    return advisory(AGREES, name, detail, passed=new.is_empty())


def _disputed(found: Disagreement) -> pl.DataFrame:
    return pl.concat([found.extra, found.lacking]).unique().sort(_ROW[:3])


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
        f"{span} ({percent(rate)})"
        for span, rate in rates.items()
        if not LEAST_GROWTH <= rate <= MOST_GROWTH
    ]
    if not rates:
        return required("growth plausible", name, "one year alone has no growth", passed=None)
    seen = some(beyond) or f"{percent(min(rates.values()))} to {percent(max(rates.values()))}"
    allowed = f"{percent(LEAST_GROWTH)} to {percent(MOST_GROWTH)} a year are plausible"
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


def answer_checks(answers: Answers, series: pl.DataFrame) -> list[Check]:
    """Check that the answers are complete, and agree with each other and their data's series.

    `series` has one row or more a series: `series_id`, and `low`, null where it has no value.
    """
    made = [_each_series(answers.best_year, series), _best_is_largest(answers)]
    if answers.population is None or answers.population_statistics is None:
        return made
    return [
        *made,
        _joined(answers.series_population, answers.population),
        _between(answers.population_statistics, answers.population),
    ]


def _each_series(best: pl.DataFrame, series: pl.DataFrame) -> Check:
    valued = series.drop_nulls("low").get_column("series_id").unique().sort()
    answered = best.get_column("series_id")
    lacking = valued.filter(~valued.is_in(answered.implode())).to_list()
    doubled = answered.filter(answered.is_duplicated()).to_list()
    wrong = some(sorted({*lacking, *doubled}))
    detail = f"no answer, or two, for {wrong}" if wrong else f"{best.height:,} series"
    return required("one best year for each series with values", SUBJECT, detail, passed=not wrong)


def _best_is_largest(answers: Answers) -> Check:
    """Check that the years, compared in another way, say the same as the best years."""
    if answers.question.by == "mean":
        return _best_mean_is_largest(answers)
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


_SERIES_AT_ONCE = 5_000


def _best_mean_is_largest(answers: Answers) -> Check:
    """Compare each best year with each year that competes: sum times the other's periods."""
    columns = ("year", "value", "periods", "annual_average")
    best = answers.best_year.select(
        "series_id", "compared", *(pl.col(name).alias(f"best_{name}") for name in columns)
    )
    competes = pl.col("complete") | ~pl.col("complete").any().over("series_id")
    own, other = pl.col("value"), pl.col("best_value")
    times = {name: pl.col(name).cast(pl.Decimal(38, 0)) for name in ("periods", "best_periods")}
    sides = {
        "mean": (own * times["best_periods"], other * times["periods"]),
        "annual average": (pl.col("annual_average"), pl.col("best_annual_average")),
    }
    beaten = pl.any_horizontal(
        (pl.col("compared") == name)
        & ((left > right) | ((left == right) & (pl.col("year") < pl.col("best_year")))).fill_null(
            value=True
        )
        for name, (left, right) in sides.items()
    )
    wrong: list[str] = []
    # Part by part: beside each other, all rows of a file of a GB take hundreds of MB.
    for part in best.sort("series_id").iter_slices(_SERIES_AT_ONCE):
        ids = part.get_column("series_id")
        within = pl.col("series_id").is_between(pl.lit(ids[0]), pl.lit(ids[-1]))
        rows = (
            answers.bls_census_stats.filter(within)
            .filter(competes)
            .join(part, on="series_id", how="left")
        )
        differ = rows.filter(beaten.fill_null(value=True)).get_column("series_id").unique()
        absent = part.join(
            rows, left_on=["series_id", "best_year"], right_on=["series_id", "year"], how="anti"
        )
        wrong += sorted({*differ, *absent.get_column("series_id")})
    detail = f"another year is larger, or earlier and as large, in {some(wrong)}"
    if not wrong:
        detail = f"{best.height:,} series"
    return required("each best year has the largest mean", SUBJECT, detail, passed=not wrong)


def periods_differ(answers: Answers) -> Check:
    """Count the series whose complete years have different numbers of periods: for people to know.

    It passes whatever it counts. Sums of such years can't be compared, and outside `pr` are not.
    """
    years = answers.bls_census_stats.select("series_id", "periods", "complete").filter("complete")
    counts = years.group_by("series_id").agg(pl.col("periods").unique().sort())
    differ = counts.filter(pl.col("periods").list.len() > 1).sort("series_id")
    named = [f"{series} ({' and '.join(map(str, periods))})" for series, periods in differ.rows()]
    detail = f"no complete years of one series differ, in {counts.height:,} series"
    if named:
        detail = (
            f"complete years of different numbers of periods in {len(named):,} of "
            f"{counts.height:,} series: {some(named)}"
        )
    return advisory("periods of a year counted", SUBJECT, detail, passed=True)


def _joined(rows: pl.DataFrame, population: pl.DataFrame) -> Check:
    """Check that the join has lost no year, made none twice, and invented no people."""
    keys = rows.select("series_id", "period", "year")
    strangers = rows.drop_nulls("population").join(
        population, on=["year", "population"], how="anti"
    )
    passed = not keys.is_duplicated().any() and strangers.is_empty()
    known = rows.height - rows.get_column("population").null_count()
    detail = f"{rows.height:,} rows, {known:,} with a population"
    return required("the join keeps each year once", SUBJECT, detail, passed=passed)


def _between(statistics: pl.DataFrame, population: pl.DataFrame) -> Check:
    found = statistics.row(0, named=True)
    years = pl.col("year").is_between(found["first_year"], found["last_year"])
    people = population.filter(years).get_column("population").to_list()
    passed = min(people) <= found["mean"] <= max(people)
    detail = f"{found['mean']:,.2f} lies between {min(people):,} and {max(people):,}"
    return required("the mean lies within its years", SUBJECT, detail, passed=passed)
