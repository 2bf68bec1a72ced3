"""The best year of every series, one way, in a process of its own.

    python -m benchmarks.answer "ours, text"|"ours, table"|DuckDB|pandas|table TEXT TABLE

`table` writes the table. Prints the seconds beyond imports. The peers sum floats, as they do.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

SQL = """
select trim(series_id) as series_id, arg_max(year, total) as year from (
  select series_id, year, sum(value) as total
  from read_csv('{text}', delim = '\t', header = false, skip = 1, quote = '', strict_mode = false,
    columns = {{'series_id': 'varchar', 'year': 'int', 'period': 'varchar', 'value': 'double',
                'footnotes': 'varchar'}})
  where period between 'Q01' and 'Q04' group by all) group by all
"""

Answer = Callable[[], int]


def ours(how: str, text: Path, table: Path) -> Answer:
    """As a report does: checked, exact, ties and partial years told."""
    from flows.analytics.parquet_table import read_table, write_table
    from flows.analytics.questions import best_year
    from flows.analytics.sums import annual_sums
    from flows.analytics.tables import read_observations

    if how == "table":
        return lambda: write_table(text, table, survey="pw", file=text.name, metadata={}).rows
    if how == "ours, table":
        return lambda: best_year(annual_sums(read_table(table))).height
    return lambda: best_year(annual_sums(read_observations(text))).height


def duckdb(text: Path) -> Answer:
    """One query."""
    import duckdb as engine

    return lambda: len(engine.connect().execute(SQL.format(text=text)).fetchall())


def pandas(text: Path) -> Answer:
    """The usual way."""
    import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]

    def answer() -> int:
        rows = pd.read_csv(text, sep="\t")
        rows.columns = rows.columns.str.strip()
        rows["series_id"] = rows["series_id"].str.strip()
        quarters = rows[rows["period"].isin(["Q01", "Q02", "Q03", "Q04"])]
        sums = quarters.groupby(["series_id", "year"])["value"].sum()
        return len(sums.groupby("series_id").idxmax())

    return answer


def main() -> None:
    """Answer once."""
    how, text, table = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    peers = {"DuckDB": duckdb, "pandas": pandas}
    answer = peers[how](text) if how in peers else ours(how, text, table)
    began, cpu = time.perf_counter(), time.process_time()
    series = answer()
    told = {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "series": series,
    }
    print(json.dumps(told))  # noqa: T201 - what its starter reads


if __name__ == "__main__":
    main()
