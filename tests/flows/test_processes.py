"""Commands as processes of their own: their streams, and two of them at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.runs import Runs

PROJECT = Path(__file__).resolve().parents[2]
SECONDS = 120


def start(runs: Runs, name: str, *arguments: object) -> subprocess.Popen[str]:
    """`python -m flows.<name> …`, with the session's Prefect server."""
    command = [sys.executable, "-m", f"flows.{name}", *map(str, arguments)]
    return subprocess.Popen(
        command,
        cwd=PROJECT,
        env=runs.api.environment | {"BLS_CONTACT": "me@example.org", "LAKE": str(runs.lake)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_json_stands_alone_on_stdout_and_the_log_on_stderr(runs: Runs) -> None:
    process = start(
        runs,
        "mirror",
        "--bls-url",
        runs.server.bls_url,
        "--downloads-per-second",
        0,
        "--json",
        "--verbose",
    )  # fmt: skip -- an option and its value side by side
    out, err = process.communicate(timeout=SECONDS)

    assert process.returncode == 0
    assert json.loads(out)["outcome"] == "Changed"
    assert "Finished in state Changed" in err


def test_two_runs_at_once_both_end_well_with_one_commit(runs: Runs) -> None:
    arguments = ("--bls-url", runs.server.bls_url, "--downloads-per-second", 0, "--json")
    processes = [start(runs, "mirror", *arguments) for _ in range(2)]
    outputs = [process.communicate(timeout=SECONDS) for process in processes]

    assert [p.returncode for p in processes] == [0, 0], outputs
    outcomes = [json.loads(out)["outcome"] for out, _ in outputs]
    assert outcomes.count("Changed") == 1
    assert set(outcomes) <= {"Changed", "Unchanged", "Repaired"}
    assert runs.generations() == 1
    published = {f"bls/pr/{n}": f.body for n, f in runs.server.surveys["pr"].items()}
    assert {k: v for k, v in runs.tree().items() if k.startswith("bls/pr/")} == published
