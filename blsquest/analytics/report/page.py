"""`report.html`: one self-contained page, without script, network, clock or chance.

Its text is in `report.html.jinja`, its look in `report.css`. The template escapes whatever it is
given, except what was escaped when it was made: charts and tables.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from blsquest.analytics.periods import in_words
from blsquest.analytics.report import latest_values, sections
from blsquest.analytics.report.best_years import own_periods
from blsquest.analytics.report.chart_style import CSS
from blsquest.analytics.report.content import as_json
from blsquest.analytics.report.html import cell, data, table
from blsquest.analytics.report.section import Section
from blsquest.core.text import printable, short

if TYPE_CHECKING:
    from blsquest.analytics.report.charts import Pictures
    from blsquest.analytics.report.content import Content


FOLDER = Path(__file__).parent

PEOPLE = ("Year", "People")


def page(content: Content, pictures: Pictures) -> bytes:
    """Write the report as UTF-8 HTML. The same content gives the same bytes."""
    report, inputs = as_json(content), content.inputs
    best, pairs = report["answers"]["best_year"], report["answers"]["series_population"]
    people = content.answers.population.select(pl.col("year").cast(pl.String), "population")
    text: str = _template().render(
        content=content,
        heading=content.subject + (" and the US population" if pairs else ""),
        quest=best["by"] == "sum",
        own_periods=own_periods(best),
        survey=inputs["survey"],
        census=inputs["population"],
        report=report,
        answers=report["answers"],
        observations=content.changes
        and content.changes.shares["rows"].sum() - content.changes.counts["added"],
        verdict=sections.verdict(report["checks"]),
        people=Section("Population by year", "Population by year", PEOPLE, people.rows()),
        pictures=pictures,
    )
    return text.encode()


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
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        # No fraction of a person is shown in a headline.
        "number": lambda value: data(value, f"{value:,.0f}"),
        "day": _day,
        "short": short,
        # SVGs of our own making, which can hold neither script nor link.
        "svg": Markup,
        "table": table,
        "cell": cell,
    }
    # The project's own file.
    css = Markup(CSS)  # noqa: S704
    environment.globals |= {"sections": sections, "values": latest_values, "css": css}
    environment.globals |= {"in_words": in_words}
    return environment.get_template("report.html.jinja")
