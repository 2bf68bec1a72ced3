"""The best year of every series, one way, in a process of its own.

    python -m benchmarks.answer WAY TEXT TABLE

WAY is "ours, text", "ours, table", "DuckDB, checked", "DuckDB, exact", DuckDB or pandas; `table`
writes the table. Prints the seconds beyond imports. The peers sum floats, as they usually do;
`DuckDB, exact` sums decimals of our scale, and tells ties as little as they. `DuckDB, checked`
refuses, besides, any line that we would: the fastest of three ways to write it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

SQL = """
select trim(series_id) as series_id, arg_max(year, total) as year from (
  select series_id, year, sum(value) as total
  from read_csv('{text}', delim = '\t', header = false, skip = 1, quote = '', strict_mode = false,
    columns = {{'series_id': 'varchar', 'year': 'int', 'period': 'varchar', 'value': '{value}',
                'footnotes': 'varchar'}})
  where period between 'M01' and 'M12' group by all) group by all
"""

CHECKED = """
select trim(series_id) as series_id, arg_max(year, total) as year from (
  select series_id, year, sum(cast(nullif(trim(value), '') as {value})) as total from (
    select *, case when regexp_full_match(concat_ws('\t', series_id, year, period, value,
      coalesce(footnotes, '')), '{pattern}') then true else error('a bad line') end as sound
    from read_csv('{text}', delim = '\t', header = false, skip = 1, quote = '',
      strict_mode = false, columns = {{'series_id': 'varchar', 'year': 'varchar',
        'period': 'varchar', 'value': 'varchar', 'footnotes': 'varchar'}}))
  where sound and period between 'M01' and 'M12' group by all) group by all
"""

Answer = Callable[[], int]


def ours(how: str, text: Path, table: Path) -> Answer:
    """As a report does: checked, exact, ties and partial years told."""
    from blsquest.analytics.observations import read_observations
    from blsquest.analytics.parquet_table import read_table, write_table
    from blsquest.analytics.questions import best_year
    from blsquest.analytics.sums import annual_sums

    if how == "table":
        return lambda: write_table(text, table, survey="pw", file=text.name, metadata={}).rows
    if how == "ours, table":
        return lambda: best_year(annual_sums(read_table(table))).height
    return lambda: best_year(annual_sums(read_observations(text))).height


def duckdb(text: Path, query: str = SQL, **terms: str) -> Answer:
    """One query."""
    import duckdb as engine

    query = query.format(**{"text": text, "value": "double", **terms})
    return lambda: len(engine.connect().execute(query).fetchall())


def duckdb_exact(text: Path, query: str = SQL) -> Answer:
    """One query over decimals of our own scale."""
    from blsquest.analytics.data_file import COLUMNS, line_pattern
    from blsquest.analytics.observations import VALUE

    value = f"decimal({VALUE.precision}, {VALUE.scale})"
    return duckdb(text, query, value=value, pattern=line_pattern(COLUMNS, plain=True))


def pandas(text: Path) -> Answer:
    """The usual way."""
    import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]

    def answer() -> int:
        rows = pd.read_csv(text, sep="\t")
        rows.columns = rows.columns.str.strip()
        rows["series_id"] = rows["series_id"].str.strip()
        months = rows[rows["period"].isin([f"M{month:02}" for month in range(1, 13)])]
        sums = months.groupby(["series_id", "year"])["value"].sum()
        return len(sums.groupby("series_id").idxmax())

    return answer


def main() -> None:
    """Answer once."""
    how, text, table = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    peers: dict[str, Callable[[Path], Answer]] = {
        "DuckDB, checked": partial(duckdb_exact, query=CHECKED),
        "DuckDB, exact": duckdb_exact,
        "DuckDB": duckdb,
        "pandas": pandas,
    }
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
