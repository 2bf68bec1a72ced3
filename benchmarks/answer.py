"""The best year of every series of one large data file: text and table, DuckDB and pandas.

    python -m benchmarks.answer WAY TEXT TABLE

answers once in a process of its own. WAY is "ours, text", "ours, table", "DuckDB, checked",
"DuckDB, exact", DuckDB or pandas; `table` writes the table. The peers sum floats, as they usually
do; `DuckDB, exact` sums decimals of our scale. `DuckDB, checked` also refuses any line that we
would: the fastest of three ways to write it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contenders import Contender
from benchmarks.timed import print_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.stage import Row, Stage

QUERY = """
select trim(series_id) as series_id, arg_max(year, total) as year from (
  select series_id, year, sum({value}) as total from ({rows})
  where period between 'M01' and 'M12' group by all) group by all
"""
ROWS = """
select * from read_csv('{text}', delim = '\t', header = false, skip = 1, quote = '',
  strict_mode = false, columns = {{'series_id': 'varchar', 'year': '{year}', 'period': 'varchar',
    'value': '{value}', 'footnotes': 'varchar'}})
"""
SOUND = """
select * from ({rows}) where case when regexp_full_match(concat_ws('\t', series_id, year, period,
  value, coalesce(footnotes, '')), '{pattern}') then true else error('a bad line') end
"""


def answers(stage: Stage) -> Iterator[Row]:
    """Yield the measured answers; pandas runs where the benchmarks' environment has it."""
    from benchmarks.publisher import observations

    text = stage.folder / "pw.data.0.Current"
    with text.open("wb") as file:
        file.write(b"series_id        \tyear\tperiod\t       value\tfootnote_codes\r\n")
        file.writelines(observations(stage.bytes))

    def way(how: str, python: str = sys.executable) -> Contender:
        command = (python, "-m", "benchmarks.answer", how, str(text), "{place}")
        return Contender(how, command, ours=how in {"table", "ours, table", "ours, text"})

    def measured(work: str, each: Contender) -> Row:
        folder = each.folder or stage.folder
        return stage.measure(work, each, str(stage.folder / f"{folder.name}.parquet"))

    for each in stage.racing(way("table")):
        measured("", each)
    duckdb = [way(how) for how in ("DuckDB, checked", "DuckDB, exact", "DuckDB")]
    ways = [way("ours, table"), way("ours, text"), *duckdb, way("pandas", "{peers}/python")]
    for each in stage.rounds(*ways):
        yield measured(f"best years of {stage.bytes / 1e9:.2f} GB", each)


def _ours(how: str, text: Path, table: Path) -> Callable[[], int]:
    """Answer as a report does: checked, exact, with ties and partial years."""
    from blsquest.analytics.parquet_table import read_table, write_table
    from blsquest.analytics.questions import best_year
    from blsquest.analytics.sums import annual_sums

    if how == "table":
        return lambda: write_table(text, table, survey="pw", file=text.name, metadata={}).rows
    if how == "ours, table":
        return lambda: best_year(annual_sums(read_table(table))).height

    def from_text() -> int:
        write_table(text, table, survey="pw", file=text.name, metadata={})
        return best_year(annual_sums(read_table(table))).height

    return from_text


def _duckdb(how: str, text: Path, _: Path) -> Callable[[], int]:
    import duckdb

    from blsquest.analytics.data_file import COLUMNS, line_pattern
    from blsquest.analytics.observations import VALUE

    kind = "double" if how == "DuckDB" else f"decimal({VALUE.precision}, {VALUE.scale})"
    if how == "DuckDB, checked":
        rows = ROWS.format(text=text, year="varchar", value="varchar")
        rows = SOUND.format(rows=rows, pattern=line_pattern(COLUMNS, plain=True))
        query = QUERY.format(value=f"cast(nullif(trim(value), '') as {kind})", rows=rows)
    else:
        rows = ROWS.format(text=text, year="int", value=kind)
        query = QUERY.format(value="value", rows=rows)
    return lambda: len(duckdb.connect().execute(query).fetchall())


def _pandas(_: str, text: Path, __: Path) -> Callable[[], int]:
    import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]

    def answer() -> int:
        rows = pd.read_csv(text, sep="\t")
        rows.columns = rows.columns.str.strip()
        rows["series_id"] = rows["series_id"].str.strip()
        months = rows[rows["period"].isin([f"M{month:02}" for month in range(1, 13)])]
        sums = months.groupby(["series_id", "year"])["value"].sum()
        return len(sums.groupby("series_id").idxmax())

    return answer


if __name__ == "__main__":
    how = sys.argv[1]
    way = {"ours": _ours, "table": _ours, "pandas": _pandas}.get(how.partition(",")[0], _duckdb)
    print_time(way(how, Path(sys.argv[2]), Path(sys.argv[3])), "series")
