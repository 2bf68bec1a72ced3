"""The Prefect server that a command starts for itself: reached, quiet, and gone with it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from blsquest.sources.sample.server import SampleServer
from flows.cli import server_process
from flows.cli.server_process import start_temporary
from tests.support import HANG
from tests.support.commands import PROJECT, Command, arguments, lives, when_asked_for
from tests.support.faults import Fault, silence
from tests.support.prefect_server import PrefectServer, clean_environment, copy_database, eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY")


@pytest.fixture
def environment(prefect_server: PrefectServer, tmp_path: Path) -> dict[str, str]:
    """No server is named, and the database of its own is made already."""
    copy_database(prefect_server.home, tmp_path)
    found = clean_environment(tmp_path)
    return {name: value for name, value in found.items() if not name.lower().endswith("_proxy")}


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


def test_a_process_that_is_not_told_to_serve_ends_without_having_made_a_database(
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


def test_a_prefect_home_that_can_not_be_written_is_said_in_one_sentence(
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
