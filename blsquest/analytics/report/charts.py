"""The charts of a report, each for a page and for a phone.

A chart takes floats: it is a picture of the exact numbers in the tables beside it.
"""

import json
from collections import Counter
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import polars as pl

from blsquest.analytics.answers import Answers
from blsquest.analytics.periods import PERIODS, in_words, months_of
from blsquest.analytics.release_changes import ReleaseChanges
from blsquest.analytics.report.chart_style import (
    BAND,
    FIRST,
    GROUND,
    HEAT,
    MUTED,
    NEW,
    SECOND,
    WIDE,
    Chart,
    Picture,
    Size,
    picture,
)
from blsquest.analytics.report.content import Content, Pair, pairs
from blsquest.core.text import short

MOST_SERIES = 6
"""Pairs beyond this number have a table and no picture."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """A report's pictures; None for one that would show nothing."""

    population: Picture | None
    best_years: Picture | None
    series: tuple[Picture, ...]
    changes: Picture | None
    chosen: Picture | None


def draw(content: Content) -> Pictures:
    """Draw a report's pictures."""
    return Pictures(
        population=population_chart(content.answers),
        best_years=best_years_chart(content.answers),
        series=tuple(map(series_chart, list(pairs(content.answers))[:MOST_SERIES])),
        changes=revisions_chart(content.changes) if content.changes else None,
        chosen=chosen_chart(content),
    )


# -- Axes and lines ----------------------------------------------------------------------------


def _span(frame: pl.DataFrame) -> tuple[int, int]:
    years: list[int] = frame.get_column("year").to_list()
    return min(years), max(years)


def _every_year(frame: pl.DataFrame, column: str, scale: float = 1.0) -> pl.DataFrame:
    """Return `year` and `value` of each year from the first to the last, null for none."""
    first, last = _span(frame)
    years = pl.DataFrame({"year": range(first, last + 1)}, schema={"year": frame.schema["year"]})
    known = frame.select("year", (pl.col(column).cast(pl.Float64) * scale).alias("value"))
    return years.join(known, on="year", how="left", maintain_order="left")


def _along_years(field: str, first: int, last: int, size: Size, *, beside: float = 0.5) -> Chart:
    """Place years as points on a line, with a margin of `beside` years at both ends."""
    every = -(-(last - first + 1) // size.ticks)
    # No padding, which only bars would have: the panels must align.
    scale = {"domain": [first - beside, last + beside], "nice": False, "padding": 0}
    axis = {"values": list(range(first, last + 1, every)), "format": "d", "grid": False}
    return _number(field, None, scale=scale, axis=axis)


def _year_bands(first: int, last: int, size: Size, *, title: str) -> Chart:
    """Place years side by side, also empty ones; the field `year` is text."""
    years = [str(year) for year in range(first, last + 1)]
    every = -(-len(years) // size.ticks)
    axis = {"values": years[::every], "labelAngle": 0, "ticks": False}
    return _word("year", title, type="ordinal", scale={"domain": years}, axis=axis)


def _number(field: str, title: str | None, **how: Any) -> Chart:
    return {"field": field, "type": "quantitative", "title": title, **how}


def _word(field: str, title: str | None, **how: Any) -> Chart:
    return {"field": field, "type": "nominal", "title": title, **how}


def _marks(frame: pl.DataFrame, kind: str, encoding: Chart, **how: Any) -> Chart:
    return {
        "data": {"values": frame.to_dicts()},
        "mark": {"type": kind, **how},
        "encoding": encoding,
    }


def _line_with_gaps(frame: pl.DataFrame, x: Chart, y: Chart, colour: str = FIRST) -> Chart:
    """Draw a line with gaps where values are missing, and a point for each value."""
    where, known = {"x": x, "y": y}, frame.drop_nulls("value")
    line = _marks(frame, "line", where, color=colour, invalid="break-paths-show-path-domains")
    points = _marks(known, "point", where, color=colour, filled=True, size=30, opacity=1)
    return {"layer": [line, points]}


_FREE = {"zero": False}

# -- The charts --------------------------------------------------------------------------------

_BASES = {"months": HEAT[2], "quarters": FIRST, "halves": MUTED, "annual": SECOND}
_PEOPLE = "million people"


def population_chart(answers: Answers) -> Picture | None:
    """Draw the population by year, with mean and deviation; missing years are gaps."""
    people = answers.population
    if people is None or answers.population_statistics is None:
        return None
    found = answers.population_statistics.row(0, named=True)
    mean, deviation = found["mean"] / 1e6, found["std"] / 1e6
    first, last = _span(people)
    whole = _every_year(people, "population", scale=1e-6)
    gaps = whole.filter(pl.col("value").is_null())
    band = pl.DataFrame(
        {
            "from": [found["first_year"] - 0.3],
            "to": [found["last_year"] + 0.3],
            "low": [mean - deviation],
            "high": [mean + deviation],
            "mean": [mean],
            "label": [f"mean {mean:,.1f} ± {deviation:,.1f}"],
        }
    )

    def draw(size: Size) -> Chart:
        begin, to = _along_years("from", first, last, size), {"field": "to"}
        low, high, middle, value = (
            _number(field, _PEOPLE, scale=_FREE) for field in ("low", "high", "mean", "value")
        )
        rect = {"x": begin, "x2": to, "y": low, "y2": {"field": "high"}}
        words = {"x": begin, "y": high, "text": {"field": "label"}}
        year = _along_years("year", first, last, size)
        none = {"x": year, "y": {"value": 150}, "text": {"value": "no estimate"}}
        layers = [
            _marks(band, "rect", rect, color=BAND),
            _marks(
                band, "rule", {"x": begin, "x2": to, "y": middle}, color=MUTED, strokeDash=[4, 3]
            ),
            _marks(band, "text", words, align="left", baseline="bottom", dx=4, dy=-3),
            _line_with_gaps(whole, year, value),
        ]
        if gaps.height:
            layers.append(_marks(gaps, "text", none, angle=270, baseline="middle"))
        return {"layer": layers, "width": size.width - 60, "height": 240}

    note = ""
    if missing := ", ".join(map(str, gaps.get_column("year"))):
        note = f" There is no estimate for {missing}: the line has a gap, nothing is filled in."
    ends = [f"{count / 1e6:,.1f} million" for count in people["population"].gather([0, -1])]
    return picture(
        f"US population, {first}-{last}",
        f"A line from {ends[0]} in {first} to {ends[1]} in {last}. The band is the mean of "
        f"{found['first_year']}-{found['last_year']}, {mean:,.1f} million, and one standard "
        f"deviation (ddof = {found['ddof']}) on each side.{note}",
        draw,
    )


def series_chart(pair: Pair) -> Picture:
    """Draw one series and the population, above each other on the same years.

    Two scales in one panel would suggest a relation that only the scales make.
    """
    name, unit = short(pair.title or pair.series_id), short(pair.unit or "unit not stated")
    first, last = _span(pair.rows)
    panels = (
        (_every_year(pair.rows, "value"), unit, FIRST, 170),
        (_every_year(pair.rows, "population", scale=1e-6), _PEOPLE, SECOND, 110),
    )
    known = pair.rows.drop_nulls("population")
    reach = "known for {}-{}".format(*_span(known)) if known.height else "unknown in these years"

    def draw(size: Size) -> Chart:
        x = _along_years("year", first, last, size)
        drawn = [
            _line_with_gaps(frame, x, _number("value", title, scale=_FREE), colour)
            | {"width": size.width - 70, "height": height}
            for frame, title, colour, height in panels
        ]
        return {"vconcat": drawn, "spacing": 12}

    return picture(
        f"{name}, {in_words(pair.period)}, and the US population",
        f"Two lines over {first}-{last}: the series ({unit}) above, the population, {reach}, "
        "below. Years without a number are gaps.",
        draw,
    )


CHOSEN_YEARS = 10
"""Years drawn of the first series: with more, its newest values can't be seen."""


def chosen_chart(content: Content) -> Picture | None:
    """Draw the first series' newest years, and by how much the newest release revised them."""
    rows, series = content.chosen, content.headlines[0].series_id if content.headlines else None
    if rows is None or rows.drop_nulls("value").is_empty():
        return None
    last: int = rows.item(-1, "year")
    shown = rows.filter(pl.col("year") > last - CHOSEN_YEARS)
    row = content.answers.latest.filter(series_id=series).row(0, named=True)
    name, unit = short(row["title"] or row["series_id"]), short(row["unit"] or "unit not stated")
    # A year's tick is at its beginning; an annual figure is drawn at the tick.
    annual = row["basis"] == "annual"
    months = {p: (months_of(p)[0] - 1, months_of(p)[-1]) for p in PERIODS}
    middles = {p: 0 if annual else sum(ends) / 24 for p, ends in months.items()}
    moment = (pl.col("year") + pl.col("period").replace_strict(middles)).alias("moment")
    newest = shown.select(moment, pl.col("value").cast(pl.Float64))
    difference = (pl.col("value") - pl.col("old_value")).cast(pl.Float64)
    revised = shown.select(moment, difference.alias("by")).drop_nulls("by")
    first: int = shown.item(0, "year")

    def draw(size: Size) -> Chart:
        x = _along_years("moment", first, last + 1, size, beside=0)
        x = _along_years("moment", first, last, size) if annual else x
        axis, width = {"minExtent": 40, "maxExtent": 40}, {"width": size.width - 70}
        y = _number("value", unit, scale=_FREE, axis=axis)
        line = _line_with_gaps(newest, x, y) | width | {"height": 200}
        if revised.is_empty():
            return line
        by = _number("by", "revised by", axis={**axis, "tickCount": 4})
        bars = _marks(revised, "bar", {"x": x, "y": by}, color=SECOND, size=3)
        return {"vconcat": [line, bars | width | {"height": 70}], "spacing": 12}

    description = (
        f"A line of its values ({unit}) from {first} to {last}, with a gap where there is none."
    )
    if revised.height:
        description += (
            f" Bars below: by how much the newest release revised it ({revised.height:,} values)."
        )
    elif content.changes is not None:
        description += " The newest release revised none of them."
    return picture(f"{name}, {first}-{last}", description, draw)


def best_years_chart(answers: Answers) -> Picture | None:
    """Draw how many series have their best year in each year; None where no series has one."""
    best = answers.best_year
    if best.is_empty():
        return None
    first, last = _span(best)
    counted = best.group_by("year", "basis").len("series").sort("year", "basis")
    counts = Counter(best.get_column("year").to_list())
    times = max(counts.values())
    top = [str(year) for year in sorted(counts) if counts[year] == times]
    often = f"year is {top[0]}" if len(top) == 1 else f"years are {' and '.join(top)}"
    each = "" if len(top) == 1 else " each"
    bases = [basis for basis in _BASES if basis in set(counted.get_column("basis"))]

    scale = {"domain": bases, "range": [_BASES[basis] for basis in bases]}

    def draw(size: Size) -> Chart:
        encoding = {
            "x": _year_bands(first, last, size, title="best year"),
            "y": _number("series", "number of series"),
            "color": _word("basis", "answered from", scale=scale),
            "order": {"field": "basis", "type": "nominal", "sort": "descending"},
        }
        bars = _marks(counted.with_columns(pl.col("year").cast(pl.String)), "bar", encoding)
        return bars | {"width": size.width - 60, "height": 200}

    return picture(
        "Best years, by number of series",
        f"Bars from {first} to {last}. The most frequent best {often} ({times:,} of "
        f"{best.height:,} series{each}).",
        draw,
    )


ROW, LETTER = 16, 6.8
"""Pixels: a line's height, and a letter's width on average, rounded up."""

SHARES = ("none", "up to 25 %", "25-50 %", "50-75 %", "over 75 %")
_ABOVE = (0.0, 0.25, 0.5, 0.75)
ALL_NEW = "new values"
"""A value that was not there before can't have been revised."""


def revisions_chart(changes: ReleaseChanges) -> Picture | None:
    """Draw the share of observations revised, by group and year; None if none was.

    It begins with the first year that has a revised value. The steps are the same for every
    release, so that two reports can be compared by eye.
    """
    if not changes.counts["revised"]:
        return None
    begins = changes.shares.filter(pl.col("revised") > 0).get_column("year").min()
    shares = changes.shares.filter(pl.col("year") >= begins).with_columns(
        pl.col("group").map_elements(short, return_dtype=pl.String)
    )
    first, last = _span(shares)
    earlier = _span(changes.shares)[0] < first
    totals = shares.group_by("group").agg(pl.col("revised").sum() / pl.col("rows").sum())
    order: list[str] = totals.sort("revised", "group", descending=[True, False])["group"].to_list()
    step = pl.sum_horizontal((pl.col("share") > least).cast(pl.Int8) for least in _ABOVE)
    known = pl.col("share").is_not_null()
    places = {name: at for at, name in enumerate(order)}
    cells = shares.select(
        pl.col("group").replace_strict(places, return_dtype=pl.Int64).alias("at"),
        pl.col("year").cast(pl.String),
        share=pl.when(known)
        .then(step.replace_strict(dict(enumerate(SHARES))))
        .otherwise(pl.lit(ALL_NEW)),
    )
    some_new = cells.filter(share=ALL_NEW).height > 0
    steps = (*SHARES, ALL_NEW) if some_new else SHARES

    def draw(size: Size) -> Chart:
        # At most two lines, about as wide as a chart has room for.
        width = int(size.labels / LETTER)
        # Vega fails on a text that is a word of JavaScript's own (constructor): each has a prefix.
        labels = ["-" + "\n".join(wrap(g, width, max_lines=2, placeholder=" …")) for g in order]
        row = ROW * max(label.count("\n") + 1 for label in labels)
        axis = {
            "labelExpr": f"slice(({json.dumps(labels)})[datum.value], 1)",
            "labelLimit": size.labels,
        }
        axis |= {"ticks": False, "domain": False}
        scale = {"domain": steps, "range": [*HEAT, NEW][: len(steps)]}
        legend = {"columns": len(steps) if size is WIDE else 3}
        encoding = {
            "x": _year_bands(first, last, size, title="year of the observation"),
            "y": _word("at", None, sort=[*range(len(order))], axis=axis),
            "color": _word("share", "revised", scale=scale, legend=legend),
        }
        cell = _marks(cells, "rect", encoding, stroke=GROUND, strokeWidth=1)
        return cell | {
            "width": size.width - size.labels - 20,
            "height": max(30, row * len(order)),
        }

    by = changes.grouped_by
    return picture(
        "Share of observations revised by the newest release" + (f", by {by}" if by else ""),
        f"A heat map: {len(order)} rows ({by or 'all series together'}) by "
        f"{last - first + 1} years, {first}-{last}, the most revised row on top ({order[0]}). "
        f"Values revised: {changes.counts['revised']:,} of those that were there before."
        + (" Where all values are new, none could be revised." if some_new else "")
        + (f" No value of the years before {first} was revised." if earlier else ""),
        draw,
    )
