"""`report.html`: one self-contained page, without script, network, clock or chance.

Its text is in `report.html.jinja`, its look in `report.css`. The template escapes whatever it is
given, except what was escaped when it was made: charts and tables.
"""

from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from blsquest.analytics.report import latest_values, sections
from blsquest.analytics.report.best_years import best_years, own_periods
from blsquest.analytics.report.chart_style import CSS
from blsquest.analytics.report.charts import Pictures
from blsquest.analytics.report.content import Content, as_json
from blsquest.analytics.report.html import cell, table
from blsquest.analytics.report.section import Section
from blsquest.analytics.report.tiles import tiles
from blsquest.core.text import printable, short

FILES = {
    "best_year": "The best year of each series",
    "bls_census_stats": "Each series by year: its sum, mean and annual average",
    "latest": "The newest value of each series, and its changes",
    "population_statistics": "Mean and standard deviations",
    "series_population": "The series beside the population",
    "catalogue": "The series in words",
    "report": "All that this page says, for programs",
}
"""What lies beside the page, by the name without its ending, and what that holds."""


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
    """Return what the files of each name hold, in the order above, and the names with endings."""
    found: dict[str, list[str]] = {stem: [] for stem in FILES}
    for name in sorted(names):
        found.setdefault(name.rpartition(".")[0], []).append(name)
    return [(FILES.get(stem, stem), forms) for stem, forms in found.items() if forms]


def _day(stamp: str) -> str:
    """Return the UTC day of a publisher's `Last-Modified`; what is no such date stays as it is."""
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
