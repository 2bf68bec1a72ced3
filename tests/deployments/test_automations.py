"""What watches the runs, on a real server: crashes, silence, and who is notified."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.objects import FlowRun, State
from prefect.events import emit_event
from prefect.events.actions import ChangeFlowRunState
from prefect.states import Completed, Crashed, Failed, Pending, Running

from deployments.automations import TAG, crash_silent, notifications, rerun_crashed
from flows.mirror import mirror
from flows.pipeline import pipeline
from flows.report import report
from tests.deployments.installation import applied, declared
from tests.support.inbox import Inbox, inbox
from tests.support.prefect_server import eventually

SHORTEST = timedelta(seconds=10)
"""What Prefect allows for the absence of an event."""


@pytest.fixture
def deployment(workspace: SyncPrefectClient) -> UUID:
    """pipeline/daily-pipeline, as the automations know it: by its flow, its name and its tag."""
    flow = workspace.create_flow(pipeline)
    return workspace.create_deployment(flow, name="daily-pipeline", tags=[TAG])


@pytest.fixture
def chat() -> Iterator[Inbox]:
    """A chat that takes notices."""
    with inbox() as box:
        yield box


def notices(box: Inbox, number: int) -> list[str]:
    """What a chat was sent, as soon as there are so many."""
    return eventually(lambda: box.texts if len(box.texts) >= number else None, f"notice {number}")


def moved(client: SyncPrefectClient, run: UUID, *states: State[Any]) -> FlowRun:
    for state in states:
        client.set_flow_run_state(run, state)
    return client.read_flow_run(run)


def crashed(client: SyncPrefectClient, run: UUID, *, started: bool = True) -> None:
    moved(client, run, Pending(), *([Running()] if started else []), Crashed())


def until_again(client: SyncPrefectClient, run: UUID) -> FlowRun:
    def look() -> FlowRun | None:
        found = client.read_flow_run(run)
        return found if found.state and found.state.is_scheduled() else None

    return eventually(look, "run that is scheduled again")


def after_all_events_so_far(client: SyncPrefectClient, deployment: UUID) -> None:
    """Events are looked at in turn: when a new run's crash was, those before it were too."""
    run = client.create_flow_run_from_deployment(deployment).id
    crashed(client, run)
    until_again(client, run)


def test_a_run_that_crashes_is_started_again_twice_and_one_that_never_starts_once(
    workspace: SyncPrefectClient,
) -> None:
    weekly = weekly_audit(workspace)
    run = workspace.create_flow_run_from_deployment(weekly).id

    for starts in (1, 2):
        crashed(workspace, run)
        again = until_again(workspace, run)
        assert again.run_count == starts
        assert again.state_name == "AwaitingRetry"
    due = workspace.get_scheduled_flow_runs_for_work_pool("bls-data-quest")
    assert run in [found.flow_run.id for found in due], "the next worker that looks takes it"
    crashed(workspace, run)
    never = workspace.create_flow_run_from_deployment(weekly).id
    crashed(workspace, never, started=False)
    until_again(workspace, never)
    crashed(workspace, never, started=False)
    after_all_events_so_far(workspace, weekly)

    assert [workspace.read_flow_run(each).state_name for each in (run, never)] == ["Crashed"] * 2


def test_a_silent_run_that_is_ended_twice_is_put_back_twice_and_no_more(
    workspace: SyncPrefectClient,
) -> None:
    weekly = weekly_audit(workspace)
    run = workspace.create_flow_run_from_deployment(weekly).id
    (action,) = crash_silent().actions
    assert isinstance(action, ChangeFlowRunState)
    silent: State[Any] = Crashed(message=action.message)

    for _ in range(2):
        moved(workspace, run, silent)
        until_again(workspace, run)
    moved(workspace, run, silent)
    after_all_events_so_far(workspace, weekly)

    assert workspace.read_flow_run(run).state_name == "Crashed"


def test_a_run_that_was_refused_or_failed_or_is_not_ours_is_not_started_again(
    workspace: SyncPrefectClient, deployment: UUID
) -> None:
    workspace.create_automation(rerun_crashed())
    refused = workspace.create_flow_run_from_deployment(deployment).id
    moved(workspace, refused, Running(), Failed(name="Refused"))
    part = workspace.create_flow_run(mirror, tags=[TAG]).id
    crashed(workspace, part)
    other = workspace.create_deployment(workspace.create_flow(pipeline), name="of a person")
    strange = workspace.create_flow_run_from_deployment(other).id
    crashed(workspace, strange)

    after_all_events_so_far(workspace, deployment)

    names = [workspace.read_flow_run(run).state_name for run in (refused, part, strange)]
    assert names == ["Refused", "Crashed", "Crashed"]


def test_a_notice_comes_of_each_run_that_failed_and_says_why(
    workspace: SyncPrefectClient, chat: Inbox
) -> None:
    weekly = weekly_audit(workspace, NOTIFY_WEBHOOK_URL=chat.url)
    runs = [workspace.create_flow_run_from_deployment(weekly) for _ in range(3)]
    why = 'The lake is "damaged".\nWhat to do: …'

    for run in runs:
        moved(workspace, run.id, Running(), Failed(name="Damaged", message=why))

    assert set(notices(chat, 3)) == {
        f"BLS Data Quest: audit run {run.name} ended Damaged. {why} " for run in runs
    }
    automations = " ".join(a.model_dump_json() for a in workspace.read_automations())
    assert "hush" not in automations


def test_a_notice_comes_of_a_second_crash_and_not_of_the_first(
    workspace: SyncPrefectClient, deployment: UUID, chat: Inbox
) -> None:
    workspace.create_automation(rerun_crashed())
    for automation in notifications(webhook_at(workspace, chat.url)):
        workspace.create_automation(automation)
    once, twice = (workspace.create_flow_run_from_deployment(deployment) for _ in range(2))

    crashed(workspace, once.id)
    crashed(workspace, twice.id)
    until_again(workspace, twice.id)
    crashed(workspace, twice.id)

    assert f"run {twice.name} ended Crashed" in notices(chat, 1)[0]
    after_all_events_so_far(workspace, deployment)
    assert len(chat.texts) == 1


def test_a_notice_comes_of_a_scheduled_run_that_its_limit_cancelled_and_of_no_other(
    workspace: SyncPrefectClient, chat: Inbox
) -> None:
    weekly = weekly_audit(workspace, NOTIFY_WEBHOOK_URL=chat.url)
    under_way, by_hand, due = (
        workspace.create_flow_run_from_deployment(weekly, tags=tags)
        for tags in ([TAG], [TAG], [TAG, "auto-scheduled"])  # as Prefect's scheduler tags its own
    )
    moved(workspace, under_way.id, Pending(), Running())

    assert moved(workspace, by_hand.id, Pending()).state_name == "Cancelled"
    assert moved(workspace, due.id, Pending()).state_name == "Cancelled"

    why = "Deployment concurrency limit reached."
    said = f"BLS Data Quest: audit run {due.name} ended Cancelled. {why} "
    assert notices(chat, 1) == [said]
    moved(workspace, under_way.id, Failed())
    assert under_way.name in notices(chat, 2)[1], "the run by hand was notified in between"


def test_a_run_whose_worker_died_before_it_had_a_task_is_put_back_and_frees_its_slot(
    workspace: SyncPrefectClient,
) -> None:
    weekly = weekly_audit(workspace)
    flow = workspace.create_flow(pipeline)
    other = workspace.create_deployment(flow, name="without a limit", tags=[TAG])
    (silent,) = workspace.read_automations_by_name(crash_silent().name)
    workspace.delete_automation(silent.id)
    workspace.create_automation(crash_silent(unstarted=SHORTEST))
    # Of a deployment with a limit there can be one.
    where = {"Pending": weekly, "Submitting": other, "InfrastructurePending": other}
    runs = {name: workspace.create_flow_run_from_deployment(of).id for name, of in where.items()}

    for name, run in runs.items():
        moved(workspace, run, Pending(), *([Pending(name=name)] if name != "Pending" else []))

    assert slots(workspace, weekly) == 1
    for run in runs.values():
        again = until_again(workspace, run)
        assert (again.state_name, again.run_count) == ("AwaitingRetry", 0)
        states = [state.name for state in workspace.read_flow_run_states(run)]
        assert ("Crashed", "AwaitingRetry") in pairwise(states)
    assert slots(workspace, weekly) == 0


def test_a_run_of_ours_without_heartbeat_ends_crashed_also_one_within_a_run(
    workspace: SyncPrefectClient, deployment: UUID
) -> None:
    workspace.create_automation(crash_silent(missed=SHORTEST))
    theirs = workspace.create_deployment(workspace.create_flow(report), name="theirs", tags=["x"])
    strange = workspace.create_flow_run_from_deployment(theirs).id
    untagged = workspace.create_flow_run(report).id
    run = workspace.create_flow_run_from_deployment(deployment).id
    part = workspace.create_flow_run(mirror, tags=[TAG]).id
    ended = workspace.create_flow_run_from_deployment(deployment).id
    for each, flow, *tags in (
        (strange, "report", "x"),  # another project's, named as ours
        (untagged, "report"),
        (ended, "pipeline", TAG),
        (run, "pipeline", TAG),
        (part, "mirror", TAG),
    ):
        moved(workspace, each, Running())
        heartbeat(each, flow, *tags)
    moved(workspace, ended, Completed(name="Unchanged"))

    # Their heartbeats were the last, so that the others' time was up before their own.
    eventually(lambda: all_crashed(workspace, run, part), "crash of the silent runs")
    states = [workspace.read_flow_run(each).state_name for each in (strange, untagged, ended)]
    assert states == ["Running", "Running", "Unchanged"]


def test_a_notice_comes_of_a_daily_run_that_does_not_succeed_or_never_starts(
    workspace: SyncPrefectClient, chat: Inbox
) -> None:
    for automation in notifications(webhook_at(workspace, chat.url), silence=SHORTEST):
        workspace.create_automation(automation)

    assert "pipeline/daily-pipeline has not succeeded" in notices(chat, 1)[0]


def test_an_ingest_that_ran_by_itself_brings_a_report_on_its_survey_and_the_pipelines_own_none(
    workspace: SyncPrefectClient,
) -> None:
    applied(declared("report-on-change"))
    (report,) = workspace.read_deployments()
    of_report = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[report.id]))

    changed("bls.changed", "bls.pr", "pipeline", "pr")
    changed("bls.changed", "bls.nl", "itself", "nl", report="none")
    changed("population.changed", "census", "itself", "pr")
    changed("bls.changed", "bls.cu", "itself", "cu")

    def two() -> bool:
        return len(workspace.read_flow_runs(flow_run_filter=of_report)) >= 2

    eventually(two, "report of each change")
    after = workspace.create_deployment(workspace.create_flow(pipeline), name="x", tags=[TAG])
    after_all_events_so_far(workspace, after)
    started = workspace.read_flow_runs(flow_run_filter=of_report)
    assert sorted(run.parameters["survey"] for run in started) == ["cu", "pr"]


def weekly_audit(client: SyncPrefectClient, **environment: str) -> UUID:
    """Its id, applied with all that watches it."""
    applied(declared("weekly-audit", **environment))
    return client.read_deployment_by_name("audit/weekly-audit").id


def webhook_at(client: SyncPrefectClient, url: str) -> UUID:
    """The id of the block, registered as apply does."""
    Webhook(url=url, headers={"Content-Type": "application/json"}).save("bls-data-quest")
    return client.read_block_document_by_name("bls-data-quest", "webhook").id


def slots(client: SyncPrefectClient, deployment: UUID) -> int:
    """How many of the limit's are taken."""
    limit = client.read_deployment(deployment).global_concurrency_limit
    assert limit is not None
    return limit.active_slots


def all_crashed(client: SyncPrefectClient, *runs: UUID) -> bool:
    states = [client.read_flow_run(run).state for run in runs]
    return all(state and state.is_crashed() for state in states)


def heartbeat(run: UUID, flow: str, *tags: str) -> None:
    """As Prefect's engine sends it."""
    related = [
        {
            "prefect.resource.id": f"prefect.flow.{uuid4()}",
            "prefect.resource.role": "flow",
            "prefect.resource.name": flow,
        }
    ]
    related += [
        {"prefect.resource.id": f"prefect.tag.{tag}", "prefect.resource.role": "tag"}
        for tag in tags
    ]
    resource = {"prefect.resource.id": f"prefect.flow-run.{run}"}
    emit_event("prefect.flow-run.heartbeat", resource=resource, related=related)


def changed(event: str, source: str, by: str, survey: str, report: str = "due") -> None:
    """As flows/events.py tells it."""
    resource = {"prefect.resource.id": f"bls-data-quest.{source}", "by": by}
    emit_event(event, resource={**resource, "survey": survey, "report": report})
