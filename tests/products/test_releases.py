"""The command that lists a survey's generations."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from flows.releases import app
from tests.support.lakes import TO_RELEASE_2, mirror
from tests.support.pasts import CURRENT, Past, data


def run(past: Past, *options: str) -> str:
    done = CliRunner().invoke(app, ["--lake", past.store.url, *options])
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_each_generation_is_told_with_its_time_and_the_files_it_changed(past: Past) -> None:
    past.release(Current=data(("PRS1", 2024, "Q01", "1", "")))
    past.release(Current=data(("PRS1", 2024, "Q01", "2", "")))

    source, header, *lines = run(past).splitlines()

    assert source == "bls/pr (generated sample)"
    assert header.split("  ")[0] == "generation"
    first, second = (line.split(maxsplit=4) for line in lines)
    assert first[:4] == ["1", "2025-01-01", "12:00", "7"]
    assert first[4] == f"7 added: pr.class, {CURRENT}, pr.duration and 4 more"
    assert second[:4] == ["2", "2025-02-01", "12:00", "7"]
    assert second[4].startswith(f"1 changed, 6 restamped: {CURRENT}, pr.class, ")


def test_json_names_every_change(past: Past) -> None:
    mirror(past.server, past.store)
    past.server.publish(2)
    mirror(past.server, past.store)

    first, second = json.loads(run(past, "--json"))

    assert set(first["changes"].values()) == {"added"}
    assert second["changes"] == TO_RELEASE_2
    assert (second["generation"], second["sample"]) == (2, True)


def test_what_has_other_bytes_is_named_before_what_has_another_date(past: Past) -> None:
    mirror(past.server, past.store)
    past.server.publish(2)
    mirror(past.server, past.store)

    newest = run(past).splitlines()[-1]

    assert newest.endswith(
        "1 added, 2 changed, 1 removed, 1 restamped: "
        "pr.data.0.Current, pr.data.1.AllData, pr.contacts and 2 more"
    )


def test_a_survey_that_is_not_in_the_lake_is_a_usage_error(past: Past) -> None:
    done = CliRunner().invoke(app, ["--lake", past.store.url, "--survey", "zz"])

    assert done.exit_code == 2
    assert done.stderr.startswith("Error: ")
    assert "no generation of bls/zz yet" in done.stderr
    assert "make live SURVEY=zz" in done.stderr
