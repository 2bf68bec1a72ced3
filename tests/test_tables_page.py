"""The queries of docs/tables.md do what the page says."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from blsquest.lake.stores.directory import DirectoryStore
from blsquest.products.tables import make_tables
from blsquest.sources.sample.server import SampleServer
from tests.support.duck import iceberg_reader
from tests.support.lakes import PR, Clock, mirror

PAGE = (Path(__file__).parents[1] / "docs" / "tables.md").read_text()
SQL = re.findall(r"^```sql\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
[PYTHON] = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


SERIES = "PRS84006112"
"""The sample has it, and not the page's."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the two releases of the sample in `lake`, and tables of both."""
    place = tmp_path_factory.mktemp("page")
    lake = DirectoryStore(place / "lake")
    with SampleServer() as server:
        for number, day in (
            (1, datetime(2025, 1, 1, tzinfo=UTC)),
            (2, datetime(2025, 8, 1, tzinfo=UTC)),
        ):
            server.publish(number)
            mirror(server, lake, Clock(day))
            make_tables(lake, PR)
    return place


@pytest.fixture(scope="module")
def answers(place: Path) -> list[list[tuple[Any, ...]]]:
    """What DuckDB answers to each of the page's blocks, in their order."""
    replaced = {"lake/": f"{place}/lake/", "PRS30006032": SERIES}
    replaced["INSTALL iceberg;\nLOAD iceberg;\n"] = ""
    blocks = "\0".join(SQL)
    for words, ours in replaced.items():
        blocks = blocks.replace(words, ours)
    with iceberg_reader() as connection:
        return [connection.execute(block).fetchall() for block in blocks.split("\0")]


def test_a_view_is_the_newest_generation(answers: list[list[tuple[Any, ...]]]) -> None:
    assert [row[:2] for row in answers[0]][:4] == [(2018, f"Q0{n}") for n in range(1, 5)]


def test_what_changed_is_sorted_by_size_within_each_unit(
    answers: list[list[tuple[Any, ...]]],
) -> None:
    by_unit: dict[str, list[Decimal]] = {}
    for unit, *_, before, after in answers[1]:
        by_unit.setdefault(unit, []).append(abs(after - before))
    assert len(by_unit) > 1
    for sizes in by_unit.values():
        assert 0 < len(sizes) <= 5
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[-1] > 0


def test_a_series_is_read_as_it_was_known_on_a_date(answers: list[list[tuple[Any, ...]]]) -> None:
    assert [number for number, _ in answers[2]] == [1, 2]
    rows = answers[3]
    assert rows
    assert all(january == june for *_, january, june, _ in rows)
    assert any(june != august for *_, june, august in rows)
    assert any(june == august for *_, june, august in rows)


def test_values_of_then_are_compared_by_unit(answers: list[list[tuple[Any, ...]]]) -> None:
    assert answers[4]
    assert all(count > 0 and mean >= 0 for _, count, mean in answers[4])
    assert any(mean > Decimal(0) for *_, mean in answers[4])


def test_polars_reads_what_the_page_says(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    exec(PYTHON.replace("PRS30006032", SERIES), {})  # noqa: S102 - the page's own words
    said = capsys.readouterr().out
    assert f"generation 2 at {datetime(2025, 8, 1, tzinfo=UTC).timestamp() * 1000:.0f}" in said
    assert SERIES in said
