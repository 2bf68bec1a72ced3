"""The forms in which answers are written: Parquet bytes, and what markdown is made of."""

from __future__ import annotations

import html
import re
from io import BytesIO
from typing import TYPE_CHECKING

from flows.analytics.plain_text import printable

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    import polars as pl

_ADDRESS = re.compile(r"(https?:|www)(?=//|\.)", re.IGNORECASE)
"""What dashboards make a link of, in spite of any escape: a word joiner in it prevents that."""

_ROW_GROUP = 1_000_000


def parquet_bytes(frame: pl.DataFrame, metadata: Mapping[str, str]) -> bytes:
    """Write a frame as one Parquet file, zstd-compressed, with statistics for pruning.

    The same frame and metadata give the same bytes with the same version of polars, in any
    process and whatever the number of threads: row groups and level are fixed.

    Args:
        frame: An answer.
        metadata: What a reader must know beside the numbers: source generations, hashes, units.
    """
    buffer = BytesIO()
    frame.rechunk().write_parquet(
        buffer,
        compression="zstd",
        compression_level=3,
        statistics=True,
        row_group_size=_ROW_GROUP,
        metadata=dict(sorted(metadata.items())),
    )
    return buffer.getvalue()


def escape(text: str) -> str:
    """Make any text safe inside a line or a table cell of markdown, which may hold HTML."""
    plain = _ADDRESS.sub("\\1\N{WORD JOINER}", html.escape(printable(text), quote=False))
    return re.sub(r"([\\`*_{}\[\]#|~!])", r"\\\1", plain)


def table(
    header: tuple[str, ...], rows: Iterable[tuple[str, ...]], words: Container[str] = ()
) -> str:
    """A table in markdown, the first column and words to the left, all others to the right.

    Args:
        header: The columns' names, as markdown.
        rows: The cells, as markdown: what comes from a publisher went through `escape`.
        words: The headers of further columns that hold words.
    """
    rule = tuple("---:" if n and name not in words else "---" for n, name in enumerate(header))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))
