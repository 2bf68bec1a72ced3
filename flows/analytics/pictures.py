"""All pictures of one report, drawn once: the page and the dashboard show the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.analytics.charts import best_years_chart, population_chart, series_chart
from flows.analytics.listed import pairs
from flows.analytics.revisions_chart import revisions_chart

if TYPE_CHECKING:
    from flows.analytics.chart_style import Picture
    from flows.analytics.content import Content

MOST_SERIES = 6
"""Pairs beyond so many have a table and no picture."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """A report's pictures.

    Attributes:
        population: The population by year.
        best_years: None where no series has a best year.
        series: Of the first asked pairs, in their order.
        changes: None where nothing was revised, or nothing compared.
    """

    population: Picture
    best_years: Picture | None
    series: tuple[Picture, ...]
    changes: Picture | None


def draw(content: Content) -> Pictures:
    """Draw a report's pictures; the first one in a process takes half a second more."""
    asked = list(pairs(content.answers))[:MOST_SERIES]
    return Pictures(
        population=population_chart(content.answers),
        best_years=best_years_chart(content.answers),
        series=tuple(series_chart(pair) for pair in asked),
        changes=revisions_chart(content.changes) if content.changes else None,
    )
