"""The commands, the unit and the cron line of docs/daily.md do what the page says."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from blsquest.core.errors import Misuse, QuestError, Refused
from tests.support.commands import Command
from tests.support.prefect_server import PrefectServer, clean_environment, eventually, free_port

PROJECT = Path(__file__).resolve().parents[1]
PAGE = (PROJECT / "docs" / "daily.md").read_text()
MAKE, SERVE, SAMPLE = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[0].split(
    "\n", 2
)
(UNIT,) = re.findall(r"^```ini\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
(CRON,) = re.findall(r"^```cron\n50 8 \* \* \* (.*)\n```", PAGE, re.MULTILINE)
COMMAND = "/opt/bls-data-quest/.venv/bin/blsquest"
STATE = "/var/lib/blsquest"


def words_of(line: str) -> list[str]:
    return shlex.split(line, comments=True)


def test_make_serve_is_the_command_below_it() -> None:
    page = subprocess.run(
        [words_of(MAKE)[0], "-n", *words_of(MAKE)[1:]],
        cwd=PROJECT,
        env={k: v for k, v in os.environ.items() if k not in {"MAKEFLAGS", "MFLAGS"}},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (ours,) = re.findall(r"^\.venv/bin/blsquest serve (?:.*\\\n)*.*$", page, re.MULTILINE)
    defaults = {"--port", "4200", "--survey", "pr"}

    assert set(words_of(ours.replace("\\\n", ""))) - defaults == set(words_of(SERVE))


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    systemd = shutil.which("systemd-analyze")
    if systemd is None:
        pytest.skip("needs systemd-analyze: the unit in docs/daily.md is untested")
    unit = tmp_path / "blsquest.service"
    # The command and the user of whoever tests.
    unit.write_text(UNIT.replace(COMMAND, sys.executable).replace("User=blsquest", "User=root"))

    done = subprocess.run([systemd, "verify", unit], capture_output=True, text=True, check=False)

    about_it = [line for line in done.stderr.splitlines() if "blsquest" in line]
    assert (done.returncode, about_it) == (0, [])


@pytest.mark.skipif(sys.platform != "linux", reason="the unit is systemd's")
@pytest.mark.timeout(900)
def test_what_the_unit_starts_serves_and_ends_as_it_says(tmp_path: Path) -> None:
    lines = [line.partition("=") for line in UNIT.splitlines()]
    settings = [word for key, _, value in lines if key == "Environment" for word in value.split()]
    given = dict(word.split("=", 1) for word in settings)
    (start,) = [words_of(value) for key, _, value in lines if key == "ExecStart"]
    (clean,) = [value.split() for key, _, value in lines if key == "SuccessExitStatus"]
    here = {name: value.replace(STATE, str(tmp_path)) for name, value in given.items()}
    port = free_port()
    assert start[0] == COMMAND

    command = Command(
        ["flows", *start[1:], "--sample", "1", "--port", str(port)],
        tmp_path,
        clean_environment(tmp_path) | here,
    )
    try:
        eventually(
            lambda: f"http://127.0.0.1:{port}" in (tmp_path / "out").read_text(),
            "dashboard",
            seconds=400,
        )
        command.signal(signal.SIGTERM)
        ended = command.ended()
    finally:
        command.kill()

    assert str(ended.code) in clean
    assert f"Serving {tmp_path}/lake" in ended.out
    assert (tmp_path / "prefect" / "prefect.db").is_file()


@pytest.mark.parametrize(
    ("instead", "mailed"),
    [
        ("--sample 1", ""),
        ("--contact you@example.org", "exit code 2: "),  # as it is: nobody's address
    ],
)
def test_the_cron_line_mails_only_what_went_wrong(
    prefect_server: PrefectServer, tmp_path: Path, instead: str, mailed: str
) -> None:
    line = CRON.replace("/opt/bls-data-quest", str(PROJECT)).replace(STATE, str(tmp_path))
    line = line.replace(".venv/bin/blsquest", f"{shlex.quote(sys.executable)} -m flows")
    assert "--contact you@example.org" in line

    done = subprocess.run(
        ["/bin/sh", "-c", line.replace("--contact you@example.org", instead)],
        env=prefect_server.environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )

    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith(mailed) if mailed else not done.stdout
    assert (tmp_path / "lake" / "bls" / "pr" / "pr.series").is_file() is not bool(mailed)


def test_the_exit_codes_are_those_of_the_errors() -> None:
    codes = re.findall(r"^\| (\d[\d, ]*) \| (\w+)", PAGE, re.MULTILINE)

    assert dict(codes) == {
        "0": "done",
        str(QuestError.exit_code): "failed",
        str(Misuse.exit_code): "usage",
        str(Refused.exit_code): "refused",
        f"{128 + signal.SIGINT}, {128 + signal.SIGTERM}": "stopped",
    }
