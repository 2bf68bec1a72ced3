"""apply makes a real workspace what is declared, once, and touches nothing of anyone else's."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from prefect.client.schemas.actions import (
    DeploymentScheduleCreate,
    DeploymentUpdate,
    WorkPoolCreate,
)
from prefect.client.schemas.schedules import CronSchedule
from prefect.events.actions import DoNothing, RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger

from blsquest.core.errors import Misuse
from deployments.apply import drift
from deployments.automations import crash_zombies, rerun_crashed
from deployments.project_file import PROJECT
from flows.audit import audit
from tests.deployments.conftest import POOL
from tests.deployments.installation import OUTPUTS, applied, declared, deployments, sentences

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

    from tests.support.prefect_server import PrefectServer

NAMES = {
    "pipeline/daily",
    "mirror/alone",
    "population/alone",
    "report/on-change",
    "audit/weekly",
    "surveys/all",
    "surveys/group",
}


def stamps(client: SyncPrefectClient) -> dict[str, Any]:
    """When each thing was last written, and which one it is."""
    pool = client.read_work_pool(POOL)
    blocks = client.read_block_documents()
    return {
        POOL: (pool.id, pool.updated),
        **{name: (d.id, d.updated) for name, d in deployments(client).items()},
        **{f"{b.block_type_name} {b.name}": (b.id, b.updated) for b in blocks},
        # The API tells no time of an automation's change; one made anew has another id.
        **{a.name: a.id for a in client.read_automations()},
    }


def test_a_first_apply_makes_all_that_is_declared_and_a_second_changes_nothing(
    workspace: SyncPrefectClient,
) -> None:
    what = declared(NOTIFY_WEBHOOK_URL="https://hooks.example.org/hush")
    foreseen = drift(what)

    made = applied(what)

    assert set(made) == set(foreseen)
    assert {change.what for change in made} == {"create"}
    assert deployments(workspace).keys() == NAMES
    before = stamps(workspace)
    assert len(before) == 1 + len(NAMES) + 5 + 6
    assert drift(what) == ()
    assert applied(what) == []
    assert stamps(workspace) == before


def test_a_new_image_changes_the_deployments_and_nothing_else(
    workspace: SyncPrefectClient,
) -> None:
    applied(declared("daily", "on-change"))
    before = stamps(workspace)

    made = applied(declared("daily", "on-change", IMAGE_TAG="1.2.3"))

    names = {"pipeline/daily", "report/on-change"}
    assert {change.name for change in made} == names
    assert 'version ("0123abc" → "1.2.3")' in made[0].sentence()
    after = stamps(workspace)
    trigger = "BLS Data Quest: report when an ingest found something new"
    assert {name for name in after if after[name] != before[name]} == {*names, trigger}
    assert all(after[name][0] == before[name][0] for name in names)


def test_what_the_file_no_longer_declares_goes(workspace: SyncPrefectClient) -> None:
    applied(declared("daily", "on-change"))
    daily = deployments(workspace)["pipeline/daily"]
    workspace.create_deployment_schedules(daily.id, [yearly("bls-data-quest-yearly")])
    workspace.create_automation(watching("BLS Data Quest: of an older version"))
    twin = workspace.create_automation(rerun_crashed())

    made = sentences(applied(declared("daily")))

    assert len(made) == 4
    assert made[0].startswith("update deployment pipeline/daily: schedules.bls-data-quest-yearly")
    assert "delete deployment report/on-change" in made
    assert "delete automation BLS Data Quest: of an older version" in made
    assert f"delete automation {rerun_crashed().name} ({twin})" in made
    assert deployments(workspace).keys() == {"pipeline/daily"}
    assert slugs(workspace, daily) == {"bls-data-quest-daily"}
    assert {a.name for a in workspace.read_automations()} == {
        rerun_crashed().name,
        crash_zombies().name,
    }


def test_what_is_not_ours_stays(workspace: SyncPrefectClient) -> None:
    applied(declared("daily", "on-change"))
    daily = deployments(workspace)["pipeline/daily"]
    workspace.create_deployment(workspace.create_flow(audit), name="of a person")
    workspace.create_deployment_schedules(daily.id, [yearly(None)])
    someones = workspace.create_automation(watching("of a person"))

    made = applied(declared("daily"))

    assert sentences(made) == ["delete deployment report/on-change"]
    assert "audit/of a person" in deployments(workspace)
    assert slugs(workspace, daily) == {"bls-data-quest-daily", None}
    assert someones in {a.id for a in workspace.read_automations()}
    workspace.delete_automation(someones)


def test_what_someone_changed_by_hand_is_told_and_set_right(workspace: SyncPrefectClient) -> None:
    what = declared("daily")
    applied(what)
    daily = deployments(workspace)["pipeline/daily"]
    workspace.update_deployment_schedule(daily.id, daily.schedules[0].id, active=False)
    workspace.update_deployment(daily.id, DeploymentUpdate(parameters={"surveys": ["cu"]}))
    (rerun,) = workspace.read_automations_by_name(rerun_crashed().name)
    workspace.pause_automation(rerun.id)

    told = sentences(drift(what))

    assert told[0].startswith("update deployment pipeline/daily: ")
    assert 'parameters.surveys (["cu"] → ["pr"])' in told[0]
    assert "schedules.bls-data-quest-daily.active (false → true)" in told[0]
    assert told[1:] == [f"update automation {rerun.name}: enabled (false → true)"]
    assert sentences(applied(what)) == told
    assert drift(what) == ()


def test_a_trigger_that_someone_changed_or_copied_is_made_anew_once(
    workspace: SyncPrefectClient,
) -> None:
    what = declared("on-change")
    applied(what)
    ((trigger, action),) = (
        (automation, action)
        for automation in workspace.read_automations()
        for action in automation.actions
        if isinstance(action, RunDeployment)
    )
    other = action.model_copy(update={"parameters": {"survey": "cu"}})
    for actions in ([action], [other]):
        copied = AutomationCore(name=trigger.name, trigger=trigger.trigger, actions=actions)
        workspace.create_automation(copied)

    told = sentences(drift(what))

    assert told[0].startswith("update deployment report/on-change: triggers.BLS Data Quest: report")
    assert sentences(applied(what)) == told
    assert drift(what) == ()
    (found,) = (a for a in workspace.read_automations() if a.name == trigger.name)
    (again,) = found.actions
    assert isinstance(again, RunDeployment)
    assert again.parameters == action.parameters


def test_a_deployment_that_someone_paused_is_told_and_runs_again(
    workspace: SyncPrefectClient,
) -> None:
    what = declared("daily")
    applied(what)
    workspace.pause_deployment(deployments(workspace)["pipeline/daily"].id)

    told = sentences(drift(what))

    assert told == ["update deployment pipeline/daily: paused (true → false)"]
    assert sentences(applied(what)) == told
    assert drift(what) == ()
    assert not deployments(workspace)["pipeline/daily"].paused


def test_a_deployment_that_someone_took_the_tag_from_is_taken_back(
    workspace: SyncPrefectClient,
) -> None:
    what = declared("on-change")
    applied(what)
    report = deployments(workspace)["report/on-change"]
    workspace.update_deployment(report.id, DeploymentUpdate(tags=["mine"]))

    applied(what)

    assert drift(what) == ()
    assert deployments(workspace)["report/on-change"].id == report.id


def test_a_pool_of_another_type_is_refused_and_nothing_is_changed(
    workspace: SyncPrefectClient,
) -> None:
    workspace.create_work_pool(WorkPoolCreate(name=POOL, type="process"))

    with pytest.raises(Misuse, match="is of type process, and a pool keeps its type"):
        applied(declared())

    assert workspace.read_deployments() == []
    assert workspace.read_block_documents() == []
    assert workspace.read_automations() == []


def test_another_pools_name_is_everyones(workspace: SyncPrefectClient) -> None:
    try:
        applied(declared("weekly", WORK_POOL="other"))

        assert {d.work_pool_name for d in workspace.read_deployments()} == {"other"}
    finally:
        workspace.delete_work_pool("other")


def test_prefects_own_deploy_works_alone_and_makes_what_the_file_says(
    workspace: SyncPrefectClient, prefect_server: PrefectServer
) -> None:
    what = declared()
    pool = WorkPoolCreate(name=POOL, type="ecs", base_job_template=what.pool.fields["template"])
    workspace.create_work_pool(pool)
    image = {"IMAGE_REPOSITORY": OUTPUTS["image_repository"], "IMAGE_TAG": "0123abc"}
    subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        cwd=PROJECT,
        env=prefect_server.environment | image,
        check=True,
        capture_output=True,
        timeout=120,
    )

    assert {change.kind for change in drift(what)} == {"block", "automation"}
    found = deployments(workspace)
    assert found.keys() == NAMES
    assert {d.version for d in found.values()} == {"0123abc"}
    assert all("bls-data-quest" in d.tags and d.description for d in found.values())
    assert limits(found) == dict.fromkeys(NAMES, (1, "CANCEL_NEW")) | {
        "report/on-change": (1, "ENQUEUE"),
        "surveys/group": (16, "ENQUEUE"),
    }
    daily, report = found["pipeline/daily"], found["report/on-change"]
    assert daily.job_variables["image"] == f"{OUTPUTS['image_repository']}:0123abc"
    (schedule,) = daily.schedules
    assert schedule.active
    assert schedule.schedule == CronSchedule(cron="50 8 * * *", timezone="America/New_York")
    (trigger,) = workspace.read_resource_related_automations(f"prefect.deployment.{report.id}")
    assert trigger.enabled


def limits(found: dict[str, DeploymentResponse]) -> dict[str, tuple[int | None, str]]:
    """How many runs of each at once, and what becomes of one too many."""
    return {
        name: (d.global_concurrency_limit.limit, d.concurrency_options.collision_strategy.value)
        for name, d in found.items()
        if d.global_concurrency_limit and d.concurrency_options
    }


def watching(name: str) -> AutomationCore:
    return AutomationCore(
        name=name, trigger=EventTrigger(expect={"nothing.of.the.kind"}), actions=[DoNothing()]
    )


def yearly(slug: str | None) -> DeploymentScheduleCreate:
    schedule = CronSchedule(cron="0 0 1 1 *", timezone="UTC")
    return DeploymentScheduleCreate(schedule=schedule, slug=slug)


def slugs(client: SyncPrefectClient, deployment: DeploymentResponse) -> set[str | None]:
    return {schedule.slug for schedule in client.read_deployment_schedules(deployment.id)}
