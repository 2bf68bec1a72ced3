"""The Prefect API away at any moment of a run: the lake is whole, and the command says so."""

from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

import pytest

from blsquest.core.clock import utcnow
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.sample.server import SampleServer
from tests.support.commands import Command, Ended, arguments, when_asked_for
from tests.support.faults import Fault, html_page
from tests.support.lakes import assert_whole, mirror
from tests.support.prefect_server import PrefectServer, clean_environment
from tests.support.s3_proxy import LOSE, Request, relay

CLOSED = "http://127.0.0.1:9/api"
"""The discard port: nothing listens there."""
IMPATIENT = {"PREFECT_CLIENT_MAX_RETRIES": "0"}
"""Prefect's client gives up after 2 s instead of 62 s."""

MIDDLE, END = ("pr.data.0.Current", 1), ("/pr/", 2)
"""The first request for a file; the second for the listing, which is the source's last."""


def assert_says_that_the_api_is_away(ended: Ended, address: str) -> None:
    last = ended.out[-900:]
    assert ended.code == 1
    assert f"The Prefect API at {address} does not answer" in last
    port = urlsplit(address).port
    assert f"What to do: Start it (make dashboard PORT={port}), or correct PREFECT_API_URL" in last


def test_an_api_that_is_away_at_the_start_is_named_and_nothing_is_asked_of_anyone(
    server: SampleServer, tmp_path: Path
) -> None:
    environment = clean_environment(tmp_path) | {"PREFECT_API_URL": CLOSED}

    ended = Command(arguments("mirror", server, tmp_path / "lake"), tmp_path, environment).ended()

    assert_says_that_the_api_is_away(ended, CLOSED)
    assert "Traceback" not in ended.said
    assert server.requests == []
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize("moment", [MIDDLE, END], ids=["middle", "end"])
def test_a_run_whose_api_goes_away_for_good_does_its_work_and_then_says_so(
    server: SampleServer, tmp_path: Path, prefect_server: PrefectServer, moment: tuple[str, int]
) -> None:
    lake = DirectoryStore(tmp_path / "lake")
    with relay(prefect_server.api_url) as api:
        gone = when_asked_for(server, moment[0], api.cut, times=moment[1])
        environment = (
            prefect_server.environment | IMPATIENT | {"PREFECT_API_URL": f"{api.endpoint}/api"}
        )
        command = Command(arguments("mirror", server, lake.root), tmp_path, environment)
        ended = command.ended()

    assert gone.is_set()
    assert_says_that_the_api_is_away(ended, f"{api.endpoint}/api")
    assert_whole(lake)
    assert command.spool() == []
    assert ended.seconds < 300  # a run waits for Prefect's tries: see the limits
    assert mirror(server, lake, utcnow).name == "Unchanged"


def test_a_run_whose_api_is_away_for_a_while_ends_as_if_nothing_had_been(
    server: SampleServer, tmp_path: Path, prefect_server: PrefectServer
) -> None:
    lake = DirectoryStore(tmp_path / "lake")
    with relay(prefect_server.api_url) as api:
        gone = when_asked_for(server, MIDDLE[0], api.cut)
        environment = prefect_server.environment | {"PREFECT_API_URL": f"{api.endpoint}/api"}
        command = Command(arguments("mirror", server, lake.root), tmp_path, environment)

        def mend() -> None:
            gone.wait()
            api.mend()

        Thread(target=mend, daemon=True).start()
        ended = command.ended()

    assert gone.is_set()
    assert ended.code == 0, ended.said
    assert "12 added" in ended.out
    assert_whole(lake)


@pytest.mark.parametrize(
    ("part", "state", "code", "said"),
    [
        ("pipeline", "COMPLETED", 0, "Best year"),
        ("mirror", "FAILED", 3, "Refused"),
    ],
)
def test_a_run_whose_last_words_reach_the_api_but_not_the_answer_still_knows_what_it_did(
    server: SampleServer,
    tmp_path: Path,
    prefect_server: PrefectServer,
    part: str,
    state: str,
    code: int,
    said: str,
) -> None:
    server.faults = [Fault(html_page(), "*/pr/")] if state == "FAILED" else []
    lost = Event()

    def lose_once(request: Request) -> bytes | None:
        if lost.is_set() or b'"type":"%s"' % state.encode() not in request.body:
            return None
        lost.set()
        return LOSE

    with relay(prefect_server.api_url) as api:
        api.fault = lose_once
        environment = prefect_server.environment | {"PREFECT_API_URL": f"{api.endpoint}/api"}
        ended = Command(arguments(part, server, tmp_path / "lake"), tmp_path, environment).ended()

    assert ended.code == code, ended.said
    assert lost.is_set(), ended.said
    assert said in ended.out
    assert ("What to do" in ended.out) == (state == "FAILED")
