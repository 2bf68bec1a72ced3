"""What readers of the answers get: the same bytes again, and text that is only text."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import duckdb
import polars as pl
import pytest

from blsquest.analytics.answers import Answers, Question, answer
from blsquest.analytics.observations import population_frame, read_observations
from blsquest.analytics.report.markdown import escape, parquet_bytes, table
from tests.support.data_files import Row, data_file

ROWS: list[Row] = [
    ("A", 2013, "Q01", "1000.25"),
    ("A", 2014, "Q01", "1000.25"),
    ("B", 2014, "Q05", "-2"),
]
METADATA = {"bls/pr": "generation 3", "units": "see pr.measure"}
AGAIN = """
import hashlib, sys
from pathlib import Path
from blsquest.analytics.answers import Question, answer
from blsquest.analytics.report.markdown import parquet_bytes
from blsquest.analytics.observations import population_frame, read_observations
question = Question(2013, 2014, "A", "Q01")
people = population_frame({2014: 30_000_000, 2016: 5, 2013: 10_000_000})
answers = answer(read_observations(Path(sys.argv[1])), people, "ACS", question)
for name, frame in answers.tables().items():
    data = parquet_bytes(frame, {"units": "see pr.measure", "bls/pr": "generation 3"})
    print(name, hashlib.sha256(data).hexdigest())
"""


def make(folder: Path, rows: list[Row], estimate: str = "ACS") -> Answers:
    people = population_frame({2013: 10_000_000, 2014: 30_000_000, 2016: 5})
    question = Question(2013, 2014, rows[0][0], rows[0][2])
    return answer(read_observations(data_file(folder, rows)), people, estimate, question)


@pytest.fixture
def answers(tmp_path: Path) -> Answers:
    return make(tmp_path, ROWS)


def test_the_same_answers_are_the_same_bytes_in_another_process(
    answers: Answers, tmp_path: Path
) -> None:
    here = [
        f"{name} {hashlib.sha256(parquet_bytes(frame, METADATA)).hexdigest()}"
        for name, frame in answers.tables().items()
    ]
    project = Path(__file__).parents[2]
    there = subprocess.run(
        [sys.executable, "-c", AGAIN, str(tmp_path / "xx.data.0.Current")],
        cwd=project,
        env=os.environ | {"POLARS_MAX_THREADS": "1", "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.splitlines() == here


def test_bytes_do_not_depend_on_how_a_frame_lies_in_memory() -> None:
    frame = pl.DataFrame({"year": range(5000), "name": [str(year) for year in range(5000)]})
    pieces = pl.concat([frame[:77], frame[77:4000], frame[4000:]], rechunk=False)
    assert pieces.n_chunks() > 1
    assert parquet_bytes(pieces, METADATA) == parquet_bytes(frame, METADATA)


def test_parquet_keeps_values_types_and_metadata(answers: Answers) -> None:
    for frame in answers.tables().values():
        data = BytesIO(parquet_bytes(frame, METADATA))
        assert pl.read_parquet(data).equals(frame)
        assert pl.read_parquet(data).schema == frame.schema
        found = pl.read_parquet_metadata(data)
        assert {key: found[key] for key in METADATA} == METADATA


def test_another_reader_sees_exact_decimals_and_statistics(
    answers: Answers, tmp_path: Path
) -> None:
    path = tmp_path / "stats.parquet"
    path.write_bytes(parquet_bytes(answers.bls_census_stats, METADATA))
    values = "select value, population from read_parquet(?) order by year"
    rows = duckdb.execute(values, [str(path)]).fetchall()
    assert rows == [(Decimal("1000.25"), 10_000_000), (Decimal("1000.25"), 30_000_000)]
    pages = "select path_in_schema, stats_min_value, compression from parquet_metadata(?)"
    columns = duckdb.execute(pages, [str(path)]).fetchall()
    assert ("year", "2013", "ZSTD") in columns


@pytest.mark.parametrize("markup", list("\\`*_{}[]#|~!"))
def test_each_mark_of_markdown_is_escaped(markup: str) -> None:
    assert escape(f"a{markup}b") == f"a\\{markup}b"


def test_numbers_stand_to_the_right_and_words_to_the_left() -> None:
    assert table(("year", "sum", "unit"), [("2013", "1", "percent")], words=("unit",)) == (
        "| year | sum | unit |\n| --- | ---: | --- |\n| 2013 | 1 | percent |"
    )
