"""`report.html`: one self-contained page, without script, network, clock or chance.

Its text is in `report.html.jinja`, its look in `report.css`. The template escapes whatever it is
given, except what was escaped when it was made: charts and tables.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from blsquest.analytics.periods import in_words
from blsquest.analytics.report import latest_values, sections
from blsquest.analytics.report.best_years import average, best_years, own_periods
from blsquest.analytics.report.chart_style import CSS
from blsquest.analytics.report.charts import Pictures
from blsquest.analytics.report.content import Content, as_json
from blsquest.analytics.report.html import cell, table
from blsquest.analytics.report.latest_values import Tile
from blsquest.analytics.report.section import NO_UNIT, Section, name_of, plain, shown_with
from blsquest.core.text import counted, printable, short

FILES = {
    "best_year": "The best year of each series",
    "bls_census_stats": "Each series by year: its sum, mean and annual average",
    "latest": "The newest value of each series, and its changes",
    "population_statistics": "Mean and standard deviations",
    "series_population": "The series beside the population",
    "catalogue": "The series in words",
    "report": "All that this page says, for programs",
}
"""The files beside the page, by name without ending, and their content."""


def page(content: Content, pictures: Pictures, beside: Iterable[str] = ()) -> bytes:
    """Write the report as UTF-8 HTML. The same content gives the same bytes.

    `beside` are the names of the files beside it, which it links.
    """
    report, inputs = as_json(content), content.inputs
    best, pairs = report["answers"]["best_year"], report["answers"]["series_population"]
    people = content.answers.population
    by_year = [] if people is None else people.cast({"year": pl.String}).rows()
    text: str = _template().render(
        content=content,
        heading=content.subject + (" and the US population" if pairs else ""),
        quest=best["by"] == "sum",
        own_periods=own_periods(best),
        survey=inputs["survey"],
        census=inputs.get("population"),
        report=report,
        answers=report["answers"],
        tiles=tiles(report),
        missing=[n for n in content.notes if not n.startswith(f"{sections.REVISED}: ")],
        verdict=sections.verdict(report["checks"]),
        people=Section("Population by year", "Population by year", ("Year", "People"), by_year),
        pictures=pictures,
        files=_files(beside),
    )
    return text.encode()


def _files(names: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Return the content of the files of each name, in the order above, and their full names."""
    found: dict[str, list[str]] = {stem: [] for stem in FILES}
    for name in sorted(names):
        found.setdefault(name.rpartition(".")[0], []).append(name)
    return [(FILES.get(stem, stem), forms) for stem, forms in found.items() if forms]


def _day(stamp: str) -> str:
    """Return the UTC day of a publisher's `Last-Modified`; any other text stays as it is."""
    try:
        return f"{parsedate_to_datetime(stamp):%Y-%m-%d}"
    except (ValueError, OverflowError):
        return stamp


def _shown(value: Any) -> Any:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "day": _day,
        "short": short,
        # SVGs of our own making, which can hold neither script nor link.
        "svg": Markup,
        "table": table,
        "cell": cell,
    }
    # The project's own file.
    css = Markup(CSS)  # noqa: S704
    environment.globals |= {
        "sections": sections,
        "values": latest_values,
        "best_years": best_years,
        "css": css,
    }
    return environment.get_template("report.html.jinja")


# -- The figures that are read first ---------------------------------------------------------------


def tiles(report: Mapping[str, Any]) -> list[Tile]:
    """Return a tile for each of the report's questions, and one for the revisions.

    In `pr` the quest's three questions come first; elsewhere the newest values do.
    """
    answers = report["answers"]
    newest, best = latest_values.tiles(answers["latest"]), answers["best_year"]
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
    line = f"average {plain(average(row))} {row['unit'] or f'({NO_UNIT})'}, the largest {which}"
    return Tile(f"Best year: {name_of(row)}", str(row["year"]), "", (line,))


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
    """Count the revised values; or the withdrawn ones, which must not be overlooked."""
    if not report["changes"]:
        why = sections.uncompared(report["notes"])
        return Tile("Revised by the newest release", "not compared", "", (why,))
    counts = report["changes"]["counts"]
    what = "withdrawn" if counts.get("withdrawn") else "revised"
    values = "value" if counts[what] == 1 else "values"
    title = f"{what.capitalize()} by the newest release"
    return Tile(title, counts[what], values, (sections.changed(counts),))
