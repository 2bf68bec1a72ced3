"""The README's commands work as they are."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from blsquest.sources.sample.server import SampleServer
from tests.support.prefect_server import PrefectServer, eventually, free_port
from tests.support.s3_servers import S3Server

PROJECT = Path(__file__).parent.parent
README = (PROJECT / "README.md").read_text()
SHELL = "\n".join(re.findall(r"^```sh\n(.*?)^```", README, re.DOTALL | re.MULTILINE))
COMMANDS = [line.partition("  #")[0].strip() for line in SHELL.splitlines() if line.strip()]
BLSQUEST = ".venv/bin/blsquest"
PYTHON = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tracked and new files in an empty folder, with this environment as its .venv."""
    folder = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, folder / name)
    venv = folder / ".venv"
    (venv / "bin").mkdir(parents=True)
    for tool in Path(sys.prefix, "bin").iterdir():
        if tool.name != "blsquest":  # make writes it for its own folder
            (venv / "bin" / tool.name).symlink_to(tool)
    shutil.copy(Path(sys.prefix, "pyvenv.cfg"), venv)
    packages = venv / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    packages.mkdir(parents=True)
    (packages / "shared.pth").write_text(sysconfig.get_path("purelib"))
    if Path(sys.prefix, "share").exists():  # nbconvert keeps its templates there
        (venv / "share").symlink_to(Path(sys.prefix, "share"))
    for stamp in ("python", "run", "dev"):
        (venv / f"{stamp}.stamp").touch()
    return folder


@pytest.fixture(scope="module")
def publishers() -> Iterator[SampleServer]:
    with SampleServer() as server:
        yield server


@dataclass
class Shell:
    """Runs README commands in the clone, with stand-ins for what a test must not reach."""

    folder: Path
    publishers: SampleServer
    environment: dict[str, str]
    bucket: str
    ran: list[str] = field(default_factory=list)

    def run(self, command: str) -> str:
        """The command's output; `command` must be in the README."""
        assert command in COMMANDS, f"the README has no {command!r}"
        self.ran.append(command)
        done = subprocess.run(
            ["bash", "-c", self._grounded(command)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _grounded(self, command: str) -> str:
        urls = (
            f"--bls-url {self.publishers.bls_url} "
            f"--population-url '{self.publishers.population_url}' --downloads-per-second 0"
        )
        command = command.replace("s3://bucket/", f"s3://{self.bucket}/")
        if command.endswith("-m blocks"):  # a placeholder is a contact for this machine alone
            return f"BLS_URL={self.publishers.bls_url} {command}"
        if command.startswith("make live"):
            return f'{command} ARGS="{urls}"'
        return f"{command} {urls}" if "blsquest pipeline" in command else command


@pytest.fixture(scope="module")
def shell(
    clone: Path, publishers: SampleServer, prefect_server: PrefectServer, seaweed: S3Server
) -> Shell:
    environment = _by_hand({**prefect_server.environment, **seaweed.environment})
    del environment["PREFECT_HOME"]  # the Makefile's own
    return Shell(clone, publishers, environment, seaweed.fresh_bucket())


@pytest.mark.timeout(1500)
def test_every_command_of_the_readme_does_what_it_says(shell: Shell) -> None:
    first = shell.run("make run")
    assert "bls/pr (sample) Changed: 12 added" in first
    assert "not real statistics" in first
    again = shell.run("make run")
    assert "bls/pr (sample) Unchanged: nothing to do" in again
    assert "census (sample) Unchanged: nothing to do" in again
    second = shell.run("make run RELEASE=2")
    assert "bls/pr (sample) Changed: 1 added, 2 changed, 1 restamped, 1 removed" in second
    assert re.search(r"826 values revised.*, in 103 series", second)
    _the_python_snippets_read_the_lake(shell.folder)

    live = shell.run("make live CONTACT=you@example.org")
    assert "bls/pr (sample) Changed: 12 added" in live
    assert (shell.folder / "lake-live" / "bls" / "pr" / "pr.data.0.Current").is_file()
    bucket = shell.run("make live CONTACT=you@example.org LAKE=s3://bucket/prefix SURVEY=pr")
    assert f"s3://{shell.bucket}/prefix/bls/pr/" in bucket

    plan = shell.run(f"{BLSQUEST} pipeline --lake ./lake-live --contact you@example.org --dry-run")
    assert "Nothing was changed" in plan
    assert "pipeline" in shell.run(f"{BLSQUEST} --help")
    assert "--survey" in shell.run(f"{BLSQUEST} mirror --help")
    assert "Sound: 2 sources" in shell.run(f"{BLSQUEST} audit --lake ./lake")
    assert "analytics/" in shell.run(f"{BLSQUEST} status --lake ./lake")
    found = shell.run(f"{BLSQUEST} series unit labor costs --lake ./lake")
    assert "PRS30006113" in found
    past = shell.run(f"{BLSQUEST} history PRS30006032 2024 Q01 --lake ./lake")
    assert "PRS30006032, 1st quarter 2024 (generated sample)" in past
    assert re.search(r"6\.1 .*\n.* now +5\.7  R", past)  # it was revised
    states = shell.run(f"{BLSQUEST} releases --lake ./lake")
    assert len(re.findall(r"^ *[12] ", states, re.MULTILINE)) == 2
    revised = shell.run(f"{BLSQUEST} revisions --lake ./lake")
    assert re.search(r"pr\.data\.0\.Current +0 +0 +0 +0 +826 ", revised)
    shell.run("make notebook")
    assert "data:image/svg+xml" in (shell.folder / "analysis.html").read_text()
    registered = shell.run(
        "LAKE=s3://bucket/prefix BLS_CONTACT=you@example.org .venv/bin/python -m blocks"
    )
    assert "s3-bucket/lake" in registered
    _the_dashboard_opens(shell)

    assert set(COMMANDS) - set(shell.ran) == {"make test", "make dashboard"}


def _the_python_snippets_read_the_lake(folder: Path) -> None:
    assert len(PYTHON) == 2
    for snippet in PYTHON:
        done = subprocess.run(
            [".venv/bin/python", "-c", snippet],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "PRS" in done.stdout


def _the_dashboard_opens(shell: Shell) -> None:
    assert "make dashboard" in COMMANDS
    port = free_port()
    process = subprocess.Popen(
        ["make", "dashboard", f"PORT={port}"],
        cwd=shell.folder,
        env=shell.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        url = f"http://127.0.0.1:{port}"

        def shown() -> str | None:
            assert process.poll() is None, "the dashboard ended"
            with suppress(requests.ConnectionError):
                return requests.get(url, timeout=5).text
            return None

        assert "Prefect" in eventually(shown, f"answer at {url}")
        runs = requests.post(f"{url}/api/flow_runs/filter", json={}, timeout=10).json()
        assert {"Changed", "Unchanged"} <= {run["state"]["name"] for run in runs}
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


@pytest.mark.parametrize("target", ["test", "check"])
def test_make_test_and_check_run_the_linters_and_the_tests(target: str) -> None:
    output = subprocess.run(
        ["make", "-n", target], cwd=PROJECT, check=True, capture_output=True, text=True
    ).stdout
    for part in ("ruff check", "ruff format --check", "mypy", "pytest"):
        assert part in output


def test_the_readme_stays_short() -> None:
    assert len(README.splitlines()) < 150


def test_make_help_lists_every_target() -> None:
    listed = _make(PROJECT, "-s", "help").stdout
    makefile = (PROJECT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", makefile, re.MULTILINE)
    assert phony is not None
    assert {line.split()[0] for line in listed.splitlines()} == set(phony[1].split()) - {"\\"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["run", "RELEASE="], "RELEASE is 1 or 2."),
        (["run", "RELEASE=two"], "RELEASE is 1 or 2."),
        (["run", "RELEASE=3"], "RELEASE is 1 or 2."),
        (["run", "RELEASE=1 2"], "RELEASE is 1 or 2."),
        (["dashboard", "PORT="], "PORT is a number from 1 to 65535."),
        (["dashboard", "PORT=http"], "PORT is a number from 1 to 65535."),
        (["dashboard", "PORT=80000"], "PORT is a number from 1 to 65535."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_make_is_asked_amiss_it_says_in_its_own_words(
    clone: Path, asked: list[str], said: str
) -> None:
    made = _make(clone, *asked)

    assert made.returncode == 2
    assert (made.stdout, made.stderr.splitlines()[0]) == ("", said)


def test_a_dashboard_does_not_begin_on_a_port_that_is_taken(clone: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        made = _make(clone, "dashboard", f"PORT={port}")

    assert made.returncode == 2
    assert made.stdout == ""
    assert f"listens on port {port}" in made.stderr
    assert "PORT=" in made.stderr


def _make(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = _by_hand(os.environ)
    return subprocess.run(
        ["make", *arguments],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _by_hand(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what the `make` that runs these tests has left for others, its ARGS among it."""
    return {k: v for k, v in environment.items() if k not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
