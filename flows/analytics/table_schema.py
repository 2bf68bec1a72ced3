"""The columns of the lake's Parquet tables: the one definition, also of the Glue table over them.

    python -m flows.analytics.table_schema > deployments/terraform/tables.json

writes what Terraform reads; a test compares the two.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass

VERSION = 1
"""Raised with any change to the columns or to how they are written: all tables are made again."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: In lower case.
        type: As Hive, Glue and Athena call it.
        comment: What it means.
    """

    name: str
    type: str
    comment: str


TABLE = (
    Column("survey", "string", "The survey's code, for example pr."),
    Column(
        "file",
        "string",
        "The publisher's data file. Files of a survey overlap: filter by one of them.",
    ),
    Column("series_id", "string", "The series; its first two characters are the survey's code."),
    Column("year", "int", "The calendar year."),
    Column(
        "period",
        "string",
        "M01-M12 months, Q01-Q04 quarters, S01-S02 halves, A01 the year; M13, Q05 and S03 are "
        "annual averages.",
    ),
    Column(
        "period_start",
        "date",
        "The first day of what the period covers; 1 January for years and annual averages.",
    ),
    Column("value", "decimal(38,9)", "Exact, in the series' own unit; null where there is none."),
    Column("footnote_codes", "string", "As published; empty for none."),
)

SORTED_BY = ("series_id", "year", "period")


def document() -> str:
    """The table as JSON, for Terraform: columns, and where its lists of files lie in the lake."""
    table = {
        "name": "observations",
        "comment": "Observations of all mirrored BLS data files, at their newest vintage.",
        "schema_version": VERSION,
        "folder": "tables/athena/",
        "columns": [asdict(column) for column in TABLE],
    }
    return json.dumps(table, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
