"""Prefect beside a run: the server of a command's own, and an API that goes away at any moment."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

import pytest

from blsquest.core.clock import utcnow
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.sample.server import SampleServer
from flows.cli import server_process
from flows.cli.server_process import start_temporary
from tests.support import HANG
from tests.support.commands import PROJECT, Command, Ended, arguments, lives, when_asked_for
from tests.support.faults import Fault, html_page, silence
from tests.support.lakes import assert_whole, mirror
from tests.support.prefect_server import PrefectServer, clean_environment, copy_database, eventually
from tests.support.s3_proxy import LOSE, Request, relay

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY")


@pytest.fixture
def environment(prefect_server: PrefectServer, tmp_path: Path) -> dict[str, str]:
    """No server is named, and the database of its own is made already."""
    copy_database(prefect_server.home, tmp_path)
    found = clean_environment(tmp_path)
    return {name: value for name, value in found.items() if not name.lower().endswith("_proxy")}


@pytest.fixture
def nothing_ignored() -> Iterator[None]:
    """A process ignores what its starter does, as `nohup make check` a SIGHUP."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("nothing_ignored")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_the_server_ends_with_its_command_however_that_ends(
    server: SampleServer, tmp_path: Path, environment: dict[str, str], number: signal.Signals
) -> None:
    server.faults.append(Fault(silence(), "*/pr.data.*"))
    asked = when_asked_for(server, "pr.data.1.AllData")
    command = Command(arguments("mirror", server, tmp_path / "lake"), tmp_path, environment)
    assert asked.wait(HANG)
    children = command.children()
    assert children

    command.signal(number)
    ended = command.ended()

    killed = number == signal.SIGKILL
    assert ended.code == (-number if killed else 128 + number)
    assert "Traceback" not in ended.said
    eventually(lambda: not any(map(lives, children)), "end of the server")


def test_a_short_failing_run_behind_a_proxy_reaches_its_server_and_prints_no_traceback(
    server: SampleServer, tmp_path: Path, environment: dict[str, str]
) -> None:
    proxied = environment | dict.fromkeys(PROXIES, "http://127.0.0.1:9")
    given = arguments("mirror", server, tmp_path / "lake", "--survey", "xx")

    ended = Command(given, tmp_path, proxied).ended()

    assert ended.code == 2
    assert "There is no survey 'xx'" in ended.out
    assert ended.err == ""


def test_a_server_that_does_not_start_says_why_and_is_not_waited_for(
    server: SampleServer, tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "prefect.db").write_bytes(b"no database" * 1000)

    ended = Command(arguments("mirror", server, tmp_path / "lake"), tmp_path, environment).ended()

    assert ended.code == 1
    assert re.search(r"temporary Prefect server did not start \(.+\)\.", ended.out)
    assert "What to do: Run again with --verbose" in ended.out
    assert "Traceback" not in ended.said


def test_a_process_that_is_not_asked_to_serve_ends_without_having_made_a_database(
    tmp_path: Path,
) -> None:
    started = start_temporary({"PREFECT_HOME": str(tmp_path)}, verbose=False)

    started.process.communicate(timeout=100)

    assert started.process.returncode == 0
    assert not list(tmp_path.glob("prefect.db*"))


@pytest.mark.parametrize(
    ("line", "url", "starts"),
    [
        ("pipeline --sample 1", "", True),
        ("audit", "", True),
        ("pipeline", "http://127.0.0.1:9/api", False),
        ("pipeline --help", "", False),
        ("audit --sums SHA256SUMS", "", False),
        ("status", "", False),
        ("serve", "", False),
        ("", "", False),
    ],
)
def test_only_what_may_run_a_flow_on_a_server_of_its_own_starts_one_before_its_imports(
    monkeypatch: pytest.MonkeyPatch, line: str, url: str, *, starts: bool
) -> None:
    started: list[object] = []
    monkeypatch.setenv("PREFECT_API_URL", url)
    monkeypatch.setattr(server_process, "start_temporary", lambda *_, **how: started.append(how))
    monkeypatch.setattr(server_process, "early", None)

    server_process.start_early(line.split())

    assert started == ([{"verbose": False}] if starts else [])


def test_a_prefect_home_that_can_not_be_written_is_refused_in_one_sentence(
    server: SampleServer, tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "file").touch()
    elsewhere = environment | {"PREFECT_HOME": str(tmp_path / "file" / "home")}

    ended = Command(arguments("mirror", server, tmp_path / "lake"), tmp_path, elsewhere).ended()

    assert ended.code == 2
    assert f"PREFECT_HOME ({tmp_path}/file/home) can't be used: Not a directory." in ended.out
    assert "Traceback" not in ended.said


def test_two_commands_at_once_make_one_database(
    server: SampleServer, tmp_path: Path, environment: dict[str, str]
) -> None:
    home = environment | {"PREFECT_HOME": str(tmp_path / "new")}
    both = [
        Command(arguments("mirror", server, tmp_path / name), tmp_path, home)
        for name in ("one", "two")
    ]
    assert [command.ended().code for command in both] == [0, 0]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_nothing_takes_the_place_of_a_stream_that_the_caller_closed(
    tmp_path: Path, closed: str
) -> None:
    code = (
        "import socket, sys, pathlib, flows.cli as cli; cli._open_what_the_caller_closed();"
        "print('out'); print('err', file=sys.stderr); sys.stdin.read();"
        "pathlib.Path('number').write_text(str(socket.socket().fileno()))"
    )
    subprocess.run(
        ["bash", "-c", f'"$0" -c "$1" {closed}', sys.executable, code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        check=True,
        stdin=subprocess.DEVNULL,
    )
    assert int((tmp_path / "number").read_text()) > 2


# -- An API that goes away -------------------------------------------------------------------

CLOSED = "http://127.0.0.1:9/api"
"""The discard port: nothing listens there."""
IMPATIENT = {"PREFECT_CLIENT_MAX_RETRIES": "1"}
"""Prefect's client gives up after 6 s instead of 62 s, and bears one refusal by a busy server."""

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

    assert gone.is_set(), ended.said
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

    assert gone.is_set(), ended.said
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
