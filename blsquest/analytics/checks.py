"""Named checks, as data, of a survey's data file, the population, and the answers.

polars runs them in one pass over a file of any size; the libraries made for this (pandera, patito,
dataframely) validate the columns of one frame in memory, while most of these compare two files, two
vintages, or an answer with its input.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import polars as pl

from blsquest.analytics.answers import Answers
from blsquest.analytics.catalogue import Catalogue
from blsquest.analytics.observations import PERIOD_BIT, by_series
from blsquest.analytics.periods import in_words
from blsquest.analytics.questions import never_published
from blsquest.core.errors import LOOK, BadData
from blsquest.core.text import percent, some


@dataclass(frozen=True, slots=True)
class Check:
    """One check and its result.

    Attributes:
        name: The condition that should hold, in words.
        subject: The object checked: a file's name, or `answers`.
        detail: What was seen, with numbers.
        passed: None where the check was skipped; `detail` says why.
        required: Whether a failure prevents the report; else the report shows the failure.
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
        BadData: Names every check that did, with its detail.
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
    return pl.concat(
        part.group_by("series_id", "year")
        .agg(
            rows=pl.len().cast(pl.Int64),
            low=pl.col("value").min(),
            high=pl.col("value").max(),
            repeated=PERIOD_BIT.sum().bitwise_count_ones() != pl.len(),
        )
        .sort("series_id", "year")
        for part in by_series(observations)
    )


def layout_checks(name: str, profile: pl.DataFrame) -> list[Check]:
    """Return the checks of a file of which no line was refused; `name` is the publisher's."""
    rows, series = profile.get_column("rows").sum(), profile.get_column("series_id").n_unique()
    twice = [f"{s} {y}" for s, y in profile.filter("repeated").select("series_id", "year").rows()]
    keys = f"{rows:,} observations of {series:,} series"
    if twice:
        keys = f"a period is there twice in {some(twice)}"
    codes = "each is one of M01-M13, Q01-Q05, S01-S03, A01"
    return [
        required("schema", name, f"{rows:,} lines, each a well-formed observation", passed=True),
        required("periods known", name, codes, passed=True),
        required("keys unique", name, keys, passed=not twice),
    ]


# -- What is new in a data file ----------------------------------------------------------------
#
# Discontinued and resumed series, short histories, series without a line in the series file: much
# that looks odd is normal for a survey, and was in the previous release. So only new oddities fail
# a check. Without a previous release in the lake, nothing shows what is new: the check is skipped,
# and its detail gives what was found.


@dataclass(frozen=True)
class Earlier:
    """The previous release of the same data file.

    Attributes:
        generation: The last generation that had it.
        profile: As from `profile`.
        revisions: The newest release's changes from it, as from `revisions.compare`.
    """

    generation: int
    profile: pl.DataFrame
    revisions: pl.DataFrame


KEPT = "no rows are lost since the release before"
AGREES = "the same rows as the survey's complete file"
NO_EARLIER = "no earlier release is in the lake, so what is new is not known"

MATURE = 10
"""Years of values that a series must have before its range is meaningful: an index that was begun
five years ago leaves its range at every release."""


def years_contiguous(name: str, profile: pl.DataFrame, earlier: Earlier | None) -> Check:
    """Check that no series skips a year that it did not skip in the release before.

    A series that the release before did not have may come with gaps of its own.
    """
    found = _gaps(profile)
    span = "{}-{}".format(*profile.select(a=pl.col("year").min(), b=pl.col("year").max()).row(0))
    passed: bool | None = True
    if found.is_empty():
        detail = f"{span}, no series has a gap"
    elif earlier is None:
        passed, detail = None, f"{NO_EARLIER}; series with gaps, {_in_series(found)}"
    else:
        both = found.join(earlier.profile, on="series_id", how="semi")
        new = both.join(_gaps(earlier.profile), on=["series_id", "year"], how="anti")
        passed, then = new.is_empty(), f"generation {earlier.generation}"
        old = found.get_column("series_id").n_unique()
        detail = f"series with gaps that {then} did not have, {_in_series(new)}"
        if passed:
            detail = f"{span}; {old:,} series have gaps, none of them new since {then}"
    return advisory("years contiguous", name, detail, passed=passed)


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
    """Return gaps as text: `2: A lacks 2001, 2002, B lacks 1990`."""
    by_series = gaps.group_by("series_id", maintain_order=True).agg("year")
    named = [f"{series} lacks {some(years)}" for series, years in by_series.iter_rows()]
    return f"{len(named):,}: {some(named)}"


def values_in_range(name: str, profile: pl.DataFrame, earlier: Earlier | None) -> Check:
    """Check that new values stay within twice the range of the previous release's values.

    The doubled range keeps its middle. Growing series leave their past range at every release, by
    little; a misplaced decimal point or a changed unit leaves it by much. New values are those
    added, filled or revised; without a previous release, those of the newest year. A series is
    checked if it has `MATURE` years of earlier values.
    """
    if earlier is None:
        # Streaming: the dropped rows of a large file are never in memory at once.
        last = profile.select(pl.col("year").max()).item()
        newest = pl.col("year") == pl.lit(last)
        past = profile.lazy().filter(~newest)
        new = profile.lazy().filter(newest).select("series_id", "low", "high").drop_nulls()
        values, of = new.collect(engine="streaming"), f"the values of {last}"
    else:
        changed = earlier.revisions.filter(pl.col("change").is_in(["added", "filled", "revised"]))
        value = pl.col("new_value")
        values = changed.group_by("series_id").agg(low=value.min(), high=value.max()).drop_nulls()
        past, of = (
            earlier.profile.lazy(),
            f"the values that are new since generation {earlier.generation}",
        )
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
    passed: bool | None = True
    if outside := sorted(set(compared.filter(far).get_column("series_id").to_list())):
        detail = f"{of} are far from all before in {some(outside)}"
        passed = False
        if earlier is None:
            passed, detail = None, f"{NO_EARLIER}; {detail}"
    else:
        series = compared.get_column("series_id").n_unique()
        detail = f"{of} in {series:,} series are like those before"
        if young := values.get_column("series_id").n_unique() - series:
            detail += f"; {young:,} series have under {MATURE} years before"
    return advisory("values in range of history", name, detail, passed=passed)


def unlisted(profile: pl.DataFrame, catalogue: Catalogue) -> list[str]:
    """Return the series of a data file that the survey's series file does not have, sorted."""
    present = profile.get_column("series_id").unique().sort()
    listed = catalogue.frame.get_column("series_id")
    return present.filter(~present.is_in(listed.implode())).to_list()


def series_catalogued(
    name: str, profile: pl.DataFrame, catalogue: Catalogue, before: Collection[str] | None
) -> Check:
    """Check that the survey's series file has every series of the data file.

    `before` are the series that were missing in the release before; None where that is not known.
    """
    made = partial(advisory, "every series is in the survey's series file", name)
    if catalogue.frame.is_empty() or not catalogue.whole:
        return made("; ".join(catalogue.notes) or "the series file has no rows", passed=None)
    lacking = unlisted(profile, catalogue)
    series = profile.get_column("series_id").n_unique()
    detail = f"{series:,} series in the data, {catalogue.frame.height:,} in the series file"
    if not lacking:
        return made(detail, passed=True)
    if before is None:
        return made(f"{detail}; {NO_EARLIER}; not in it: {some(lacking)}", passed=None)
    if new := [series for series in lacking if series not in before]:
        return made(f"{detail}; not in it, and new there: {some(new)}", passed=False)
    old = f"{len(lacking):,} are not in it, as in the release before"
    return made(f"{detail}; {old}", passed=True)


def rows_kept(name: str, profile: pl.DataFrame, earlier: Earlier) -> Check:
    """Check that no observation of the previous release was removed.

    Years before the file's present first year are noted, but are no loss: some files hold the
    newest years only.
    """
    rows, first = profile.select(rows=pl.col("rows").sum(), first=pl.col("year").min()).row(0)
    removed = earlier.revisions.filter(pl.col("change") == "removed")
    lost = removed.filter(pl.col("year") >= first).height
    detail = f"{rows:,} rows; {lost:,} of generation {earlier.generation} are gone"
    if before := removed.height - lost:
        detail += f"; {before:,} of years before {first}, with which the file begins now"
    return advisory(KEPT, name, detail, passed=lost == 0)


_ROW = ["series_id", "year", "period", "value", "footnote_codes"]


@dataclass(frozen=True)
class Disagreement:
    """The rows that two files should share and don't: `series_id, year, period`."""

    rows: int
    extra: pl.DataFrame
    lacking: pl.DataFrame

    def all(self) -> pl.DataFrame:
        """Return both sets of rows, each row once, sorted."""
        return pl.concat([self.extra, self.lacking]).unique().sort(_ROW[:3])


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
    differed `before` (None: not known) don't fail it.
    """
    seen = now.all()
    if seen.is_empty():
        detail = f"all {now.rows:,} rows are those of {complete_name}"
        return advisory(AGREES, name, detail, passed=True)
    new = seen if before is None else seen.join(before.all(), on=_ROW[:3], how="anti")
    rows = (new if new.height else seen).rows()
    named = some([f"{series}, {in_words(period, year)}" for series, year, period in rows])
    detail = (
        f"rows that are not in {complete_name}: {now.extra.height:,}; rows of it not here: "
        f"{now.lacking.height:,}; such as {named}"
    )
    detail += "" if new.height else "; so it was in the release before"
    return advisory(AGREES, name, detail, passed=new.is_empty())


# -- The population ----------------------------------------------------------------------------

LEAST_GROWTH, MOST_GROWTH = -1.0, 3.0
"""Percent a year. Since 1900 the United States have grown by -0.1 (1918) to 2.1 (1909, 1914):
Census Bureau, national intercensal estimates. A rate beyond means another country or unit."""


def population_checks(name: str, population: pl.DataFrame, estimate: str) -> list[Check]:
    """Check an estimate's population: its growth is plausible, and no year is missing."""
    people: dict[int, int] = dict(population.select("year", "population").iter_rows())
    rates = {
        f"{before}-{after}": 100 * ((people[after] / people[before]) ** (1 / (after - before)) - 1)
        for before, after in pairwise(people)
    }
    beyond = [
        f"{span} ({percent(rate)})"
        for span, rate in rates.items()
        if not LEAST_GROWTH <= rate <= MOST_GROWTH
    ]
    grown = "one year alone has no growth"
    if rates:
        seen = some(beyond) or f"{percent(min(rates.values()))} to {percent(max(rates.values()))}"
        allowed = f"{percent(LEAST_GROWTH)} to {percent(MOST_GROWTH)} a year are plausible"
        grown = f"{seen}; {allowed}"
    first, last, never = min(people), max(people), never_published(estimate)
    gaps = [year for year in range(first, last) if year not in people]
    years = f"{first}-{last}" + (f" without {some(gaps)}" if gaps else "")
    if explained := sorted(never & set(gaps)):
        years += f" (no one-year estimate was published for {some(explained)})"
    return [
        required("growth plausible", name, grown, passed=not beyond if rates else None),
        advisory("no year is missing", name, years, passed=never.issuperset(gaps)),
    ]


# -- The answers -------------------------------------------------------------------------------

_required = partial(required, subject="answers")


def answer_checks(answers: Answers, series: pl.DataFrame) -> list[Check]:
    """Check that the answers are complete, and agree with each other and their data's series.

    `series` has one row or more a series: `series_id`, and `low`, null where it has no value.
    """
    answered = answers.best_year.get_column("series_id")
    valued = series.drop_nulls("low").get_column("series_id").unique()
    lacking = valued.filter(~valued.is_in(answered.implode()))
    wrong = some(sorted({*lacking, *answered.filter(answered.is_duplicated())}))
    detail = f"no answer, or two, for {wrong}" if wrong else f"{len(answered):,} series"
    name = "one best year for each series with values"
    made = [_required(name, detail=detail, passed=not wrong), _best_is_largest(answers)]
    if answers.population is not None and answers.population_statistics is not None:
        rows, people = answers.series_population, answers.population
        doubled = rows.select("series_id", "period", "year").is_duplicated().any()
        known = rows.drop_nulls("population")
        strangers = known.join(people, on=["year", "population"], how="anti")
        detail = f"{rows.height:,} rows, {known.height:,} with a population"
        passed = not doubled and strangers.is_empty()
        made.append(_required("the join keeps each year once", detail=detail, passed=passed))
        found = answers.population_statistics.row(0, named=True)
        years = pl.col("year").is_between(found["first_year"], found["last_year"])
        counts = people.filter(years).get_column("population").to_list()
        low, mean, high = min(counts), found["mean"], max(counts)
        detail = f"{mean:,.2f} lies between {low:,} and {high:,}"
        name, passed = "the mean lies within its years", low <= mean <= high
        made.append(_required(name, detail=detail, passed=passed))
    return made


_SERIES_AT_ONCE = 5_000


def _best_is_largest(answers: Answers) -> Check:
    """Compare each best year with its competitors; of means, sum times the other's periods."""
    by, complete = answers.question.by, pl.col("complete")
    competes = pl.lit(by == "sum") | complete | ~complete.any().over("series_id")
    columns = ("year", "value", "periods", "annual_average")
    best = (
        answers.best_year.filter(pl.lit(by == "mean") | (pl.col("basis") != "annual"))
        .select("series_id", "compared", **{f"best_{name}": name for name in columns})
        .sort("series_id")
    )
    own, other = pl.col("value"), pl.col("best_value")
    times = {name: pl.col(name).cast(pl.Decimal(38, 0)) for name in ("periods", "best_periods")}
    sides = {
        "sum": (own, other),
        "mean": (own * times["best_periods"], other * times["periods"]),
        "annual average": (pl.col("annual_average"), pl.col("best_annual_average")),
    }
    earlier = pl.col("year") < pl.col("best_year")
    beaten = pl.any_horizontal(
        (pl.col("compared") == name)
        & ((left > right) | ((left == right) & earlier)).fill_null(value=True)
        for name, (left, right) in sides.items()
    )
    wrong: list[str] = []
    # Part by part: all rows of a 1 GB file at once take hundreds of MB.
    for part in best.iter_slices(_SERIES_AT_ONCE):
        ids = part.get_column("series_id")
        within = pl.col("series_id").is_between(pl.lit(ids[0]), pl.lit(ids[-1]))
        rows = (
            answers.bls_census_stats.filter(within)
            .filter(competes)
            .join(part, on="series_id", how="left")
        )
        differ = rows.filter(beaten.fill_null(value=True)).get_column("series_id").unique()
        keys = {"best_year": "year", "best_value": "value"}
        absent = part.rename(keys).join(rows, on=["series_id", *keys.values()], how="anti")
        wrong += sorted({*differ, *absent.get_column("series_id")})
    detail = f"another year is larger, or earlier and as large, in {some(wrong)}"
    detail = detail if wrong else f"{best.height:,} series"
    return _required(f"each best year has the largest {by}", detail=detail, passed=not wrong)


def periods_differ(answers: Answers) -> Check:
    """Count the series whose complete years have different numbers of periods, as information.

    The check always passes. Sums of such years can't be compared; outside `pr` they are not.
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
    return advisory("periods of a year counted", "answers", detail, passed=True)
