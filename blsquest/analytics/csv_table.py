"""Frames as CSV, for a spreadsheet: the numbers of the Parquet files, with published decimals."""

import polars as pl

MOST_ROWS = 1_048_575
"""Rows that a sheet of Excel or LibreOffice Calc holds below the header."""

_FORMULA = (
    "^[=+@\t\r\n\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH COMMERCIAL AT}-]"
)
"""The beginning of a cell that a spreadsheet may run (OWASP, "CSV Injection")."""


def csv_bytes(frame: pl.DataFrame, decimals: int | pl.Series) -> bytes:
    """Write a frame as CSV. The same frame gives the same bytes.

    Text is UTF-8 with a byte order mark, by which Excel knows it, and lines end in CRLF (RFC 4180).
    Nothing is rounded: an exact number has the decimals of its series, and more only where it needs
    them, as a mean does. A list is written as `2021; 2022`. Text comes from publishers: what a
    spreadsheet would run as a formula gets an apostrophe before it.

    Args:
        frame: With columns of text, numbers, truth values, and lists of numbers.
        decimals: Those of all exact numbers, or of each row.
    """
    scale = decimals if isinstance(decimals, pl.Series) else pl.Series([decimals])
    numbers = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Decimal)]
    text = pl.col(pl.String)
    return (
        frame.lazy()
        .with_columns(
            *(_exact(pl.col(name), pl.lit(scale.cast(pl.Int64))) for name in numbers),
            pl.col(pl.List(pl.Int32)).cast(pl.List(pl.String)).list.join("; "),
            pl.when(text.str.contains(_FORMULA)).then("'" + text).otherwise(text).name.keep(),
        )
        .collect()
        .write_csv(include_bom=True, line_terminator="\r\n")
        .encode()
    )


def _exact(number: pl.Expr, decimals: pl.Expr) -> pl.Expr:
    """Return exact numbers as text, with this many decimals or as many as they need."""
    text = number.cast(pl.String)
    point = text.str.find(".", literal=True).cast(pl.Int64)
    needed = text.str.strip_chars_end("0").str.len_bytes().cast(pl.Int64)
    return text.str.slice(0, pl.max_horizontal(needed, point + 1 + decimals)).str.strip_chars_end(
        "."
    )
