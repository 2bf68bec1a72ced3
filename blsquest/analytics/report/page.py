"""`report.html`: one self-contained page, without script, network, clock or chance.

Its text is in `report.html.jinja`, its look in `report.css`. The template escapes whatever it is
given; what comes ready-made is the charts alone, whose text was escaped when they were drawn.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from blsquest.analytics.checks import verdict
from blsquest.analytics.report.chart_style import DARK, FONTS, LIGHT
from blsquest.analytics.report.json import MOST, listed_best_years, pairs
from blsquest.core.text import days, number, printable, short

if TYPE_CHECKING:
    from decimal import Decimal

    from blsquest.analytics.report.chart_style import Picture
    from blsquest.analytics.report.charts import Pictures
    from blsquest.analytics.report.content import Content


FOLDER = Path(__file__).parent

SUBJECTS = {"pr": "US productivity"}
"""What a survey is about, as the notebook says it too; others are called by their abbreviation."""

MOST_OPEN = 40
"""More rows than this stand in a box that scrolls; a box must not hide what is soon read."""


def page(content: Content, pictures: Pictures) -> bytes:
    """The report as UTF-8 HTML. The same content gives the same bytes.

    Args:
        content: What is told.
        pictures: As drawn from it.
    """
    answers = content.answers
    years = answers.population.get_column("year").to_list()
    text: str = _template().render(
        content=content,
        heading=f"{SUBJECTS.get(content.survey, f'Survey {content.survey}')} and the US population",
        answers=answers,
        survey=content.inputs["survey"],
        census=content.inputs["population"],
        statistics=answers.population_statistics.row(0, named=True),
        people=answers.population.rows(named=True),
        gaps=sorted(set(range(years[0], years[-1] + 1)) - set(years)),
        best=listed_best_years(answers).rows(named=True),
        most=MOST,
        most_open=MOST_OPEN,
        ties=answers.best_year.filter(answers.best_year["tied_years"].list.len() > 1).rows(
            named=True
        ),
        annual=answers.best_year.filter(answers.best_year["basis"] == "annual").height,
        pairs=list(pairs(answers)),
        compared=_compared(content),
        observations=content.changes.shares.get_column("rows").sum() if content.changes else None,
        verdict=verdict(content.checks),
        pictures=pictures,
    )
    return text.encode()


def _number(value: Decimal | float | None) -> Markup:
    """A number for people, with its exact value beside it for programs."""
    if value is None:
        return Markup("unknown")
    return Markup('<data value="{}">{}</data>').format(str(value), number(value))


def _whole(people: float | None) -> Markup:
    """As `_number`, but no fraction of a person is shown: it tells nothing in a headline."""
    if people is None:
        return _number(people)
    return Markup('<data value="{}">{}</data>').format(str(people), f"{people:,.0f}")


def _compared(content: Content) -> list[str]:
    """When the release before and the newest one were committed."""
    if content.changes is None:
        return []
    return days(content.changes.committed, content.inputs["survey"]["committed"])


def _day(stamp: str) -> str:
    """The UTC day of a publisher's `Last-Modified`; what is no such date stays as it is."""
    try:
        return f"{parsedate_to_datetime(stamp):%Y-%m-%d}"
    except (ValueError, OverflowError):
        return stamp


def _figure(picture: Picture) -> Markup:
    """Both drawings: the page's style shows the one that fits."""
    drawings = (("wide", picture.wide), ("narrow", picture.narrow))
    return Markup("").join(
        # An SVG of our own making, which can hold neither script nor link.
        Markup('<div class="{}">{}</div>').format(which, Markup(svg))  # noqa: S704
        for which, svg in drawings
    )


def _colours(palette: dict[str, str]) -> Markup:
    return Markup(";").join(Markup("{}:{}").format(name, value) for name, value in palette.items())


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
        "number": _number,
        "whole": _whole,
        "day": _day,
        "figure": _figure,
        "short": short,
    }
    environment.globals |= {
        # The project's own file.
        "css": Markup((FOLDER / "report.css").read_text()),  # noqa: S704
        "light": _colours(LIGHT),
        "dark": _colours(DARK),
        "fonts": Markup(FONTS),  # noqa: S704 - names of fonts, with quotes that CSS needs
    }
    return environment.get_template("report.html.jinja")
