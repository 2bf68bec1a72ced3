"""What the charts have in common: years on an axis, lines with gaps, and a picture in two sizes.

altair takes most of a second to import, so it is imported when something is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.analytics.chart_style import FIRST, NARROW, WIDE, Picture, to_svg

if TYPE_CHECKING:
    from collections.abc import Callable

    import altair as alt

    from flows.analytics.chart_style import Size


def picture(title: str, description: str, draw: Callable[[Size], alt.ChartType]) -> Picture:
    """Draw a chart for a page and for a phone.

    Args:
        title: What it shows.
        description: What one sees in it.
        draw: Makes the chart for one size.
    """
    wide, narrow = (
        to_svg(draw(size), title=title, description=description) for size in (WIDE, NARROW)
    )
    return Picture(title, description, wide, narrow)


def span(frame: pl.DataFrame) -> tuple[int, int]:
    """The first and the last year of a frame that has one."""
    years: list[int] = frame.get_column("year").to_list()
    return min(years), max(years)


def every_year(frame: pl.DataFrame, column: str, scale: float = 1.0) -> pl.DataFrame:
    """`year` and `value` of each year from the first to the last, null where there is none."""
    first, last = span(frame)
    years = pl.DataFrame({"year": range(first, last + 1)}, schema={"year": frame.schema["year"]})
    known = frame.select("year", (pl.col(column).cast(pl.Float64) * scale).alias("value"))
    return years.join(known, on="year", how="left", maintain_order="left")


def along_years(field: str, first: int, last: int, size: Size) -> alt.X:
    """Years as points on a line."""
    import altair as alt

    every = -(-(last - first + 1) // size.ticks)
    return alt.X(
        f"{field}:Q",
        title=None,
        scale=alt.Scale(domain=[first - 0.5, last + 0.5], nice=False),
        axis=alt.Axis(values=list(range(first, last + 1, every)), format="d", grid=False),
    )


def year_bands(first: int, last: int, size: Size, *, title: str) -> alt.X:
    """Years side by side, also those without anything; the field `year` is text."""
    import altair as alt

    years = [str(year) for year in range(first, last + 1)]
    every = -(-len(years) // size.ticks)
    axis = alt.Axis(values=years[::every], labelAngle=0, ticks=False)
    return alt.X("year:O", title=title, scale=alt.Scale(domain=years), axis=axis)


def line_with_gaps(frame: pl.DataFrame, x: alt.X, y: alt.Y, colour: str = FIRST) -> alt.LayerChart:
    """A line that ends where a value is missing and begins anew, with a point for each value."""
    import altair as alt

    chart = alt.Chart(frame).encode(x=x, y=y)
    known = alt.Chart(frame.drop_nulls("value")).encode(x=x, y=y)
    return alt.LayerChart(
        layer=[
            chart.mark_line(color=colour, invalid="break-paths-show-path-domains"),
            known.mark_point(color=colour, filled=True, size=30, opacity=1),
        ]
    )
