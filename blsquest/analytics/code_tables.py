"""A survey's small tab-separated files: its series file, and the tables that explain its codes.

The column `<x>_code` (or `<x>`) is explained by a table whose column of the same name holds the
code, and `<x>_text`, `<x>_name` or the like the words. If a table explains something else, or may,
the series keeps its code: no words are better than wrong ones.

The table is the file named after the column, `<survey>.<x>`, ignoring underscores and dots in its
name (`hs.data.type`); if there is none, the file whose first column is the code
(`la.state_region_division` for `srd_code`).
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from io import BytesIO
from itertools import islice
from pathlib import Path

import polars as pl

from blsquest.core.errors import LOOK, BadData
from blsquest.core.text import some

SPANS = {
    "first_period": ("begin_year", "begin_period"),
    "last_period": ("end_year", "end_period"),
}
"""A series' span in the catalogue, and the columns of the series file that it is made of."""

MADE = ("title", "unit", *SPANS)
"""Columns that the catalogue makes itself."""

NOT_CODES = frozenset({"series_id", "series_title", "footnote_codes"}.union(*SPANS.values()))
"""Columns of series files that no table explains."""

LONGEST_HEADER = 65_536
BATCH = 16 << 20
"""Bytes of a large file that are read at a time; a part takes some ten times that in memory."""
_SAMPLED = 1_000
"""Lines read to see whether a header lacks a name."""
_LONGEST_NAME = 100
_PATTERNS = set("*^$")
"""Characters that make a name a pattern: polars would take it for several columns."""

_WORDS = ("_text", "_name", "_title", "_description", "_desc")
_REMEDY = "Its codes are shown as they are; look at the file for what they mean."
_IN_WORDS = "in words\n"
"""With a line end, so that no column of a file can have this name."""


def read_small_table(path: Path, name: str) -> pl.DataFrame:
    """Read a small file, all cells as stripped text; empty ones are null.

    Headers may be padded, in mixed case and behind a byte order mark; lines may be blank, or longer
    or shorter than the header. Codes keep their leading zeros, and bytes that are no UTF-8 become a
    replacement character. If all lines have more cells than the header, its names are
    those of the columns that are not empty.

    Raises:
        BadData: It has no header, can't be read as a table, or has a column with content and no
            name.
        OSError: It can't be read.
    """
    columns = read_header(path, name)
    if surplus := _surplus(path, len(columns)):
        return _named_in_order(path, columns, surplus, name)
    return _cells(path, columns, name)


def table_batches(
    path: Path, name: str, wanted: Callable[[bytes], bool] | None = None
) -> Iterator[pl.DataFrame]:
    """Read a file of any size as `read_small_table` does, in parts of at least `BATCH` bytes.

    A file without lines is one part without rows. If only some lines are `wanted`, they are one
    part, of any size.

    Raises:
        BadData, OSError: As `read_small_table`.
    """
    columns = read_header(path, name)
    with path.open("rb") as file:
        header = file.readline()
        if wanted is None:
            body = file.read(BATCH) + file.readline()
        else:
            body = b"".join(line for line in file if wanted(line))
        while True:
            yield _cells(BytesIO(header + body), columns, name)
            if not (body := file.read(BATCH) + file.readline()):
                return


def _cells(text: Path | BytesIO, columns: Sequence[str], name: str) -> pl.DataFrame:
    # polars takes the width from the first line: that must be the header, since any other may be
    # shorter. The slice then drops it.
    cells = pl.scan_csv(
        text,
        has_header=False,
        separator="\t",
        quote_char=None,
        schema=dict.fromkeys(columns, pl.String()),
        truncate_ragged_lines=True,
        extra_columns="ignore",
        missing_columns="insert",
        encoding="utf8-lossy",
        glob=False,
    ).slice(1)
    cells = cells.with_columns(pl.all().str.strip_chars(" \r").replace("", None))
    try:
        return cells.filter(~pl.all_horizontal(pl.all().is_null())).collect(engine="streaming")
    except pl.exceptions.PolarsError as error:
        raise BadData(f"{name} can't be read as a table ({type(error).__name__}).", LOOK) from error


def _surplus(path: Path, width: int) -> int:
    """Return how many cells more than the header each of the first lines has."""
    with path.open("rb") as file:
        lines = [line.rstrip() for line in islice(file, 1, _SAMPLED) if line.strip()]
    return max(0, min((line.count(b"\t") + 1 for line in lines), default=0) - width)


def _named_in_order(path: Path, columns: list[str], surplus: int, name: str) -> pl.DataFrame:
    """Read a file whose header lacks the names of its empty columns."""
    nameless = [f"{n}{_IN_WORDS}" for n in range(surplus)]
    header, _, body = path.read_bytes().partition(b"\n")
    wide = BytesIO(header.rstrip() + b"\t" * surplus + b"\n" + body)
    cells = _cells(wide, [*columns, *nameless], name)
    filled = [c for c in cells.columns if cells.get_column(c).null_count() < cells.height]
    if len(filled) != len(columns):
        raise BadData(f"{name} has more columns than its header has names.", LOOK)
    return cells.select(filled).rename(dict(zip(filled, columns, strict=True)))


def read_header(path: Path, name: str) -> list[str]:
    """Return the names of a small file's columns, stripped and in lower case.

    Raises:
        BadData: It has no header, or names that no column can have.
        OSError: It can't be read.
    """
    with path.open("rb") as file:
        return columns_of(file.readline(LONGEST_HEADER), name)


def columns_of(line: bytes, name: str) -> list[str]:
    """Return the names of the columns in the first line of the file `name`.

    Raises:
        BadData: As `read_header`.
    """
    text = line.decode("utf-8-sig", "replace").rstrip("\r\n")
    columns = [cell.strip().lower() for cell in text.split("\t")]
    while columns and not columns[-1]:
        columns.pop()
    if len(line) >= LONGEST_HEADER or not columns or len(set(columns)) < len(columns):
        raise BadData(f"{name} has no header of columns with names of their own.", LOOK)
    if any(len(c) > _LONGEST_NAME or not c.isprintable() or _PATTERNS & {*c} for c in columns):
        raise BadData(f"{name} has names in its header that no column can have.", LOOK)
    return columns


def stem_of(column: str) -> str:
    """Return `sector` for `sector_code`, and for `sector`."""
    return column.removesuffix("_code")


def plain_name(name: str) -> str:
    """Return the same for `data_type` and the files `datatype` and `data.type`."""
    return name.replace("_", "").replace(".", "").lower()


def tables_for(
    survey: str, columns: Sequence[str], names: Collection[str], header: Callable[[str], list[str]]
) -> dict[str, str]:
    """Return the files that explain a series file's columns, by column.

    Args:
        survey: The survey's abbreviation.
        columns: Those of the series file.
        names: All files of the survey that may be code tables.
        header: Returns the columns of one of them; called only if a code has no file of its name.
            A file that raises BadData is skipped.
    """
    coded = [c for c in columns if c not in NOT_CODES and c not in MADE]
    others = sorted({*names} - {f"{survey}.{name}" for name in _NO_TABLES})
    alike = {plain_name(file.removeprefix(f"{survey}.")): file for file in reversed(others)}
    named = {c: f"{survey}.{stem_of(c)}" for c in coded}
    chosen = {c: f if f in others else alike.get(plain_name(stem_of(c))) for c, f in named.items()}
    found = {column: file for column, file in chosen.items() if file is not None}
    lost = [c for c in coded if c not in found and c.endswith("_code")]
    firsts: dict[str, list[str]] = {}
    for name in sorted({*others} - {*found.values()}) if lost else ():
        with suppress(BadData):
            firsts.setdefault(header(name)[0], []).append(name)
    return found | {c: firsts[c][0] for c in lost if len(firsts.get(c, ())) == 1}


_NO_TABLES = ("series", "footnote", "txt", "contacts", "aspect")
"""Small files of a survey that explain no column of its series file."""


def in_words(column: str, series: pl.DataFrame, table: pl.DataFrame, file: str) -> pl.Series:
    """Return the codes of a series file's column in words; null where the table has none.

    Raises:
        BadData: The table does not explain the column, or may explain something else.
    """
    stem = stem_of(column)
    code = next((c for c in (column, f"{stem}_code", stem) if c in table.columns), None)
    if code is None:
        raise BadData(f"{file} has no column {column}.", _REMEDY)
    words = _words_column(stem, code, table.columns, series.columns, file)
    lines = table.filter(pl.col(code).is_not_null()).rename({code: column})
    others = [
        c for c in lines.columns if c not in {column, words, *NOT_CODES} and c in series.columns
    ]
    # A repeated line counts once, whatever its other columns hold.
    lines = lines.select(column, *others, pl.col(words).alias(_IN_WORDS)).unique()
    # A code may mean something only within another, as an item does within its group.
    for keys in ([column], [column, *others]):
        if not lines.select(keys).is_duplicated().any():
            return (
                series.select(keys)
                .join(lines.select(*keys, _IN_WORDS), on=keys, how="left", maintain_order="left")
                .get_column(_IN_WORDS)
            )
    raise BadData(f"{file} explains a code in more than one way.", _REMEDY)


def _words_column(
    stem: str, code: str, columns: Collection[str], of_series: Collection[str], file: str
) -> str:
    """Return the column of words named after the code; else the only one, if no other code's."""
    candidates = [c for c in columns if c != code and c.endswith(_WORDS)]
    named = {plain_name(c): c for c in candidates}
    own = next((named[n] for e in _WORDS if (n := plain_name(stem + e)) in named), None)
    if own is not None:
        return own
    if not candidates:
        raise BadData(f"{file} has no column of words.", _REMEDY)
    [first, *more] = candidates
    other = next(first.removesuffix(end) for end in _WORDS if first.endswith(end))
    if more or {other, f"{other}_code"} & {*columns, *of_series}:
        raise BadData(
            f"{file} has no column {stem}_text: {some(candidates)} may mean something else.",
            _REMEDY,
        )
    return first


# -- Footnotes ---------------------------------------------------------------------------------


def read_footnotes(path: Path, name: str) -> dict[str, str]:
    """Return a survey's footnotes by code, from its `<survey>.footnote`.

    Raises:
        BadData: It is no table of codes and words.
        OSError: It can't be read.
    """
    table = read_small_table(path, name)
    code = next((c for c in ("footnote_code", "footnote_codes") if c in table.columns), None)
    words = next((c for c in table.columns if c != code and c.endswith(_WORDS)), None)
    if code is None or words is None:
        raise BadData(f"{name} has no columns footnote_code and footnote_text.", _REMEDY)
    return dict(table.select(code, words).drop_nulls().unique(code, keep="first").rows())


def footnotes_in_words(codes: str, footnotes: Mapping[str, str]) -> str:
    """Return an observation's footnote codes with what they mean: `P: preliminary`.

    Codes are parted by commas or blanks, or are one letter each; a code that the survey does not
    explain is left as it is.
    """
    each = [codes] if codes in footnotes else [c for c in re.split(r"[,;\s]+", codes) if c]
    if len(each) == 1 and each[0] not in footnotes and all(c in footnotes for c in each[0]):
        each = list(each[0])
    return "; ".join(f"{c}: {footnotes[c].rstrip('.')}" if c in footnotes else c for c in each)


def with_footnotes(frame: pl.DataFrame, footnotes: Mapping[str, str]) -> pl.DataFrame:
    """Add `footnotes`, in words, to a frame with `footnote_codes`."""
    codes = frame.get_column("footnote_codes")
    words = {code: footnotes_in_words(code, footnotes) for code in codes.unique().drop_nulls()}
    texts = codes.replace_strict(words, default=None, return_dtype=pl.String())
    return frame.with_columns(footnotes=texts)
