"""Survey folders to mirror: many small files, or one large one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sources.sample_pages import PublishedFile

if TYPE_CHECKING:
    from pathlib import Path

    from flows.sources.sample import SampleServer

STAMP = "6/5/2025  8:30 AM"
MODIFIED = "Thu, 05 Jun 2025 12:30:00 GMT"
LINE = b"PRS30006011      \t1995\tQ01\t         2.6\t\r\n"
HEADER = b"series_id        \tyear\tperiod\t       value\tfootnote_codes\r\n"


def many_files(server: SampleServer, count: int) -> None:
    """Publish `count` files of about 4 kB, one of them a data file."""
    body = HEADER + LINE * 100
    names = ["pr.data.0.Current", *(f"pr.table{n:05}" for n in range(1, count))]
    server.surveys["pr"] = {
        name: PublishedFile(body + name.encode() + b"\r\n", STAMP, MODIFIED) for name in names
    }


def change_one(server: SampleServer) -> None:
    """Let the publisher bring out one changed file."""
    files = server.surveys["pr"]
    name = "pr.data.0.Current"
    body = files[name].body
    if not isinstance(body, bytes):
        raise TypeError(name)
    files[name] = PublishedFile(body + LINE, "9/4/2025  8:30 AM", "Thu, 04 Sep 2025 12:30:00 GMT")


def one_large_file(server: SampleServer, folder: Path, size: int) -> None:
    """Publish one data file of about `size` bytes, written to `folder`."""
    path = folder / "large"
    block = LINE * 25_000
    with path.open("wb") as file:
        file.write(HEADER)
        while file.tell() < size:
            file.write(block)
    server.surveys["pr"] = {"pr.data.0.Current": PublishedFile(path, STAMP, MODIFIED)}
