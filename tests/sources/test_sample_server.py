from __future__ import annotations

import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from threading import Barrier, Thread
from time import perf_counter
from urllib.parse import urlsplit

import pytest

from blsquest.sources.sample.pages import PublishedFile
from blsquest.sources.sample.server import SampleServer
from tests.support.sample_client import CONTACT, get


def test_one_connection_takes_many_requests_without_delay() -> None:
    with SampleServer() as server:
        parts = urlsplit(server.bls_url)
        connection = HTTPConnection(parts.netloc, timeout=60)
        server.surveys  # noqa: B018 made before the clock starts
        took = []
        for _ in range(50):
            started = perf_counter()
            connection.request("GET", f"{parts.path}pr/", headers=CONTACT)
            assert b"pr.class" in connection.getresponse().read()
            took.append(perf_counter() - started)
        # 40 ms are what a delayed ACK would cost each of them; a busy machine delays some.
        assert min(took) < 0.02
        connection.close()


def test_requests_are_logged_with_their_status_and_bytes() -> None:
    with SampleServer() as server:
        url = f"{server.bls_url}pr/pr.class"
        get(url)
        get(url, If_Modified_Since="Thu, 06 Feb 2025 13:30:02 GMT")
        get(server.population_url)
        first, second, third = server.requests
    assert (first.method, first.path, first.status, first.sent) == (
        *("GET", "/pub/time.series/pr/pr.class"),
        *(200, 102),
    )
    assert (second.status, second.sent) == (304, 0)
    assert second.headers["if-modified-since"] == "Thu, 06 Feb 2025 13:30:02 GMT"
    assert third.query.startswith("cube=acs_yg_total_population_1&drilldowns=Year%2CNation")
    assert first.arrived <= second.arrived <= third.arrived


def test_requests_are_answered_side_by_side() -> None:
    together = Barrier(8)
    with SampleServer() as server:
        server.on_request = lambda _: together.wait()
        threads = [Thread(target=get, args=(f"{server.bls_url}pr/pr.class",)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [request.status for request in server.requests] == [200] * 8


def test_an_answer_comes_no_sooner_than_the_latency() -> None:
    with SampleServer(latency=0.05) as server:
        started = perf_counter()
        get(f"{server.bls_url}pr/pr.class")
        assert perf_counter() - started >= 0.05


def test_a_large_file_is_streamed_from_its_path(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(50_000_000)
    with SampleServer() as server:
        server.surveys["xy"] = {"xy.data": PublishedFile(tmp_path / "large", "", None)}
        assert len(get(f"{server.bls_url}xy/xy.data").body) == 50_000_000


def test_an_unknown_release_is_refused_before_it_starts() -> None:
    with pytest.raises(ValueError, match="no generated release 3: choose 1 or 2"):
        SampleServer(release=3)


def test_it_has_no_address_before_it_runs() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        _ = SampleServer().bls_url


def test_as_a_module_it_prints_its_addresses_and_serves_until_interrupted() -> None:
    command = [sys.executable, "-m", "blsquest.sources.sample.server", "--release", "2"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as process:
        assert process.stdout is not None
        bls = process.stdout.readline().split()[1]
        population = process.stdout.readline().split()[1]
        assert b"pr.notice" in get(f"{bls}pr/").body
        assert get(population).status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
