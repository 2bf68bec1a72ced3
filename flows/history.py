"""The command `python -m flows.history`: every value that one number ever had.

    python -m flows.history PRS30006032 2018 Q01 --lake ./lake

Exit codes: 0 done, 1 failed, 2 usage (no such lake, file, series, year or period), 3 refused. A
plain command: it reads the lake, starts no Prefect flow, and writes nothing into the lake.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from blocks.lake import open_lake
from blsquest.core.clock import time_text
from blsquest.core.errors import Misuse, QuestError
from blsquest.core.text import columns, printable, short
from blsquest.products.history import History, Value, Vintage, plain, trace
from flows.options import AsJson, DataFile, Lake, Survey
from flows.results import complaint

MATRIX_ENDINGS = (".csv", ".parquet")

Series = Annotated[str, typer.Argument(help="The series, for example PRS30006032.")]
Year = Annotated[int, typer.Argument(help="The year of the observation.")]
Period = Annotated[str, typer.Argument(help="Its period: Q01-Q05, M01-M13, S01-S03 or A01.")]
Matrix = Annotated[
    Path | None,
    typer.Option(help="Also write the whole series, observation by vintage, as .csv or .parquet."),
]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def history(
    series: Series,
    year: Year,
    period: Period,
    lake: Lake = "./lake",
    survey: Survey = "pr",
    data_file: DataFile = None,
    matrix: Matrix = None,
    json_: AsJson = False,
) -> None:
    """Show each value that one number ever had, from when to when, and from which release."""
    try:
        if matrix is not None and matrix.suffix not in MATRIX_ENDINGS:
            raise Misuse(
                f"--matrix {matrix} is neither a .csv nor a .parquet file.", "Name one of these."
            )
        found, vintages = trace(
            open_lake(lake),
            f"bls/{survey}",
            data_file or f"{survey}.data.0.Current",
            series.strip(),
            year,
            period.strip().upper(),
        )
        if matrix is not None:
            write_matrix(matrix, found, vintages)
            typer.echo(f"The whole series, observation by vintage: {matrix}", err=True)
    except QuestError as error:
        typer.echo(complaint(error), err=True)
        raise typer.Exit(error.exit_code) from error
    typer.echo(json.dumps(found.as_dict(), indent=2) if json_ else told(found))


def told(found: History) -> str:
    """The history as a table for a terminal."""
    return "\n".join(_lines(found))


def _lines(found: History) -> Iterator[str]:
    sample = " (generated sample)" if found.sample else ""
    title = short(found.title or "What the series is, its survey does not tell.")
    unit = f" [{short(found.unit)}]" if found.unit and short(found.unit) not in title else ""
    yield f"{found.series_id} {found.year} {found.period}{sample}, {found.file}"
    yield f"{title}{unit}"
    yield ""
    rows = [("from (UTC)", "to", "value", "notes", "generation", "released")]
    rows += [
        (
            f"{value.since:%Y-%m-%d %H:%M}",
            f"{value.until:%Y-%m-%d %H:%M}" if value.until else "now",
            _seen(value),
            value.footnotes,
            str(value.generation),
            value.released,
        )
        for value in found.values
    ]
    yield from columns(rows, numbers={2, 4})
    for generation, why in found.unreadable:
        yield ""
        yield f"Generation {generation} can't be read: {printable(why)}"


def _seen(value: Value) -> str:
    if value.present is None:
        return "unreadable"
    return (plain(value.value) or "none") if value.present else "removed"


def write_matrix(target: Path, found: History, vintages: Sequence[Vintage]) -> None:
    """Write the series' vintage matrix; a column is named by its vintage's commit time in UTC.

    A vintage that can't be read has no column.

    Raises:
        Misuse: The file can't be written.
    """
    from blsquest.analytics.parquet_table import parquet_bytes
    from blsquest.analytics.vintages import matrix, plain_csv

    frame = matrix({time_text(v.since): v.rows for v in vintages if not v.problem})
    about = {
        "bls-data-quest:source": found.source,
        "bls-data-quest:file": found.file,
        "bls-data-quest:series": f"{found.series_id} {found.title or ''}".strip(),
        "bls-data-quest:unit": found.unit or "",
        "bls-data-quest:sample": str(found.sample).lower(),
    }
    is_csv = target.suffix == ".csv"
    try:
        target.write_bytes(plain_csv(frame).encode() if is_csv else parquet_bytes(frame, about))
    except OSError as error:
        raise Misuse(
            f"{target} can't be written: {error.strerror}.", "Name another file."
        ) from error


if __name__ == "__main__":
    app(prog_name="python -m flows.history")
