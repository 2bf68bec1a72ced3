"""Data files and answers as Parquet: what other readers see, in which order, and that it is all."""

from datetime import date
from decimal import Decimal
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blsquest.analytics import parquet_table
from blsquest.analytics.observations import read_observations
from blsquest.analytics.parquet_table import (
    TABLE,
    Written,
    is_table,
    parquet_bytes,
    read_table,
    write_table,
)
from blsquest.analytics.periods import PERIODS, months_of
from blsquest.core.errors import BadData
from tests.support.contents import content
from tests.support.data_files import Row, data_file, text_file


def table(text: Path, **given: Any) -> Path:
    target = text.with_name("table.parquet")
    names: dict[str, Any] = {"survey": "xx", "file": "xx.data.0.Current", "metadata": {}}
    write_table(text, target, **(names | given))
    return target


def query(sql: str, path: Path) -> list[tuple[Any, ...]]:
    """What DuckDB reads; `$table` stands for the file."""
    return duckdb.execute(sql.replace("$table", f"read_parquet('{path}')")).fetchall()


ROWS: list[Row] = [
    ("A01", 1995, "Q01", "2.6"),
    ("A01", 1995, "Q02", "-"),
    ("A01", 1995, "Q05", "0.000000001"),
    ("B01", 1996, "M12", "-999999999999999.999999999"),
]


def test_duckdb_reads_exact_values_and_dates_in_the_columns_of_the_schema(tmp_path: Path) -> None:
    path = table(data_file(tmp_path, ROWS))
    rows = [
        ("A01", 1995, "Q01", date(1995, 1, 1), Decimal("2.6"), "", 1),
        ("A01", 1995, "Q02", date(1995, 4, 1), None, "", None),
        ("A01", 1995, "Q05", date(1995, 1, 1), Decimal("0.000000001"), "", 9),
        ("B01", 1996, "M12", date(1996, 12, 1), Decimal("-999999999999999.999999999"), "", 9),
    ]
    found = query("select * from $table", path)
    assert found == [("xx", "xx.data.0.Current", *row) for row in rows]
    hive = {"VARCHAR": "string", "INTEGER": "int", "DATE": "date", "DECIMAL(38,9)": "decimal(38,9)"}
    described = query("describe select * from $table", path)
    columns = [(name, hive[kind]) for name, kind, *_ in described]
    assert columns == [(column.name, column.type) for column in TABLE]


@pytest.mark.parametrize(
    ("period", "month"),
    [
        *(("M01", 1), ("M12", 12), ("Q01", 1), ("Q04", 10), ("S01", 1), ("S02", 7), ("A01", 1)),
        *(("M13", 1), ("Q05", 1), ("S03", 1)),
    ],
)
def test_a_period_starts_with_its_first_day(tmp_path: Path, period: str, month: int) -> None:
    path = table(data_file(tmp_path, [("A", 2001, period, "1")]))
    assert query("select period_start from $table", path) == [(date(2001, month, 1),)]
    assert months_of(period)[0] == month


rows = st.lists(
    st.tuples(
        st.sampled_from(["A", "B01", "C 2"]),
        st.integers(1800, 2199),
        st.sampled_from(PERIODS),
        st.decimals(-(10**15) + 1, 10**15 - 1, places=9).map(lambda d: f"{d:f}")
        | st.sampled_from(["-", "", "1.50"]),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=60)
@given(rows=rows)
def test_a_table_holds_the_rows_of_its_text_in_order(tmp_path: Path, rows: list[Row]) -> None:
    text = data_file(tmp_path, rows)
    key = ["series_id", "year", pl.col("period").cast(pl.String)]
    from_text = read_observations(text).collect().sort(key, maintain_order=True)
    from_table = read_table(table(text)).collect()
    assert from_table.schema == from_text.schema
    every = [*key, "value"]
    assert from_table.sort(every).equals(from_text.sort(every))
    assert from_table.select(key).equals(from_text.select(key))


def test_a_table_from_before_there_were_decimals_is_read_with_those_that_values_need(
    tmp_path: Path,
) -> None:
    path = table(data_file(tmp_path, [*ROWS, ("C", 2000, "A01", "-7.0")]), metadata={"a": "b"})
    older = tmp_path / "older.parquet"
    pl.read_parquet(path).drop("decimals").write_parquet(older, metadata={"a": "b"})
    assert is_table(older, {"a": "b"})
    assert not is_table(older, {"a": "c"})
    found, now = read_table(older).collect(), read_table(path).collect()
    assert found.schema == now.schema
    assert found.get_column("decimals").to_list() == [1, None, 9, 9, 0]
    assert now.get_column("decimals").to_list() == [1, None, 9, 9, 1]


def test_disordered_rows_are_sorted_and_the_table_alone_is_left(tmp_path: Path) -> None:
    text = data_file(tmp_path, [ROWS[3], ROWS[1], ROWS[0]])
    target = tmp_path / "table.parquet"
    written = write_table(text, target, survey="xx", file="f", metadata={})
    assert written == Written(rows=3, sorted=True)
    found = query("select series_id, period from $table", target)
    assert found == [("A01", "Q01"), ("A01", "Q02"), ("B01", "M12")]
    assert {path.name for path in tmp_path.iterdir()} == {text.name, target.name}


def test_disorder_between_row_groups_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_table, "ROW_GROUP", 2)
    monkeypatch.setattr(parquet_table, "SORTABLE", 3)
    text = data_file(tmp_path, [("B", 2000 + n, "A01", "1") for n in (1, 2)] + ROWS[:2])
    target = tmp_path / "table.parquet"
    assert write_table(text, target, survey="x", file="f", metadata={}) == Written(4, sorted=False)
    assert query("select series_id from $table", target) == [("B",), ("B",), ("A01",), ("A01",)]


def test_a_malformed_file_makes_no_table(tmp_path: Path) -> None:
    text = text_file(tmp_path, "series_id\tyear\nA\t2000\n")
    with pytest.raises(BadData, match="no column period, value, footnote_codes"):
        table(text)
    assert not (tmp_path / "table.parquet").exists()


def test_the_same_text_gives_the_same_bytes_which_say_where_they_are_from(tmp_path: Path) -> None:
    text = data_file(tmp_path, [(f"S{n:05}", 2000, "A01", f"{n}.5") for n in range(20_000)])
    once = sha256(table(text, metadata={"vintage": "abc"}).read_bytes()).digest()
    path = table(text, metadata={"vintage": "abc"})
    assert sha256(path.read_bytes()).digest() == once
    assert pl.read_parquet_metadata(path)["vintage"] == "abc"


def test_a_series_is_in_one_of_the_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_table, "ROW_GROUP", 100)
    text = data_file(
        tmp_path, [(f"S{n:03}", year, "A01", "1") for n in range(25) for year in range(1980, 2000)]
    )
    groups = duckdb.execute(
        "select stats_min_value, stats_max_value from parquet_metadata($path) "
        "where path_in_schema = 'series_id'",
        {"path": str(table(text))},
    ).fetchall()
    assert len(groups) == 5
    assert [low <= "S012" <= high for low, high in sorted(groups)].count(True) == 1


METADATA = {"bls/pr": "generation 3", "units": "see pr.measure"}


def test_bytes_do_not_depend_on_how_a_frame_lies_in_memory() -> None:
    frame = pl.DataFrame({"year": range(5000), "name": [str(year) for year in range(5000)]})
    pieces = pl.concat([frame[:77], frame[77:4000], frame[4000:]], rechunk=False)
    assert pieces.n_chunks() > 1
    assert parquet_bytes(pieces, METADATA) == parquet_bytes(frame, METADATA)


def test_answers_in_parquet_keep_values_types_and_metadata(tmp_path: Path) -> None:
    answers = content(tmp_path).answers
    for frame in answers.tables().values():
        data = BytesIO(parquet_bytes(frame, METADATA))
        assert pl.read_parquet(data).equals(frame)
        assert pl.read_parquet(data).schema == frame.schema
        found = pl.read_parquet_metadata(data)
        assert {key: found[key] for key in METADATA} == METADATA
    path = tmp_path / "stats.parquet"
    path.write_bytes(parquet_bytes(answers.bls_census_stats, METADATA))
    rows = query("select value, population from $table order by year", path)
    assert rows == [(Decimal("1000.25"), 10_000_000), (Decimal("1000.25"), 30_000_000)]
    pages = "select path_in_schema, stats_min_value, compression from parquet_metadata(?)"
    columns = duckdb.execute(pages, [str(path)]).fetchall()
    assert ("year", "2013", "ZSTD") in columns


def test_no_step_of_reading_a_text_holds_the_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "pr.data.0.Current"
    file.write_text("series_id\tyear\tperiod\tvalue\tfootnote_codes\nA\t2020\tM01\t1.0\t\n")
    plan = read_observations(file).show_graph(
        raw_output=True, engine="streaming", plan_stage="physical"
    )
    assert plan is not None
    assert "multi-scan[csv]" in plan
    for step in ("columnar-function", "multiplexer"):
        assert step not in plan
