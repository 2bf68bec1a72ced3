"""A report's forms (Parquet, JSON, page), and whether they hold the same numbers."""

import io
import json
from dataclasses import dataclass, field
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import polars as pl

from blsquest.lake.stores.base import Store
from blsquest.products.report import Reported
from tests.support.lakes import contents


def html_of(store: Store, reported: Reported) -> str:
    return store.read(f"{reported.folder}report.html").decode()


@dataclass
class Tables(HTMLParser):
    """Each table's rows by the table's id; a number is its exact value, text is text.

    A row whose head is above its cells is one row.
    """

    html: str
    found: dict[str, list[list[str]]] = field(default_factory=dict)
    _rows: list[list[str]] | None = None
    _in_data: bool = False
    _under_head: bool = False

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "table":
            key = given.get("id") or f"{given['data-series']} {given['data-period']}"
            self._rows = self.found.setdefault(key, [])
        elif tag == "tr" and self._rows is not None and not self._under_head:
            self._rows.append([])
        elif tag == "tr":
            self._under_head = False
        elif tag in {"td", "th"} and self._rows:
            self._rows[-1].append("")
            self._under_head = given.get("scope") == "rowgroup"
        elif tag == "data" and self._rows:
            self._rows[-1][-1] += given["value"]
            self._in_data = True
        elif tag == "small" and self._rows:
            self._rows[-1][-1] += "|"

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._rows = None
        elif tag == "data":
            self._in_data = False

    def handle_data(self, text: str) -> None:
        if self._rows and self._rows[-1] and not self._in_data:
            self._rows[-1][-1] += text.strip()


def exact(rows: list[dict[str, Any]], frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return rows of JSON with the frame's exact decimals, which are text there."""
    decimals = {name for name, dtype in frame.schema.items() if dtype == pl.Decimal}
    return [
        {k: Decimal(v) if k in decimals and v is not None else v for k, v in row.items()}
        for row in rows
    ]


def from_csv(body: bytes, like: pl.DataFrame) -> pl.DataFrame:
    """Read a CSV back into the types of its Parquet file; lists were joined for people."""
    lists = [name for name, dtype in like.schema.items() if dtype == pl.List]
    types = {name: pl.String if name in lists else dtype for name, dtype in like.schema.items()}
    frame = pl.read_csv(body, schema=types)
    return frame.with_columns(
        pl.col(name).str.split("; ").cast(like.schema[name]) for name in lists
    )


def assert_all_forms_agree(store: Store, reported: Reported) -> None:
    """Parquet, CSV, JSON and page hold the same numbers, to the last digit."""
    tables = {
        name.removesuffix(".parquet"): pl.read_parquet(io.BytesIO(store.read(key)))
        for key in contents(store, reported.folder)
        if (name := key.removeprefix(reported.folder)).endswith(".parquet")
    }
    for name, frame in tables.items():
        assert from_csv(store.read(f"{reported.folder}{name}.csv"), frame).equals(frame), name
    answers = json.loads(store.read(f"{reported.folder}report.json"))["answers"]
    page = Tables(html_of(store, reported)).found

    statistics = tables["population_statistics"].row(0, named=True)
    assert answers["population_statistics"] == statistics
    shown = [float(row[1]) for row in page["population-statistics"][1:]]
    deviations = ("std_population", "std_sample")  # the one that was asked for comes first
    asked = deviations[:: -1 if statistics["ddof"] else 1]
    assert shown == [statistics[name] for name in ("mean", *asked)]

    best = tables["best_year"].to_dicts()
    assert exact(answers["best_year"]["rows"], tables["best_year"]) == best
    assert len(page["best-year"]) - 1 == len(best) == answers["best_year"]["series"]
    for cells, row in zip(page["best-year"][1:], best, strict=True):
        unit = row["unit"] or "unit not stated"
        assert cells[0] == "|".join(filter(None, (row["title"], row["series_id"], unit)))
        assert cells[1].split("|")[0] == str(row["year"])
        assert Decimal(cells[2]) == row["value"]
        assert cells[3:] == [row["basis"]]

    newest = answers["latest"]
    order = [row["series_id"] for row in newest["rows"]]
    by_id = {row["series_id"]: row for row in tables["latest"].to_dicts()}
    latest = [{k: v for k, v in row.items() if k != "seasonal"} for row in newest["rows"]]
    assert exact(latest, tables["latest"]) == [by_id[series_id] for series_id in order]
    assert [Decimal(row[1]) for row in page["latest-values"][1:]] == [
        by_id[series_id]["value"] for series_id in order
    ]

    for pair in answers["series_population"]:
        rows = tables["series_population"].filter(
            series_id=pair["series_id"], period=pair["period"]
        )
        expected = rows.select("year", "value", "population").rows()
        assert [
            (row["year"], row["value"] and Decimal(row["value"]), row["population"])
            for row in pair["rows"]
        ] == expected
        shown_rows = page[f"{pair['series_id']} {pair['period']}"][1:]
        assert [
            (
                int(year),
                None if value == "not published" else Decimal(value),
                None if people == "no estimate" else int(people),
            )
            for year, value, people, *_ in reversed(shown_rows)  # the page begins with the newest
        ] == expected
        notes = [row["footnotes"] for row in reversed(pair["rows"])]
        assert [row[3] if row[3:] else "" for row in shown_rows] == notes

    checked = reported.report["checks"]
    named = [row[0].split("|")[0] for row in page["checks-made"][1:]]
    assert named == [c["name"] for c in checked]
    stats = tables["bls_census_stats"].filter("is_best_year").select("series_id", "year", "value")
    summed = tables["best_year"].filter(pl.col("basis") != "annual")
    assert stats.equals(summed.select("series_id", "year", "value"))
