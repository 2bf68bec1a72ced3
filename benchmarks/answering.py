"""Best years over one large data file: text and table here, DuckDB and pandas beside them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contenders import Row, rclone
from benchmarks.measure import measured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.mirroring import Size
    from benchmarks.stage import Stage

_HEADER = b"series_id        \tyear\tperiod\t       value\tfootnote_codes\r\n"
WAYS = ("ours, table", "ours, text", "DuckDB, checked", "DuckDB, exact", "DuckDB", "pandas")
_YEARS = range(1989, 2025)


def answers(stage: Stage, size: Size) -> Iterator[Row]:
    """Best year of every series; pandas runs where the benchmarks' environment has it."""
    text, table = stage.folder / "pw.data.0.Current", stage.folder / "pw.parquet"
    _write(text, size.large)
    worker = [sys.executable, "-m", "benchmarks.answer"]
    made = measured([*worker, "table", str(text), str(table)], {})
    if made.code:
        raise RuntimeError(made.errors)
    beside = (rclone() or Path(sys.executable)).with_name("python")
    for _ in range(size.runs):
        for how in WAYS:
            own = [str(beside), *worker[1:]] if how == "pandas" and beside.exists() else worker
            used = measured([*own, how, str(text), str(table)], {})
            if used.code and how == "pandas":
                continue  # not installed
            if used.code:
                raise RuntimeError(used.errors)
            told = json.loads(used.output)
            note = f"{told['series']:,} series"
            work = f"best years of {size.large / 1e9:.1f} GB"
            yield Row(work, how, told["seconds"], told["cpu"], used.peak_mib, {}, 0, 0, {}, note)
    text.unlink()
    table.unlink()


def _write(path: Path, size: int) -> None:
    """Monthly series with their annual averages, in BLS's layout and order, as `ln` has them."""
    with path.open("wb") as file:
        file.write(_HEADER)
        series = 0
        while file.tell() < size:
            series += 1
            name = f"PRS{series:08}".ljust(17)
            rows = (
                f"{name}\t{year}\tM{month:02}\t{_value(series, year, month):12.3f}\t\r\n"
                for year in _YEARS
                for month in range(1, 14)
            )
            file.write("".join(rows).encode())


def _value(series: int, year: int, month: int) -> float:
    return (series * 7919 + year * 31 + month) % 99991 / 1000


ANSWERING: dict[str, Callable[[Stage, Size], Iterator[Row]]] = {"answers": answers}
