"""The command line: exit codes, and what goes to stdout and stderr."""

from __future__ import annotations

import inspect
import json
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from flows import cli
from flows.audit import audit
from flows.cli import command_line
from flows.mirror import mirror
from flows.pipeline import pipeline
from flows.population import population
from flows.report import report
from flows.surveys import surveys
from tests.support.faults import Fault, html_page, status

if TYPE_CHECKING:
    from pathlib import Path

    from prefect import Flow

    from tests.support.runs import Runs
    from tests.support.s3_servers import S3Server

DONE, FAILED, USAGE, REFUSED = 0, 1, 2, 3
BY_NAME: dict[str, Flow[..., Any]] = {
    flow.name: flow for flow in (pipeline, mirror, population, report, audit, surveys)
}


@dataclass(frozen=True)
class Ended:
    """What a command came to."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Commands:
    """`python -m flows.<name> …` in this process, which saves three seconds of imports each."""

    monkeypatch: pytest.MonkeyPatch
    capfd: pytest.CaptureFixture[str]

    def __call__(self, name: str, *arguments: object) -> Ended:
        self.monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        self.capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            command_line(BY_NAME[name])
        written = self.capfd.readouterr()
        return Ended(int(ended.value.code or 0), written.out, written.err)


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Commands:
    """Commands in an empty folder, with nothing of the project's set in the environment."""
    monkeypatch.chdir(tmp_path)
    for variable in ("LAKE", "BLS_CONTACT"):
        monkeypatch.delenv(variable, raising=False)
    return Commands(monkeypatch, capfd)


def polite(runs: Runs) -> list[object]:
    """How a command reaches the sample publishers."""
    return ["--contact", "me@example.org", "--downloads-per-second", 0, "--lake", runs.lake]


def both(runs: Runs) -> list[object]:
    """The same for the pipeline."""
    urls = ["--bls-url", runs.server.bls_url, "--population-url", runs.server.population_url]
    return [*urls, *polite(runs)]


def bls(runs: Runs) -> list[object]:
    """The same for `mirror`."""
    return ["--bls-url", runs.server.bls_url, *polite(runs)]


def test_a_pipeline_is_done_changed_or_not_and_says_so_as_json(
    command: Commands, runs: Runs
) -> None:
    first = command("pipeline", *both(runs), "--json")
    second = command("pipeline", *both(runs), "--json")

    assert (first.code, second.code) == (DONE, DONE)
    told = [json.loads(each.stdout) for each in (first, second)]
    assert [t["outcome"] for t in told] == ["Changed", "Unchanged"]
    assert [i["source"] for i in told[0]["ingests"]] == ["bls/pr", "census"]
    assert told[1]["ingests"][0]["source_cost"]["requests"] == 1
    assert told[0]["report"]["report"]["answers"]["population_statistics"]["first_year"] == 2013
    assert "Running pipeline" in first.stderr


def test_people_read_what_was_mirrored_what_changed_and_where_it_is(
    command: Commands, runs: Runs
) -> None:
    ended = command("pipeline", *both(runs))

    assert ended.code == DONE
    for words in ("What was mirrored", "12 added", "The answers", "Where it is", str(runs.lake)):
        assert words in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr


def test_a_guards_refusal_exits_with_its_own_code_cause_and_remedy(
    command: Commands, runs: Runs
) -> None:
    runs.server.faults = [Fault(html_page(), path="*/pr/")]

    ended = command("mirror", *bls(runs))

    assert ended.code == REFUSED
    assert "Refused:" in ended.stdout
    assert "What to do:" in ended.stdout
    assert "Refused:" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_failed_stands_at_the_end_and_no_tables_are_named_where_none_were_asked_for(
    command: Commands, runs: Runs
) -> None:
    more = "--no-tables", "--ddof", "0", "--survey", "pr", "--survey", "xx"

    ended = command("pipeline", *both(runs), *more)

    assert ended.code == FAILED
    assert "as tables" not in ended.stdout
    *_, answers, error, time = ended.stdout.rstrip().split("\n\n")
    assert answers.startswith("Where it is")
    assert error.startswith("Failed: There is no survey 'xx'")
    assert "What to do: .venv/bin/python -m flows.surveys --survey xx --sample 1 names" in error
    assert time.startswith("Time:")
    deviations = ended.stdout.partition("Standard deviation")[2]
    assert deviations.index("ddof = 0") < deviations.index("ddof = 1")


def test_access_denied_fails_with_the_remedy(command: Commands, runs: Runs) -> None:
    runs.server.faults = [Fault(status(403))]

    ended = command("mirror", *bls(runs), "--json")

    assert ended.code == FAILED
    (error,) = json.loads(ended.stdout)["errors"]
    assert error["outcome"] == "Failed"
    assert "403" in error["what"]
    assert "--contact" in error["remedy"]


def test_an_unknown_survey_fails(command: Commands, runs: Runs) -> None:
    ended = command("mirror", "--survey", "xx", *bls(runs))

    assert ended.code == FAILED
    assert "There is no survey 'xx'" in ended.stdout


def test_a_survey_s_code_may_be_typed_in_capitals(command: Commands, runs: Runs) -> None:
    mirrored = command("mirror", "--survey", "PR", *bls(runs), "--json")
    counted = command("surveys", "--survey", "P*", *bls(runs), "--json")
    asked = command("report", "--survey", "ZZ", "--lake", runs.lake)

    assert (mirrored.code, counted.code, asked.code) == (DONE, DONE, USAGE)
    assert json.loads(mirrored.stdout)["ingests"][0]["source"] == "bls/pr"
    assert [row["survey"] for row in json.loads(counted.stdout)["fleet"]["surveys"]] == ["pr"]
    assert "make live SURVEY=zz" in asked.stdout


def test_surveys_are_told_in_a_table_and_those_that_failed_with_what_to_run_again(
    command: Commands, runs: Runs
) -> None:
    runs.server.surveys["cu"] = {}
    ended = command("surveys", "--survey", "all", "--survey", "-la", *bls(runs))
    assert ended.code == USAGE
    assert "No survey matches 'la'" in ended.stdout

    ended = command("surveys", "--survey", "all", "--survey=-c*", *bls(runs))
    assert ended.code == DONE
    assert re.search(r"^  pr +Changed +12 +1,887,036 ", ended.stdout, re.MULTILINE)

    ended = command("surveys", "--survey", "pr", "--sample", 1, "--lake", runs.lake)
    assert ended.stdout.startswith("BLS Data Quest: Unchanged (generated sample data")
    assert "Prefect and the surveys" in ended.stdout

    ended = command("surveys", "--survey", "all", *bls(runs), "--json")
    told = json.loads(ended.stdout)
    assert (ended.code, told["outcome"]) == (FAILED, "Incomplete")
    assert told["fleet"]["run_again"] == ["cu"]


def test_a_dry_run_shows_the_plan_and_changes_nothing(command: Commands, runs: Runs) -> None:
    ended = command("pipeline", *both(runs), "--dry-run")

    assert ended.code == DONE
    assert "What would be asked for in bls/pr" in ended.stdout
    assert "pr.data.0.Current" in ended.stdout
    assert not runs.lake.exists()


@pytest.mark.parametrize(("release", "again"), [(1, "make run"), (2, "make run RELEASE=2")])
def test_what_comes_after_a_dry_run_is_to_do_it(
    command: Commands, release: int, again: str
) -> None:
    planned = command("pipeline", "--sample", release, "--dry-run")
    done = command("pipeline", "--sample", release)

    assert re.search(rf"^  {again} +to do it$", planned.stdout, re.MULTILINE)
    assert "Unchanged" not in planned.stdout
    assert re.search(rf"^  {again} +the same again: Unchanged$", done.stdout, re.MULTILINE)


def test_a_moment_before_the_first_generation_is_a_usage_error_that_names_the_first(
    command: Commands, runs: Runs
) -> None:
    runs.mirror()
    runs.population()

    ended = command("report", "--lake", runs.lake, "--as-of", "2001-01-01")

    assert ended.code == USAGE
    assert "2001-01-01" in ended.stdout
    assert "first" in ended.stdout.lower()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["mirror"], "contact e-mail address is required"),
        (["mirror", "--contact", "nobody"], "not an e-mail address"),
        (["pipeline", "--contact", "a@b.org", "--as-of", "yesterday"], "no date"),
        (["pipeline", "--contact", "a@b.org", "--as-of", "2025-01-01T10:00"], "no time zone"),
        (["pipeline", "--contact", "a@b.org", "--lake", "nowhere"], "names no lake"),
        (["pipeline", "--contact", "a@b.org", "--lake", "s3://k:hush@bucket"], "no bucket"),
        (["mirror", "--contact", "a@b.org", "--survey", "../pr"], "not the code"),
        (["mirror", "--contact", "a@b.org", "--bls-url", "http://example.org/"], "plain http"),
        (["mirror", "--allow", "everything"], "--allow 'everything' is none of"),
        (["population", "--first-year", "2018", "--last-year", "2013"], "no range"),
        (["population", "--first-year", "-5"], "do not lie within 1900 to 2100"),
        (["pipeline", "--contact", "a@b.org", "--last-year", "30000000"], "do not lie within 1900"),
        (["report", "--last-year", "30000000"], "do not lie within 1900 to 2100"),
        (["report", "--pair", "PRS30006032"], "No series with its period"),
        (["report", "--first-year", "soon"], "not a valid int"),
        (["mirror", "--nonsense"], "No such option"),
        (["audit", "--share", "2"], "2"),
        (["report", "--lake", "lake"], "Did you mean ./lake?"),
        (["report", "--lake", "./a file"], "is a file"),
        (["audit", "--lake", "./a file/in it"], "is a file"),
        (["mirror", "--contact", "you@example.org"], "you@example.org is a placeholder"),
        (["surveys", "--contact", "you@example.org"], "you@example.org is a placeholder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_meant_is_a_usage_error_before_anything_is_asked(
    command: Commands, tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "a file").write_text("no lake")

    ended = command(*arguments)

    assert ended.code == USAGE
    assert words in ended.stdout + ended.stderr
    assert "hush" not in ended.stdout + ended.stderr
    assert "Running" not in ended.stderr


def test_a_lake_whose_parent_does_not_exist_fails_with_the_remedy(
    command: Commands, runs: Runs
) -> None:
    ended = command("mirror", *bls(runs), "--lake", runs.lake / "not" / "there")

    assert ended.code == FAILED
    assert "Create it, or correct the path." in ended.stdout
    assert runs.asked() == 0


@pytest.mark.parametrize("wrong", ["bucket", "secret"])
def test_a_bucket_that_is_not_there_or_not_ours_fails_with_the_remedy(
    command: Commands,
    runs: Runs,
    seaweed: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    wrong: str,
) -> None:
    for name, value in seaweed.environment.items():
        monkeypatch.setenv(name, value)
    bucket = "no-such-bucket" if wrong == "bucket" else seaweed.fresh_bucket()
    if wrong == "secret":
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")

    ended = command("mirror", *bls(runs), "--lake", f"s3://{bucket}/lake")

    assert ended.code == FAILED
    words = "the bucket does not exist" if wrong == "bucket" else "the secret key is wrong"
    assert words in ended.stdout
    assert "What to do:" in ended.stdout
    assert "hush" not in ended.stdout + ended.stderr


def test_the_lake_and_the_contact_are_taken_from_the_environment(
    command: Commands, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE", str(runs.lake))
    monkeypatch.setenv("BLS_CONTACT", "me@example.org")

    ended = command("mirror", "--bls-url", runs.server.bls_url, "--dry-run")

    assert ended.code == DONE
    (request,) = runs.server.requests
    assert "me@example.org" in request.headers["User-Agent"]


def test_every_parameter_of_a_flow_is_an_option_but_a_task_s_share_of_the_pace() -> None:
    lacking = {
        flow.name: inspect.signature(flow.fn).parameters.keys()
        - {option.name for option in cli._options(flow)}
        for flow in (audit, mirror, pipeline, population, report, surveys)
    }
    assert {name: missing for name, missing in lacking.items() if missing} == {"surveys": {"share"}}
