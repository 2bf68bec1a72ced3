"""Latest values as sections and tiles, from `answers.latest` of `report.json`.

An analyst looks for these first. Changes of rates are in points; those of levels and indexes in
percent. Needs no polars.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from blsquest.analytics.periods import in_words
from blsquest.analytics.report.section import (
    Amount,
    Cell,
    Section,
    Signed,
    in_columns,
    in_unit,
    name_of,
    periods_of,
    plain,
    series_of,
    shown_with,
    unit_of,
)
from blsquest.core.text import mean_decimals, percent, published


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure that is read first, with its title and lines that explain it.

    A `wide` tile has a title as long as a series' and takes the place of two.
    """

    title: str
    figure: Cell
    unit: str
    lines: tuple[str, ...]
    wide: bool = True


def tiles(found: Mapping[str, Any]) -> list[Tile]:
    """Show the latest value of each headline, how it changed, and its twin."""
    rows = {row["series_id"]: row for row in found["rows"]}
    made = []
    for headline in found["headlines"]:
        row, twin = rows[headline["series_id"]], rows.get(headline["beside"])
        lines = [f"{_when(row)}{_footnotes(row)}"]
        lines += _changes(row)
        if twin:
            adjusted = {"S": "Seasonally adjusted", "U": "Not seasonally adjusted"}
            which = adjusted.get(twin["seasonal"]) or twin["series_id"]
            line = f"{which}: {plain(_value(twin))}, {_when(twin)}"
            lines.append("; ".join([line, *_changes(twin)[-1:]]))
        made.append(Tile(name_of(row), _value(row), row["unit"] or "", tuple(lines)))
    return made


def latest(found: Mapping[str, Any]) -> Section:
    """Show the latest value of each headline and its twin, its changes and annual average."""
    rows = found["rows"]
    annual = all(row["basis"] == "annual" for row in rows)
    kinds = {row["rate"] for row in rows}
    ways = ", ".join(way for kind, way in _WAYS.items() if kind in kinds)

    def cells(row: Mapping[str, Any]) -> dict[str, Cell]:
        columns: dict[str, Cell] = {
            "Series": series_of(row),
            "Period": f"{_when(row)}{_footnotes(row)}",
            "Value": _value(row),
            "Unit": unit_of(row),
            "From before": _change(row, "change"),
        }
        if not annual:
            columns["From a year before"] = _change(row, "change_from_year_ago")
            columns["Annual average"] = _average(row)
        return columns

    return Section(
        "Latest values",
        "The survey's headline series; the period before is the newest earlier one with a value",
        *in_columns([cells(row) for row in rows]),
        tuple(filter(None, (f"Changes are {ways}.", found["remark"]))),
    )


_WAYS = {
    False: "in percent for levels and indexes",
    True: "in points for rates",
    None: "differences where the unit is not stated",
}


def averages(found: Mapping[str, Any]) -> Section:
    """Show the annual averages of the first series, the newest year first."""
    row = found["rows"][0]
    rows: list[tuple[Cell, ...]] = []
    for year in found["averages"]:
        own = year["published"] and year["complete"]
        places = mean_decimals(row["decimals"], 1 if own else year["periods"])
        rows.append(
            (
                str(year["year"]) if year["complete"] else (str(year["year"]), "not complete"),
                shown_with(places, year["average"]),
                "the publisher" if own else periods_of(year["periods"], row["basis"]),
                _difference(row, year["change"], year["average"], places),
            )
        )
    return Section(
        f"Annual averages: {name_of(row)}",
        f"The publisher's own, or the mean of the year's periods; {in_unit(row)}",
        ("Year", "Average", "From", "Change"),
        rows,
    )


def recent(found: Mapping[str, Any]) -> Section:
    """Show the newest values of the first series, their changes, and what they replaced."""
    row, values = found["rows"][0], found["recent"]
    revised = any(value["old_value"] for value in values)
    changes = {"From before": "change", "From a year before": "change_from_year_ago"}
    if row["basis"] == "annual":
        del changes["From a year before"]

    def cells(value: Mapping[str, Any]) -> dict[str, Cell]:
        now, places = value["value"], row["decimals"]
        columns: dict[str, Cell] = {
            "Period": f"{_when(value)}{_footnotes(value)}",
            "Value": shown_with(places, now),
        }
        columns |= {name: _difference(row, value[by], now, places) for name, by in changes.items()}
        if revised:
            old = value["old_value"]
            columns["Was"] = shown_with(places, old) if old else Amount()
        return columns

    return Section(
        f"Newest values: {name_of(row)}",
        f"The newest {len(values)}, {in_unit(row)}"
        + (", with what the release before had where it differs" if revised else ""),
        *in_columns([cells(value) for value in values]),
    )


def _when(row: Mapping[str, Any]) -> str:
    return in_words(row["period"], row["year"])


def _footnotes(row: Mapping[str, Any]) -> str:
    footnotes = row.get("footnotes") or row["footnote_codes"]
    return f" ({footnotes})" if footnotes else ""


def _value(row: Mapping[str, Any]) -> Decimal | None:
    return shown_with(row["decimals"], row["value"])


def _since(row: Mapping[str, Any], name: str) -> str:
    """Name the period that a change is from."""
    if name == "change":
        return in_words(row["previous_period"], row["previous_year"])
    return in_words(row["period"], row["year"] - 1)


def _changes(row: Mapping[str, Any]) -> list[str]:
    """Return the changes from the period and the year before, each once: `+0.3% from May 2024`."""
    known = (name for name in ("change", "change_from_year_ago") if row[name] is not None)
    return list(dict.fromkeys(f"{_amount(row, name)} from {_since(row, name)}" for name in known))


def _change(row: Mapping[str, Any], name: str) -> Cell:
    """Return a change and the period that it is from."""
    if row[name] is None:
        return "no value then" if name == "change_from_year_ago" else "no value before"
    return _amount(row, name), _since(row, name)


def _amount(row: Mapping[str, Any], name: str) -> str:
    """Return a change as people say it: `+0.3%`, `-0.2 points`, of a level `+11 (+0.1%)`."""
    by = plain(Signed(published(row[name], row["decimals"])))
    if row[f"{name}_percent"] is None:
        return f"{by}{' points' if row['rate'] else ''}"
    relative = percent(Decimal(row[f"{name}_percent"]))
    # An index's points mean little.
    return relative if (row["unit"] or "index").startswith("index") else f"{by} ({relative})"


def _difference(
    row: Mapping[str, Any], change: str | None, now: str | None, decimals: int
) -> Amount:
    """Return the change of a series from an earlier number, in percent or points."""
    if change is None or now is None:
        return Amount()
    before = Decimal(now) - Decimal(change)
    if row["rate"] is False and before > 0 and Decimal(now) > 0:
        return Amount(percent(Decimal(change) * 100 / before))
    by = plain(Signed(published(change, decimals)))
    return Amount(f"{by}{' points' if row['rate'] else ''}")


def _average(row: Mapping[str, Any]) -> Cell:
    if row["basis"] == "annual":
        return "is annual"
    if row["average"] is None:
        return "no complete year"
    places = row["decimals"] if row["average_published"] else mean_decimals(row["decimals"])
    change = _difference(row, row["average_change"], row["average"], places)
    year = f"{row['average_year']}{', ' if change else ''}{change}"
    return plain(shown_with(places, row["average"])), year
