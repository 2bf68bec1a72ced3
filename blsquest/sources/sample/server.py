"""A loopback server that speaks as BLS and DataUSA do, for `make run` and for the tests.

What it publishes is a generated sample, and called one wherever it shows, unless real files are
given to it. It needs no pacing; the publishers do.

    python -m blsquest.sources.sample.server [--port N] [--release 1|2] [--folder DIR]
        [--population FILE]
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from datetime import UTC, datetime
from functools import reduce
from itertools import count
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

from blsquest.sources.sample import pages
from blsquest.sources.sample.pages import ROOT, http_date, published_folder
from blsquest.sources.sample.population import PATHS, QUERIES, shape_of
from blsquest.sources.sample.productivity import generated, known_release
from blsquest.sources.sample.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from types import TracebackType

    from blsquest.sources.sample.faults import Fault
    from blsquest.sources.sample.pages import PublishedFile, Shown
    from blsquest.sources.sample.population import Shape
    from blsquest.sources.sample.wire import Reply, Request


_SURVEY = "pr"


class SampleServer:
    """Both publishers on one free port of 127.0.0.1, while its `with` block lasts.

    Attributes:
        surveys: Folder under the root → file name → file. May be changed at any time; every
            request sees the state of its moment.
        population: A payload to serve as it is, or the shape of the generated one.
        latency: Seconds before each answer.
        requests: Every request so far, in order of arrival.
        faults: Applied to the replies of the requests that they match, in this order.
        on_request: Called with each request before it is answered, in its connection's thread;
            it may publish.
        listing_rows: Given a folder and its true rows, the rows that the listing shows.
    """

    def __init__(
        self,
        *,
        release: int = 1,
        folder: Path | None = None,
        population: bytes | Shape = "tesseract",
        latency: float = 0.0,
        port: int = 0,
    ) -> None:
        """Prepare; nothing listens yet.

        Args:
            release: The generated release to publish, 1 or 2.
            folder: A folder of real files to publish as `pr` instead.
            population: See the attribute.
            latency: See the attribute.
            port: 0 for a free one.

        Raises:
            ValueError: There is no such generated release.
        """
        self.population: bytes | Shape = population
        self.latency = latency
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.on_request: Callable[[Request], object] = lambda _: None
        self.listing_rows: Shown = lambda _, rows: rows
        self._release = known_release(release)
        self._surveys: dict[str, dict[str, PublishedFile]] | None = None
        self._port = port
        self._lock = Lock()
        self._turns = count()
        self._wire: Wire | None = None
        if folder is not None:
            self.publish_folder(folder)

    @property
    def surveys(self) -> dict[str, dict[str, PublishedFile]]:
        """See the class; the generated release is made when it is first looked at."""
        with self._lock:
            if self._surveys is None:
                self._surveys = {_SURVEY: generated(self._release)}
            return self._surveys

    def publish(self, release: int) -> None:
        """Bring out a generated release, 1 or 2: every later request sees all of it."""
        self.surveys[_SURVEY] = generated(release)

    def publish_folder(
        self,
        folder: Path,
        *,
        modified: datetime | None = None,
        restamp: bool | Collection[str] = True,
    ) -> None:
        """Bring out a folder of real files as the next release; see `published_folder`."""
        previous = (self._surveys or {}).get(_SURVEY)
        files = published_folder(folder, modified=modified, previous=previous, restamp=restamp)
        with self._lock:
            if self._surveys is None:  # nobody has looked at the generated release: don't make it
                self._surveys = {}
            self._surveys[_SURVEY] = files

    @property
    def bls_url(self) -> str:
        """The root that holds the survey folders."""
        return f"{self._origin}{ROOT}"

    @property
    def population_url(self) -> str:
        """The whole request for the population."""
        shape = shape_of(self.population)
        return f"{self._origin}{PATHS[shape]}?{QUERIES[shape]}"

    @property
    def _origin(self) -> str:
        if self._wire is None:
            raise RuntimeError("The sample server is not running: enter its `with` block first.")
        return f"http://127.0.0.1:{self._wire.server_address[1]}"

    def __enter__(self) -> Self:
        self._wire = Wire(self._answer, self._port)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._wire is not None:
            self._wire.stop()
            self._wire = None

    def _answer(self, request: Request) -> Reply:
        """What the publisher answers, and what the faults make of it."""
        self.requests.append(request)
        self.on_request(request)
        if self._wire is not None:
            self._wire.wait(self.latency)
        path = unquote(request.path)
        if path.startswith(ROOT):
            reply = pages.bls(path, request.headers, self.surveys, self.listing_rows)
        else:
            reply = pages.datausa(path, self.population, next(self._turns))
        reply = reply.with_header("Date", http_date(datetime.now(tz=UTC)))
        with self._lock:
            acts = [fault.act for fault in self.faults if fault.strikes(request.path)]
        return reduce(lambda changed, act: act(changed), acts, reply)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m blsquest.sources.sample.server",
        description="Serve sample (or given) BLS files and a population on 127.0.0.1.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--release", type=int, choices=(1, 2), default=1)
    parser.add_argument("--folder", type=Path, help="real files to serve as survey pr")
    parser.add_argument("--population", type=Path, help="a population payload to serve")
    return parser.parse_args()


def main() -> None:
    """Print the URLs and serve until Ctrl-C."""
    given = _arguments()
    population: bytes | Shape = given.population.read_bytes() if given.population else "tesseract"
    server = SampleServer(
        release=given.release, folder=given.folder, population=population, port=given.port
    )
    with server, suppress(KeyboardInterrupt):
        sys.stdout.write(f"bls         {server.bls_url}\npopulation  {server.population_url}\n")
        sys.stdout.flush()
        Event().wait()


if __name__ == "__main__":
    main()
