"""`blsquest serve`: its schedule runs, it ends with all that it started, and it keeps to itself."""

import fcntl
import inspect
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
import requests
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.states import Running, Scheduled

from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.sample.server import SampleServer
from deployments.automations import TAG
from deployments.project_file import ProjectFile, read_project_file
from deployments.settings import Settings
from flows.cli.serve import (
    PROJECT,
    SUNDAY_NOON,
    _tidy,
    deployments,
    is_missed,
    keep_paused,
    next_run,
    serve,
)
from flows.pipeline import pipeline
from tests.support.commands import Command, Commands, lives, when_asked_for
from tests.support.faults import Fault, silence
from tests.support.lakes import assert_whole
from tests.support.prefect_server import PrefectServer, clean_environment, eventually, free_port

DAY = "50 8 * * *"
ZONE = "America/New_York"
LONG = 400.0
"""Seconds for what takes ten on a machine that nothing else uses."""
NAMES = (
    *("pipeline/served-daily", "mirror/served-mirror", "population/served-population"),
    *("report/served-report", "audit/served-audit"),
)
DECLARED = ProjectFile.model_validate(read_project_file()).deployments
GIVEN: dict[str, Any] = {
    "surveys": ["cu", "pr"],
    "lake": "/lake",
    "bls_source": "https://bls/",
    "population_source": "https://population/",
    "contact": "someone@bls-quest.dev",
    "downloads_per_second": None,
}


# -- A process ---------------------------------------------------------------------------------


@dataclass
class Served:
    """A `blsquest serve --sample 1` that is up, and its server as a client sees it."""

    command: Command
    client: SyncPrefectClient
    said: Path

    def deployment(self, name: str) -> DeploymentResponse:
        return self.client.read_deployment_by_name(name)

    def runs(self, name: str, **which: Any) -> list[FlowRun]:
        wanted = {"deployment_id": {"any_": [self.deployment(name).id]}, **which}
        return self.client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(wanted))

    def ended(self, name: str) -> list[str]:
        """How the runs of a deployment ended that have, the first to begin first."""
        over = [run for run in self.runs(name) if run.state and run.state.is_final()]
        return [str(run.state_name) for run in sorted(over, key=lambda run: str(run.start_time))]


@contextmanager
def served(home: Path, lake: Path) -> Iterator[Served]:
    """Start it, whatever Prefect API the environment names, and kill it at the end if need be."""
    port = free_port()
    environment = clean_environment(home) | {
        "PREFECT_API_URL": "http://127.0.0.1:9/api",
        "PREFECT_UI_URL": "https://app.prefect.cloud",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
    }
    given = ["--lake", str(lake), "--sample", "1", "--port", str(port)]
    command = Command(["flows", "serve", *given], home, environment)
    api = PrefectServer(f"http://127.0.0.1:{port}/api", home)
    try:
        up = f"  dashboard  http://127.0.0.1:{port}\n"
        eventually(lambda: up in (home / "out").read_text(), "server", seconds=LONG)
        with api.in_use(), get_client(sync_client=True) as client:
            yield Served(command, client, home / "out")
    finally:
        command.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
@pytest.mark.timeout(1800)
def test_scheduled_and_triggered_runs_complete_ctrl_c_ends_all_and_a_second_one_goes_on(
    tmp_path: Path,
) -> None:
    home, lake = tmp_path, tmp_path / "lake"
    with served(home, lake) as it:
        # Nothing ever ran: the first run does not wait for tomorrow.
        eventually(lambda: it.ended(NAMES[0]) == ["Changed"], "first run", seconds=LONG)

        # The scheduler makes the runs of the days to come; one of them is due now.
        soon = eventually(
            lambda: [run for run in it.runs(NAMES[0]) if run.auto_scheduled],
            "scheduled run",
            seconds=LONG,
        )[0]
        it.client.set_flow_run_state(soon.id, Scheduled(scheduled_time=datetime.now(UTC)))
        eventually(
            lambda: it.ended(NAMES[0]) == ["Changed", "Unchanged"],
            "scheduled run's end",
            seconds=LONG,
        )
        assert it.runs(NAMES[4], state={"type": {"any_": [StateType.SCHEDULED]}})

        # A mirror that is run by hand finds something new: a report follows by itself.
        with SampleServer(release=2) as second:
            asks = {"source": second.bls_url}
            by_hand = it.deployment(NAMES[1]).id
            it.client.create_flow_run_from_deployment(by_hand, parameters=asks)
            eventually(
                lambda: it.ended(NAMES[3]) == ["Changed"], "report that was triggered", seconds=LONG
            )

            # Ctrl-C in the middle of a run.
            second.faults.append(Fault(silence(), "*/pr.data.*"))
            asked = when_asked_for(second, "pr.data.1.AllData")
            elsewhere = asks | {"lake": str(home / "other-lake")}
            it.client.create_flow_run_from_deployment(by_hand, parameters=elsewhere)
            assert asked.wait(LONG)
            processes = it.command.children()
            assert len(processes) > 1
            daily = it.deployment(NAMES[0])
            # As where power is lost in a run.
            dead = it.client.create_flow_run_from_deployment(daily.id, state=Running())
            page = requests.get(str(it.client.api_url).removesuffix("/api/"), timeout=30)
            it.command.signal(signal.SIGINT)
            ended = it.command.ended()

    assert "Prefect" in page.text
    assert ended.code == 130
    assert "Traceback" not in ended.said
    assert not [process for process in processes if lives(process)]
    assert_whole(DirectoryStore(lake))
    assert not (home / "other-lake" / "manifests").exists()

    with served(home, lake) as it:
        before = it.ended(NAMES[0])
        again = it.deployment(NAMES[0])
        found = it.client.read_flow_run(dead.id)
        said = it.said.read_text()
        it.command.signal(signal.SIGTERM)
        ended = it.command.ended()

    assert ended.code == 143
    assert before[:2] == ["Changed", "Unchanged"]
    assert (again.id, again.paused) == (daily.id, False)
    assert [(s.active, s.schedule.cron) for s in again.schedules] == [(True, DAY)]  # type: ignore[union-attr]
    assert found.state_name == "Crashed"
    assert re.search(r"next run   \d{4}-\d\d-\d\d 08:50 E[SD]T", said)
    assert (home / "concurrency_leases").is_dir()


@pytest.mark.parametrize("own", [True, False])
def test_late_runs_of_an_earlier_one_are_taken_back_and_its_dead_ones_crashed(
    prefect_api: PrefectServer, own: bool
) -> None:
    yesterday: State[Any] = Scheduled(scheduled_time=datetime.now(UTC) - timedelta(days=1))
    with prefect_api.client() as client:
        there = client.create_deployment(
            client.create_flow(pipeline),
            "earlier",
            parameters={"lake": "/lake"},
            schedules=[DeploymentScheduleCreate(schedule=CronSchedule(cron=DAY, timezone=ZONE))],
        )
        of_it = FlowRunFilter.model_validate({"deployment_id": {"any_": [there]}})
        late = eventually(lambda: client.read_flow_runs(flow_run_filter=of_it), "scheduled run")[0]
        client.set_flow_run_state(late.id, yesterday, force=True)
        begun = client.create_flow_run_from_deployment(there, state=Running())

        _tidy(client, client.read_deployment(there), own=own)

        left = {run.id: run.state_name for run in client.read_flow_runs(flow_run_filter=of_it)}
        client.delete_deployment(there)
    assert late.id not in left
    assert left.pop(begun.id) == ("Crashed" if own else "Running")
    assert set(left.values()) == {"Scheduled"}


@pytest.mark.parametrize("what", ["deployment", "schedule"])
def test_what_a_person_paused_in_the_dashboard_stays_so(
    prefect_api: PrefectServer, what: str
) -> None:
    daily, again = (deployments(GIVEN, cron, ZONE)[0] for cron in (DAY, "50 9 * * *"))
    with prefect_api.client() as client:
        made = cast("UUID", daily.apply())
        if what == "deployment":
            client.pause_deployment(made)
        else:
            (schedule,) = client.read_deployment_schedules(made)
            client.update_deployment_schedule(made, schedule.id, active=False)

        keep_paused(again, client.read_deployment(made))
        again.apply()

        there = client.read_deployment(made)
        client.delete_deployment(made)
    (schedule,) = there.schedules
    assert isinstance(schedule.schedule, CronSchedule)
    assert schedule.schedule.cron == "50 9 * * *"
    assert (there.paused, schedule.active) == (what == "deployment", what == "deployment")


# -- What is served ----------------------------------------------------------------------------


def test_the_times_are_those_of_prefect_yaml_and_no_name_or_tag_is() -> None:
    made = deployments(GIVEN, DAY, ZONE)

    assert tuple(one.full_name for one in made) == NAMES
    assert not [one.name for one in DECLARED if one.name.startswith("served-")]
    assert not [one for one in made if TAG in one.tags]
    assert (TAG, Settings.model_fields["work_pool"].default) == (PROJECT, PROJECT)
    there = {s.cron: s.timezone for one in DECLARED for s in one.schedules}
    assert there == {DAY: ZONE, SUNDAY_NOON: ZONE}
    options = inspect.signature(serve).parameters
    assert (options["cron"].default, options["timezone"].default) == (DAY, ZONE)


def test_each_flow_is_served_with_the_lake_and_what_it_asks() -> None:
    daily, mirror, population, report, audit = (
        one.parameters for one in deployments(GIVEN, DAY, ZONE)
    )

    assert daily == GIVEN
    assert mirror["surveys"] == ["cu", "pr"]
    assert (mirror["source"], population["source"]) == ("https://bls/", "https://population/")
    assert mirror["contact"] == population["contact"] == "someone@bls-quest.dev"
    assert report == {"lake": "/lake", "survey": "cu"}
    assert audit == {"lake": "/lake"}


def test_a_report_follows_each_survey_and_the_population_that_changed_by_itself() -> None:
    (trigger,) = [t for one in deployments(GIVEN, DAY, ZONE) for t in one.triggers]

    match = trigger.model_dump()["match"]
    assert match["prefect.resource.id"] == ["bls-data-quest.bls.*", "bls-data-quest.census"]
    assert (match["by"], match["report"]) == ("itself", "due")
    assert trigger.model_dump()["parameters"] == {"survey": "{{ event.resource['survey'] }}"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("after", "then"),
    [
        ("2026-11-27 12:00", "2026-11-27 13:50"),
        ("2026-11-27 13:50", "2026-11-28 13:50"),
        ("2026-03-07 14:00", "2026-03-08 12:50"),  # the clocks go forward in New York
    ],
)
def test_the_next_run_is_by_the_clock_of_the_zone(after: str, then: str) -> None:
    assert next_run(DAY, ZONE, at(after)) == at(then)


@pytest.mark.parametrize(
    ("last", "now", "missed"),
    [
        (None, "2026-11-27 12:00", True),
        ("2026-11-26 13:50", "2026-11-27 13:49", False),
        ("2026-11-26 13:50", "2026-11-27 13:51", True),
        ("2026-11-27 13:50", "2026-11-27 20:00", False),
        ("2026-11-20 13:50", "2026-11-27 12:00", True),
    ],
)
def test_a_run_was_missed_if_its_time_came_since_the_last(
    last: str | None, now: str, missed: bool
) -> None:
    assert is_missed(DAY, ZONE, at(last) if last else None, at(now)) is missed


# -- What is refused, before anything is written -------------------------------------------------


@pytest.fixture
def refused(
    command: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Commands]:
    """Commands that are to leave their folder as it was."""
    monkeypatch.setenv("COLUMNS", "500")
    before = sorted(tmp_path.rglob("*"))
    yield command
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--survey", "pr"], "A contact e-mail address is required"),
        (["--sample", "1", "--cron", "daily"], "--cron 'daily'"),
        (["--sample", "1", "--cron", "* * * * * *"], "--cron '* * * * * *'"),
        (["--sample", "1", "--cron", "61 8 * * *"], "no time that ever comes"),
        (["--sample", "1", "--cron", "0 0 30 2 *"], "no time that ever comes"),
        (["--sample", "1", "--timezone", "Mars"], "--timezone 'Mars'"),
        (["--sample", "1", "--timezone", ""], "--timezone ''"),
        (["--sample", "1", "--survey", "p r"], "No survey matches 'p r' (did you mean pr?)"),
        (["--sample", "1", "--lake", "lake"], "Did you mean ./lake?"),
        (["--sample", "1", "--lake", __file__], "is a file"),
        (["--sample", "1", "--api-url", "server"], "not like http://host:4200/api"),
        (["--sample", "1", "--api-url", "http://host:port/api"], "not like http://host:4200/api"),
        (["--sample", "1", "--api-url", "http://127.0.0.1:9/api", "--port", "1"], "one of the two"),
    ],
)
def test_bad_input_is_refused_in_one_line(refused: Commands, given: list[str], words: str) -> None:
    ended = refused("serve", *given)

    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert ended.err.count("\n") == 1


def test_a_lake_below_no_folder_and_a_port_that_is_taken_are_refused(refused: Commands) -> None:
    below = refused("serve", "--sample", 1, "--port", free_port(), "--lake", "./none/lake")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        taken = refused("serve", "--sample", 1, "--port", port)

    assert (below.code, taken.code, taken.out) == (1, 2, "")
    assert "none/lake lies in a directory that does not exist" in below.err
    assert f"Port {port} is not free (Address already in use)" in taken.err


@pytest.mark.parametrize("what", ["lake", "PREFECT_HOME"])
def test_a_second_one_on_a_lake_or_a_prefect_home_is_refused(
    command: Commands, tmp_path: Path, prefect_api: PrefectServer, what: str
) -> None:
    held = tmp_path / "lake" if what == "lake" else prefect_api.home
    held.mkdir(exist_ok=True)
    handle = os.open(held, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)

    ended = command("serve", "--sample", 1, "--port", free_port())

    os.close(handle)
    assert (ended.code, ended.out) == (2, "")
    assert re.search(rf"Another `blsquest serve` .* {re.escape(str(held))}\.", ended.err)
    assert ended.err.count("\n") == 1
    assert [*(tmp_path / "lake").glob("*")] == []


def test_a_server_that_does_not_answer_is_named(command: Commands) -> None:
    url = f"http://127.0.0.1:{free_port()}/api"

    ended = command("serve", "--sample", 1, "--api-url", url)

    assert ended.code == 1
    assert f"The Prefect API at {url} does not answer" in ended.err


def test_a_server_with_the_project_s_work_pool_is_left_alone(
    command: Commands, prefect_api: PrefectServer
) -> None:
    with prefect_api.client() as client:
        with suppress(ObjectAlreadyExists):
            client.create_work_pool(WorkPoolCreate(name=PROJECT, type="process"))
        ended = command("serve", "--sample", 1, "--api-url", prefect_api.api_url)
        client.delete_work_pool(PROJECT)
        with pytest.raises(ObjectNotFound):
            client.read_deployment_by_name(NAMES[0])

    assert (ended.code, ended.out) == (2, "")
    assert "it runs there daily" in ended.err


def test_a_server_that_serves_another_lake_is_left_alone(
    command: Commands, prefect_api: PrefectServer
) -> None:
    with prefect_api.client() as client:
        theirs = client.create_deployment(
            client.create_flow(pipeline), "served-daily", parameters={"lake": "/theirs"}
        )
        client.get_scheduled_flow_runs_for_deployments([theirs])  # which a living one asks for
        ended = command("serve", "--sample", 1, "--api-url", prefect_api.api_url)
        kept = client.read_deployment(theirs)
        client.delete_deployment(theirs)

    assert (ended.code, ended.out) == (2, "")
    assert "for another lake (/theirs)" in ended.err
    assert kept.parameters == {"lake": "/theirs"}
