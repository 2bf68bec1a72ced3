"""The benchmarks run, on a tree of some kilobytes; what they measure is in docs/performance.md."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.__main__ import Row, markdown
from benchmarks.publisher import file, site

PROJECT = Path(__file__).parent.parent
ROW = Row("work", "ours", 2.0, 1.0, 100, {"GET": 1}, 1, {})


@pytest.mark.servers  # it starts SeaweedFS itself
def test_a_small_tree_goes_through_the_races(tmp_path: Path) -> None:
    output = tmp_path / "rows.json"
    command = [sys.executable, "-m", "benchmarks", "--only", "unchanged", "--runs", "1"]
    command += ["--scale", "0.0001"]
    subprocess.run([*command, "--output", output], cwd=PROJECT, check=True, capture_output=True)
    ours = [row for row in json.loads(output.read_text()) if row["peer"] == "ours"]
    asked = {row["work"]: row["source_requests"] for row in ours}
    # The root and two surveys; then a file of one of them, and its listing once more.
    assert asked == {
        "unchanged, 50 ms": {"GET": 3},
        "unchanged, 0 ms": {"GET": 3},
        "one file changed, 50 ms": {"GET": 5},
    }
    # Of the surveys that the lake holds; then of each survey's log and view.
    assert {row["storage_requests"]["LIST"] for row in ours[:2]} == {5}
    assert all(row["peak_mib"] < 300 for row in ours)


def test_an_unknown_benchmark_is_refused_by_name() -> None:
    command = [sys.executable, "-m", "benchmarks", "--only", "speed"]
    done = subprocess.run(command, cwd=PROJECT, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "speed" in done.stderr


def test_a_tree_has_the_files_and_bytes_that_are_asked_for() -> None:
    published = site(60, 1 << 30)
    assert sum(len(files) for files in published.values()) == 720
    size = sum(sum(files.values()) for files in published.values())
    assert size == pytest.approx(1 << 30, rel=0.001)


def test_a_release_has_another_date_and_other_bytes() -> None:
    old = file("pr.txt", 100)
    new = file("pr.txt", 100, datetime(2025, 7, 1, tzinfo=UTC))
    assert new.stamp != old.stamp
    assert new.body != old.body


def test_peers_are_held_to_the_first_peer_in_the_same_round() -> None:
    ours = [ROW, replace(ROW, seconds=4.0)]
    theirs = [replace(ROW, peer="theirs", seconds=s) for s in (8.0, 8.0)]
    assert "| work | theirs | 8.00 | 3.0 (2.0-4.0) |" in markdown([*ours, *theirs])
