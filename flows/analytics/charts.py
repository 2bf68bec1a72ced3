"""The charts of the three answers, each for a page and for a phone.

A chart takes floats: it is a picture of the exact numbers in the tables beside it.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from flows.analytics.chart_parts import (
    along_years,
    every_year,
    line_with_gaps,
    picture,
    span,
    year_bands,
)
from flows.analytics.chart_style import BAND, FIRST, HEAT, MUTED, SECOND
from flows.analytics.plain_text import short

if TYPE_CHECKING:
    import altair as alt

    from flows.analytics.answers import Answers
    from flows.analytics.chart_style import Picture, Size
    from flows.analytics.listed import Pair

_BASES = {"months": HEAT[2], "quarters": FIRST, "halves": MUTED, "annual": SECOND}
_PEOPLE = "million people"


def population_chart(answers: Answers) -> Picture:
    """The population by year, with the mean and the deviation asked for; missing years are gaps."""
    people = answers.population
    found = answers.population_statistics.row(0, named=True)
    first, last = span(people)
    whole = every_year(people, "population", scale=1e-6)
    gaps = whole.filter(pl.col("value").is_null())
    missing = ", ".join(map(str, gaps.get_column("year")))
    asked = f"{found['first_year']}-{found['last_year']}"

    def draw(size: Size) -> alt.ChartType:
        import altair as alt

        x = partial(along_years, first=first, last=last, size=size)
        y = partial(alt.Y, title=_PEOPLE, scale=alt.Scale(zero=False))
        band = alt.Chart(_band(found))
        layers = [
            band.mark_rect(color=BAND).encode(x=x("from"), x2="to:Q", y=y("low:Q"), y2="high:Q"),
            band.mark_rule(color=MUTED, strokeDash=[4, 3]).encode(
                x=x("from"), x2="to:Q", y=y("mean:Q")
            ),
            band.mark_text(align="left", baseline="bottom", dx=4, dy=-3).encode(
                x=x("from"), y=y("high:Q"), text="said:N"
            ),
            line_with_gaps(whole, x("year"), y("value:Q")),
        ]
        if missing:
            said = alt.Chart(gaps).mark_text(angle=270, baseline="middle")
            layers.append(said.encode(x=x("year"), y=alt.value(150), text=alt.value("no estimate")))
        return alt.LayerChart(layer=layers).properties(width=size.width - 60, height=240)

    return picture(
        f"US population, {first}-{last}",
        f"A line from {_millions(people.item(0, 'population'))} in {first} to "
        f"{_millions(people.item(-1, 'population'))} in {last}."
        + (f" No estimate for {missing}: a gap in the line." if missing else "")
        + f" The mean of {asked} is {_millions(found['mean'])}, shown with one standard deviation "
        "above and below.",
        draw,
    )


def series_chart(pair: Pair) -> Picture:
    """One series and the population, above each other on the same years.

    Two scales in one panel would let the eye see a relation that only the scales make.
    """
    name, unit = short(pair.title or pair.series_id), short(pair.unit or "unit not known")
    first, last = span(pair.rows)
    panels = (
        (every_year(pair.rows, "value"), unit, FIRST, 170),
        (every_year(pair.rows, "population", scale=1e-6), _PEOPLE, SECOND, 110),
    )
    known = pair.rows.drop_nulls("population")
    reach = "known for {}-{}".format(*span(known)) if known.height else "unknown in these years"

    def draw(size: Size) -> alt.ChartType:
        import altair as alt

        x = along_years("year", first, last, size)
        drawn = [
            line_with_gaps(
                frame, x, alt.Y("value:Q", title=title, scale=alt.Scale(zero=False)), colour
            ).properties(width=size.width - 70, height=height)
            for frame, title, colour, height in panels
        ]
        return alt.VConcatChart(vconcat=drawn, spacing=12)

    return picture(
        f"{name}, {pair.period}, and the US population",
        f"Two lines over {first}-{last}: the series ({unit}) above, the population, {reach}, "
        "below. Years without a number are gaps.",
        draw,
    )


def best_years_chart(answers: Answers) -> Picture | None:
    """How many series have their best year in each year; None where no series has one."""
    best = answers.best_year
    if best.is_empty():
        return None
    first, last = span(best)
    counted = best.group_by("year", "basis").len("series").sort("year", "basis")
    counts = Counter(best.get_column("year").to_list())
    times = max(counts.values())
    top = [str(year) for year in sorted(counts) if counts[year] == times]
    often = f"year is {top[0]}" if len(top) == 1 else f"years are {' and '.join(top)}"
    each = "" if len(top) == 1 else " each"
    bases = [basis for basis in _BASES if basis in set(counted.get_column("basis"))]

    def draw(size: Size) -> alt.ChartType:
        import altair as alt

        chart: alt.Chart = (
            alt.Chart(counted.with_columns(pl.col("year").cast(pl.String)))
            .mark_bar()
            .encode(
                x=year_bands(first, last, size, title="best year"),
                y=alt.Y("series:Q", title="number of series"),
                color=alt.Color(
                    "basis:N",
                    title="answered from",
                    scale=alt.Scale(domain=bases, range=[_BASES[basis] for basis in bases]),
                ),
                order=alt.Order("basis:N", sort="descending"),
            )
            .properties(width=size.width - 60, height=200)
        )
        return chart

    return picture(
        "Best years, by number of series",
        f"Bars from {first} to {last}. The most frequent best {often} ({times:,} of "
        f"{best.height:,} series{each}).",
        draw,
    )


def _band(found: dict[str, float]) -> pl.DataFrame:
    """The asked years with their mean and one deviation on each side, in millions."""
    mean, deviation = found["mean"] / 1e6, found["std"] / 1e6
    return pl.DataFrame(
        {
            "from": [found["first_year"] - 0.3],
            "to": [found["last_year"] + 0.3],
            "low": [mean - deviation],
            "high": [mean + deviation],
            "mean": [mean],
            "said": [f"mean {mean:,.1f} ± {deviation:,.1f}"],
        }
    )


def _millions(people: float) -> str:
    return f"{people / 1e6:,.1f} million"
