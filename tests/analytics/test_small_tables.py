"""A survey's small tab-separated files, as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from blsquest.analytics.code_tables import read_small_table
from blsquest.core.errors import BadData

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path, body: str | bytes) -> pl.DataFrame:
    path = folder / "a file"
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    return read_small_table(path, "xx.thing")


WHOLE = ("1", "one", "x")


@pytest.mark.parametrize(
    ("lines", "rows"),
    [
        (["1", "1\tone\tx"], [("1", None, None), WHOLE]),
        (["1\tone\tx", "1"], [WHOLE, ("1", None, None)]),
        (["", "1\tone\tx"], [WHOLE]),
        (["1\tone\tx\tmore\tand more", "1\tone\tx"], [WHOLE, WHOLE]),
        (["1\tone\tx", "1\tone\tx\tmore"], [WHOLE, WHOLE]),
        (["1"], [("1", None, None)]),
        ([" ", "\t\t"], []),
        ([], []),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("closed", [True, False])
def test_any_line_may_be_shorter_or_longer_than_the_header_or_blank(
    tmp_path: Path, lines: list[str], rows: list[tuple[str | None, ...]], end: str, *, closed: bool
) -> None:
    body = end.join(["code\ttext\tother\t", *lines]) + end * closed

    assert read(tmp_path, body).rows() == rows


def test_short_lines_take_nothing_from_the_many_whole_ones(tmp_path: Path) -> None:
    whole, count = "1\tone\tx\n", 100_000
    found = read(tmp_path, "code\ttext\tother\n" + f"1\n{whole}" * count)

    assert found.height == 2 * count
    assert found.null_count().row(0) == (0, count, count)


def test_names_are_plain_and_codes_keep_their_zeros(tmp_path: Path) -> None:
    found = read(tmp_path, '\ufeff Thing_Code\tTEXT  \r\n 007 \t"quoted\t\r\n')

    assert found.to_dicts() == [{"thing_code": "007", "text": '"quoted'}]


@pytest.mark.parametrize(
    "header",
    ["", "\r\n", "\t\t", "\ufeff", "a\ta", "A\ta", "\t".join(f"c{n}" for n in range(20_000))],
)
def test_a_file_without_a_header_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(BadData, match="has no header"):
        read(tmp_path, f"{header}\n1\t2\n" if header else "")


@pytest.mark.parametrize("name", ["*", "^.*$", "a\x00", "a\rb", "\x1b[2J", "x" * 101])
def test_a_name_that_steers_a_terminal_or_means_many_columns_is_refused(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(BadData, match="names in its header that no column can have"):
        read(tmp_path, f"code\t{name}\ttext\n1\t2\t3\n")


def test_what_polars_cannot_read_is_refused_by_the_files_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> pl.DataFrame:
        raise pl.exceptions.ComputeError("a\nlong story")

    monkeypatch.setattr(pl.LazyFrame, "collect", fail)
    with pytest.raises(BadData) as caught:
        read(tmp_path, "code\ttext\n1\tone\n")
    assert caught.value.what == "xx.thing can't be read as a table (ComputeError)."
