"""The figures that are read first, from the values of `report.json`. Needs no polars."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from blsquest.analytics.periods import in_words
from blsquest.analytics.report.best_years import average
from blsquest.analytics.report.latest_values import Tile
from blsquest.analytics.report.latest_values import tiles as latest_tiles
from blsquest.analytics.report.section import NO_UNIT, name_of, plain, shown_with
from blsquest.analytics.report.sections import changed, uncompared
from blsquest.core.text import counted


def tiles(report: Mapping[str, Any]) -> list[Tile]:
    """Answer the report's questions in a figure each, and say what was revised.

    In `pr` the quest's three questions come first; elsewhere the newest values do.
    """
    answers = report["answers"]
    newest, best = latest_tiles(answers["latest"]), answers["best_year"]
    joined = [_pair(pair) for pair in answers["series_population"]]
    if best["by"] == "sum":
        first = [_population(answers["population_statistics"]), _most_often(best), *joined]
        return [*first, _revised(report), *newest]
    return [*newest, *map(_largest_year, best["headlines"][:1]), *joined, _revised(report)]


def _population(found: Mapping[str, Any]) -> Tile:
    kind = "of a sample" if found["ddof"] else "of a population"
    return Tile(
        f"Mean US population, {found['first_year']}-{found['last_year']}",
        # No fraction of a person is shown in a headline.
        round(found["mean"]),
        "",
        (f"standard deviation {found['std']:,.0f} ({kind}, ddof = {found['ddof']})",),
        wide=False,
    )


def _most_often(best: Mapping[str, Any]) -> Tile:
    title, total = "Most frequent best year", best["series"]
    years = Counter(sorted(row["year"] for row in best["rows"]))
    if not years:
        return Tile(title, "none", "", ("no series has a value",), wide=False)
    [(year, times)] = years.most_common(1)
    ties = f"years of {counted(best['tied'], 'series')} tie" if best["tied"] else "no years tie"
    partial = f", {best['partial']:,} answered by a partial year" if best["partial"] else ""
    lines = (f"of {times:,} of {total:,} series", ties + partial)
    return Tile(title, str(year), "", lines, wide=False)


def _largest_year(row: Mapping[str, Any]) -> Tile:
    """Show the best year of the first headline series: the largest by its average."""
    which = "of its complete years" if not row["partial"] else "no year is complete"
    told = f"average {plain(average(row))} {row['unit'] or f'({NO_UNIT})'}, the largest {which}"
    return Tile(f"Best year: {name_of(row)}", str(row["year"]), "", (told,))


def _pair(pair: Mapping[str, Any]) -> Tile:
    """Show the newest value that has a population, else the newest."""
    rows = [row for row in pair["rows"] if row["value"]]
    joined = [row for row in rows if row["population"] is not None]
    unit, title = (
        pair["unit"] or NO_UNIT,
        f"{name_of(pair)}, {in_words(pair['period'])}, and the population",
    )
    if not rows:
        return Tile(title, "none", "", ("no value was published",))
    row = (joined or rows)[-1]
    people = f"{row['population']:,} people" if joined else "no estimate of the population"
    both = f"{len(joined)} of {counted(len(pair['rows']), 'year')} have a value and a population"
    value = shown_with(pair.get("decimals"), row["value"])
    return Tile(title, value, unit, (f"in {row['year']}, with {people}", both))


def _revised(report: Mapping[str, Any]) -> Tile:
    """Count what was revised; or what was withdrawn, which must not be overlooked."""
    if not report["changes"]:
        why = uncompared(report["notes"])
        return Tile("Revised by the newest release", "not compared", "", (why,))
    counts = report["changes"]["counts"]
    what = "withdrawn" if counts.get("withdrawn") else "revised"
    values = "value" if counts[what] == 1 else "values"
    title = f"{what.capitalize()} by the newest release"
    return Tile(title, counts[what], values, (changed(counts),))
