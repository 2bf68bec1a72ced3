"""The flows as commands: exit codes, refusals before anything starts, and what is printed."""

import json
import re
from pathlib import Path

import pytest

from blsquest.core.usage import SOURCES
from blsquest.sources.http import Retries
from flows import tasks
from tests.support.commands import CONTACT, Command, Commands, Ended, arguments
from tests.support.faults import Fault, html_page
from tests.support.pasts import Past, data
from tests.support.runs import Runs
from tests.support.s3_servers import S3Server

DONE, FAILED, USAGE, REFUSED = 0, 1, 2, 3
NOBODY = "http://127.0.0.1:9/"


def run(command: Commands, name: str, runs: Runs, *more: object) -> Ended:
    """Run a flow's command over the sample publishers."""
    flow, *given = arguments(name, runs.server, runs.lake, *map(str, more))[1:]
    return command(flow, *given)


def test_a_pipeline_is_done_changed_or_not_and_says_so_as_json(
    command: Commands, runs: Runs
) -> None:
    first, second = (run(command, "pipeline", runs, "--json") for _ in "12")

    assert (first.code, second.code) == (DONE, DONE)
    shown = [json.loads(each.out) for each in (first, second)]
    assert [s["outcome"] for s in shown] == ["Changed", "Unchanged"]
    assert [i["source"] for i in shown[0]["ingests"]] == ["bls/pr", "census"]
    assert shown[1]["ingests"][0]["source_cost"]["requests"] == 1
    assert shown[0]["report"]["report"]["answers"]["population_statistics"]["first_year"] == 2013
    assert first.err == ""


def test_people_read_what_was_done_the_answers_and_where_it_is_and_a_refusal_at_the_end(
    command: Commands, runs: Runs
) -> None:
    ended = run(command, "pipeline", runs, "--no-tables", "--ddof", 0)

    assert ended.code == DONE
    for words in ("What was done", "12 added", "The answers", "Where it is", str(runs.lake)):
        assert words in ended.out
    assert "as tables" not in ended.out
    deviations = ended.out.partition("standard deviation")[2]
    assert deviations.index("ddof = 0") < deviations.index("ddof = 1")
    assert "Traceback" not in ended.out + ended.err

    runs.server.faults = [Fault(html_page(), path="*/pr/")]
    ended = run(command, "pipeline", runs)

    assert ended.code == REFUSED
    *_, where, error, time = ended.out.rstrip().split("\n\n")
    assert where.startswith("Where it is")
    assert error.startswith("Refused: ")
    assert "What to do:" in error
    assert time.startswith("Time:")
    assert "Refused:" not in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("name", ["mirror", "pipeline"])
def test_a_survey_that_does_not_exist_is_a_usage_error_and_nothing_is_written(
    command: Commands, runs: Runs, name: str
) -> None:
    alone = run(command, name, runs, "--survey", "xx")
    beside = run(command, name, runs, "--survey", "pr", "--survey", "xx")

    assert (alone.code, beside.code) == (USAGE, USAGE)
    assert "Time:" not in alone.out
    assert "There is no survey 'xx'" in alone.out
    assert "No survey matches 'xx'" in beside.out
    assert not runs.lake.exists()


def test_a_survey_of_the_lake_that_is_gone_at_the_publisher_is_a_failure(
    command: Commands, runs: Runs
) -> None:
    run(command, "mirror", runs)
    del runs.server.surveys["pr"]

    assert run(command, "mirror", runs, "--survey", "PR").code == FAILED


def test_surveys_are_rows_of_a_table_and_those_that_failed_are_named_to_run_again(
    command: Commands, runs: Runs
) -> None:
    runs.server.surveys["cu"] = {"cu.area": runs.server.surveys["pr"]["pr.txt"]}

    ended = run(command, "mirror", runs, "--survey", "all", "--survey", "-ce*")
    assert (ended.code, "No survey matches 'ce*'" in ended.out) == (USAGE, True)
    ended = run(command, "mirror", runs, "--survey", "all")
    shown = json.loads(run(command, "mirror", runs, "--survey", "all", "--json").out)

    assert ended.code == FAILED
    assert re.search(r"^  pr +Changed +12 +1,887,036 ", ended.out, re.MULTILINE)
    assert "for this alone: --survey cu " in ended.out
    assert "Prefect and the surveys" in ended.out
    assert shown["outcome"] == shown["surveys"]["outcome"] == "Incomplete"
    assert shown["surveys"]["run_again"] == ["cu"]


@pytest.mark.usefixtures("prefect_api")
@pytest.mark.parametrize(("release", "again"), [(1, "make run"), (2, "make run RELEASE=2")])
def test_a_sample_needs_no_publisher_and_says_what_comes_next(
    command: Commands, release: int, again: str
) -> None:
    outside = command("pipeline", "--sample", release, "--dry-run")
    Path("docs").mkdir()
    Path("docs/analysis.ipynb").touch()
    planned = command("pipeline", "--sample", release, "--dry-run")
    done = command("pipeline", "--sample", release)

    assert re.search(rf"^  {again} +to do it$", planned.out, re.MULTILINE)
    assert "make " not in outside.out
    assert re.search(rf" pipeline --sample {release} +to do it$", outside.out, re.MULTILINE)
    first = done.out.rpartition("\nNext\n")[2].splitlines()[0]
    assert re.fullmatch(r"  open \./lake/analytics/[0-9-]+/report\.html +the report", first)
    assert "What would be asked for in bls/pr\n  pr.class " in planned.out
    assert "Unchanged" not in planned.out
    assert done.out.startswith("BLS Data Quest: Changed (generated sample data")
    assert re.search(rf"^  {again} +the same again: Unchanged$", done.out, re.MULTILINE)
    assert "the same again" not in command("mirror", "--sample", release).out


def test_an_audit_says_what_it_found_or_writes_sums_instead(
    command: Commands, runs: Runs, tmp_path: Path
) -> None:
    runs.mirror(tables=False)
    (vintage,) = (runs.lake / "vintages/bls/pr/pr.class").iterdir()
    sums = command("audit", "--lake", runs.lake, "--sums", tmp_path / "SHA256SUMS")
    nowhere = command("audit", "--lake", runs.lake, "--sums", tmp_path / "no" / "such")
    vintage.write_bytes(b"altered")

    ended = command("audit", "--lake", runs.lake)

    assert (sums.code, nowhere.code, ended.code) == (DONE, USAGE, FAILED)
    assert f"{vintage.name}  bls/pr/pr.class\n" in (tmp_path / "SHA256SUMS").read_text()
    assert "can't be written" in nowhere.err
    assert ended.out.startswith("BLS Data Quest: Damaged\n")
    assert "Prefect and the audit" in ended.out


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be run, nor a server be started."""

    def never(*_: object, **__: object) -> None:
        pytest.fail("A server was started.")

    monkeypatch.setattr("flows.cli.run._run", never)


OPTIONS_ALONE = [
    ("mirror", "contact e-mail address is required"),
    ("mirror --contact you@example.org", "you@example.org is a placeholder"),
    ("mirror --contact a@b.org --survey prx", "'prx' is not the code"),
    ("mirror --sample 1 --survey zz", "The surveys are: pr"),
    ("mirror --contact a@b.org --tasks 2", "Only the run of a deployment can spread"),
    ("mirror --contact a@b.org --bls-url http://example.org/", "plain http"),
    ("pipeline --contact a@b.org --as-of yesterday", "not a date"),
    ("pipeline --contact a@b.org --as-of 2999-01-01", "lies in the future"),
    ("pipeline --contact a@b.org --lake nowhere", "names no lake"),
    ("pipeline --contact a@b.org --lake s3://k:hush@bucket", "no bucket"),
    ("pipeline --contact a@b.org --survey ../pr", "not the code"),
    ("pipeline --contact a@b.org --survey pr --survey c* --series LNS1", "of none of the surveys"),
    ("pipeline --contact a@b.org --pair PRS1:Q9", "'Q9' is not a period of BLS's"),
    ("pipeline --contact a@b.org --survey all --as-of 3", "Generation 3 of which survey?"),
    ("pipeline --contact a@b.org --last-year 30000000", "do not lie within 1900 to 2100"),
    ("population --first-year 2018 --last-year 2013", "no range"),
    ("report --pair PRS30006032", "No series with its period"),
    ("report --lake ./file", "is a file"),
    ("audit --lake ./elsewhere", "There is no lake"),
]
BY_THE_LAKE = [
    ("report --survey ZZ", "make live SURVEY=zz"),
    ("report --series PRS9", "near it: PRS1"),
    ("report --as-of 9", "no generation 9"),
    ("pipeline --contact a@b.org --as-of 1 --series PRS9", "near it: PRS1"),
]


@pytest.mark.parametrize(("line", "words"), [*OPTIONS_ALONE, *BY_THE_LAKE])
def test_what_options_or_the_lake_show_to_be_wrong_is_refused_before_a_server_starts(
    command: Commands,
    past: Past,
    monkeypatch: pytest.MonkeyPatch,
    no_server: None,
    line: str,
    words: str,
) -> None:
    past.take_population()
    past.release(Current=data(("PRS1", 2013, "Q01", "1.5", "")))
    monkeypatch.setenv("LAKE", past.store.url)
    past.store.root.with_name("file").write_text("no lake")  # type: ignore[attr-defined]
    asked = len(past.server.requests)

    ended = command(*line.split())

    assert ended.code == USAGE
    assert words in ended.out
    assert "hush" not in ended.out + ended.err
    assert len(past.server.requests) == asked


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("bucket", "the bucket does not exist"),
        ("secret", "the secret key is wrong"),
        ("none", "no usable AWS credentials were found"),
    ],
)
def test_a_bucket_that_can_not_be_looked_into_fails_before_a_server_starts(
    command: Commands,
    seaweed: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    no_server: None,
    wrong: str,
    words: str,
) -> None:
    for name, value in seaweed.environment.items():
        monkeypatch.setenv(name, value)
    bucket = "no-such-bucket" if wrong == "bucket" else seaweed.fresh_bucket()
    if wrong == "secret":
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")
    elif wrong == "none":
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    ended = command("mirror", "--contact", "a@b.org", "--lake", f"s3://{bucket}/lake")

    assert ended.code == FAILED
    assert words in ended.out
    assert "What to do:" in ended.out
    assert "hush" not in ended.out + ended.err


def test_the_lake_and_the_contact_are_taken_from_the_environment(
    command: Commands, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE", str(runs.lake))
    monkeypatch.setenv("BLS_CONTACT", "me@example.org")

    ended = command("mirror", "--bls-url", runs.server.bls_url, "--dry-run")

    assert ended.code == DONE
    (request,) = runs.server.requests
    assert "me@example.org" in request.headers["User-Agent"]


def test_two_processes_at_once_both_end_well_with_one_commit(runs: Runs, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    given = arguments("mirror", runs.server, runs.lake, "--json", "--verbose")

    processes = [Command(given, folder, runs.api.environment) for folder in folders]
    ended = [process.ended() for process in processes]

    assert [each.code for each in ended] == [DONE, DONE], ended
    assert all("Finished in state" in each.err for each in ended)
    outcomes = [json.loads(each.out)["outcome"] for each in ended]
    assert outcomes.count("Changed") == 1
    assert set(outcomes) <= {"Changed", "Unchanged", "Repaired"}
    assert runs.generations() == 1
    published = {f"bls/pr/{n}": f.body for n, f in runs.server.surveys["pr"].items()}
    assert {k: v for k, v in runs.tree().items() if k.startswith("bls/pr/")} == published


def test_what_failed_and_the_waits_between_are_the_source_s_seconds(
    command: Commands, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As without a network."""
    monkeypatch.setattr(Retries, "wait", lambda _self, _attempt: 0.2)
    monkeypatch.setattr(tasks.list_source, "retry_delay_seconds", [0.3, 0.3])
    before = SOURCES.spent()

    ended = command("mirror", "--lake", runs.lake, "--contact", CONTACT, "--bls-url", NOBODY)

    spent = SOURCES.spent()
    assert ended.code == FAILED
    assert spent.requests["GET"] - before.requests["GET"] == 12
    # Nine waits for a request, and two for the step, which Prefect's jitter may halve.
    assert spent.waited - before.waited >= 9 * 0.2 + 2 * 0.15
    (waiting,) = re.findall(r"waiting ([\d.]+)", ended.out)
    assert float(waiting) >= 2.1
