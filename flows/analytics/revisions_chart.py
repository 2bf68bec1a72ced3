"""What the newest release revised, as a heat map: which part of what, and of which years."""

from __future__ import annotations

import json
from textwrap import wrap
from typing import TYPE_CHECKING

import polars as pl

from flows.analytics.chart_parts import picture, span, year_bands
from flows.analytics.chart_style import GROUND, HEAT, WIDE
from flows.analytics.plain_text import short

if TYPE_CHECKING:
    import altair as alt

    from flows.analytics.chart_style import Picture, Size
    from flows.analytics.release_changes import ReleaseChanges

ROW, LETTER = 16, 6.8
"""Pixels: a line's height, and a letter's width on average, rounded up."""

SHARES = ("none", "up to 25 %", "25-50 %", "50-75 %", "over 75 %")
_ABOVE = (0.0, 0.25, 0.5, 0.75)


def revisions_chart(changes: ReleaseChanges) -> Picture | None:
    """Which part of the observations was revised, by group and year; None where none was.

    The steps are the same for every release, so that two reports can be compared by eye.
    """
    if not changes.counts["revised"]:
        return None
    shares = changes.shares.with_columns(
        pl.col("group").map_elements(short, return_dtype=pl.String)
    )
    first, last = span(shares)
    totals = shares.group_by("group").agg(pl.col("revised").sum() / pl.col("rows").sum())
    ranked = totals.sort("revised", "group", descending=[True, False])
    order: list[str] = ranked.get_column("group").to_list()
    step = pl.sum_horizontal((pl.col("share") > least).cast(pl.Int8) for least in _ABOVE)
    cells = shares.select(
        "group", pl.col("year").cast(pl.String), share=step.replace_strict(dict(enumerate(SHARES)))
    )

    def draw(size: Size) -> alt.ChartType:
        import altair as alt

        labels = {name: _wrapped(name, size) for name in order}
        row = ROW * max(label.count("\n") + 1 for label in labels.values())
        chart: alt.Chart = (
            alt.Chart(cells)
            .mark_rect(stroke=GROUND, strokeWidth=1)
            .encode(
                x=year_bands(first, last, size, title="year of the observation"),
                y=alt.Y(
                    "group:N",
                    title=None,
                    sort=order,
                    axis=alt.Axis(
                        labelExpr=f"({json.dumps(labels)})[datum.value]",
                        labelLimit=size.labels,
                        ticks=False,
                        domain=False,
                    ),
                ),
                color=alt.Color(
                    "share:N",
                    title="revised",
                    scale=alt.Scale(domain=SHARES, range=HEAT),
                    legend=alt.Legend(columns=len(SHARES) if size is WIDE else 2),
                ),
            )
            .properties(width=size.width - size.labels - 20, height=max(30, row * len(order)))
        )
        return chart

    return picture(
        "Share of observations revised by the newest release",
        f"A heat map: {len(order)} rows ({changes.grouped_by or 'all series together'}) by "
        f"{last - first + 1} years, {first}-{last}, the most revised row on top ({order[0]}). "
        f"Values revised: {changes.counts['revised']:,}.",
        draw,
    )


def _wrapped(name: str, size: Size) -> str:
    """A row's name on at most two lines that are about as wide as a chart has room for."""
    return "\n".join(wrap(name, int(size.labels / LETTER), max_lines=2, placeholder=" …"))
