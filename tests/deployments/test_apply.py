"""apply makes a real workspace what is declared, once, and touches nothing of anyone else's."""

import subprocess
import sys
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import (
    DeploymentScheduleCreate,
    DeploymentScheduleUpdate,
    DeploymentUpdate,
    GlobalConcurrencyLimitUpdate,
    WorkPoolCreate,
    WorkPoolUpdate,
)
from prefect.client.schemas.objects import WorkQueue
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.events.actions import DoNothing, RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger
from prefect.states import Pending

from blsquest.core.errors import Misuse
from deployments.apply import drift, notices, webhook_id
from deployments.automations import crash_silent, rerun_crashed
from deployments.project_file import PROJECT
from flows.audit import audit
from tests.deployments.conftest import POOL
from tests.deployments.installation import OUTPUTS, applied, declared, deployments, sentences
from tests.support.prefect_server import PrefectServer

DAILY, REPORT = "pipeline/daily-pipeline", "report/report-on-change"
NAMES = {
    DAILY,
    "mirror/mirror-surveys",
    "population/population-ingest",
    REPORT,
    "audit/weekly-audit",
}
HOOK = "https://hooks.example.org/hush"


def stamps(client: SyncPrefectClient) -> dict[str, Any]:
    """When each thing was last written, and which one it is."""
    pool = client.read_work_pool(POOL)
    blocks = client.read_block_documents()
    return {
        POOL: (pool.id, pool.updated),
        **{name: (d.id, d.updated) for name, d in deployments(client).items()},
        **{f"{b.block_type_name} {b.name}": (b.id, b.updated) for b in blocks},
        # The API has no time of an automation's change; one made anew has another id.
        **{a.name: a.id for a in client.read_automations()},
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


def default_queue(client: SyncPrefectClient) -> WorkQueue:
    return client.read_work_queue(client.read_work_pool(POOL).default_queue_id)


# -- Creating, updating, removing -------------------------------------------------------------


def test_a_first_apply_makes_all_that_is_declared_and_a_second_changes_nothing(
    workspace: SyncPrefectClient,
) -> None:
    what = declared(NOTIFY_WEBHOOK_URL=HOOK)
    foreseen = drift(what)

    made = applied(what)

    assert set(made) == set(foreseen)
    assert {change.what for change in made} == {"create"}
    assert deployments(workspace).keys() == NAMES
    before = stamps(workspace)
    assert len(before) == 1 + len(NAMES) + 5 + 5
    hook = workspace.read_block_document_by_name("bls-data-quest", "webhook", include_secrets=True)
    assert hook.data["headers"] == {"Content-Type": "application/json"}
    assert drift(what) == ()
    assert applied(what) == []
    assert stamps(workspace) == before


def test_what_the_file_no_longer_declares_goes_and_what_is_not_ours_stays(
    workspace: SyncPrefectClient,
) -> None:
    applied(declared("daily-pipeline", "report-on-change"))
    before = stamps(workspace)

    made = applied(declared("daily-pipeline", "report-on-change", IMAGE_TAG="1.2.3"))

    # A new image changes the deployments and their triggers, and nothing else.
    assert {change.name for change in made} == {DAILY, REPORT}
    assert 'version ("0123abc" → "1.2.3")' in made[0].sentence()
    after = stamps(workspace)
    trigger = "BLS Data Quest: report when an ingest found something new"
    assert {name for name in after if after[name] != before[name]} == {DAILY, REPORT, trigger}
    assert all(after[name][0] == before[name][0] for name in (DAILY, REPORT))

    daily = deployments(workspace)[DAILY]
    workspace.create_deployment_schedules(daily.id, [yearly("bls-data-quest-yearly"), yearly(None)])
    workspace.create_automation(watching("BLS Data Quest: of an older version"))
    twin = workspace.create_automation(rerun_crashed())
    workspace.create_deployment(workspace.create_flow(audit), name="of a person")
    someones = workspace.create_automation(watching("of a person"))
    for limit in ("of-a-person", "bls-share-2"):
        workspace.upsert_global_concurrency_limit_by_name(limit, limit=0)

    said = sentences(applied(declared("daily-pipeline", IMAGE_TAG="1.2.3")))

    assert said[0].startswith(f"update deployment {DAILY}: schedules.bls-data-quest-yearly")
    assert set(said[1:]) == {
        f"delete deployment {REPORT}",
        "delete automation BLS Data Quest: of an older version",
        f"delete automation {rerun_crashed().name} ({twin})",
        "delete concurrency limit bls-share-2",  # of a release before
    }
    assert deployments(workspace).keys() == {DAILY, "audit/of a person"}
    assert slugs(workspace, daily) == {"bls-data-quest-daily", None}
    automations = {a.name for a in workspace.read_automations()}
    assert automations == {rerun_crashed().name, crash_silent().name, "of a person"}
    limits = [x.name for x in workspace.read_global_concurrency_limits() if x.limit == 0]
    assert limits == ["of-a-person"]
    workspace.delete_global_concurrency_limit_by_name("of-a-person")
    workspace.delete_automation(someones)


def test_a_pool_of_another_type_is_refused_and_nothing_is_changed_but_another_name_will_do(
    workspace: SyncPrefectClient,
) -> None:
    workspace.create_work_pool(WorkPoolCreate(name=POOL, type="process"))

    with pytest.raises(Misuse, match="is of type process, and a pool keeps its type"):
        applied(declared())

    assert workspace.read_deployments() == []
    assert workspace.read_block_documents() == []
    assert workspace.read_automations() == []
    applied(declared("weekly-audit", WORK_POOL="other"))
    assert {d.work_pool_name for d in workspace.read_deployments()} == {"other"}


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
        timeout=480,
    )

    assert {change.kind for change in drift(what)} == {"block", "automation"}
    found = deployments(workspace)
    assert found.keys() == NAMES
    assert {d.version for d in found.values()} == {"0123abc"}
    assert all("bls-data-quest" in d.tags and d.description for d in found.values())
    limits = {
        name: (d.global_concurrency_limit.limit, d.concurrency_options.collision_strategy.value)
        for name, d in found.items()
        if d.global_concurrency_limit and d.concurrency_options
    }
    # What mirror starts of its own deployment would wait for it, or be cancelled.
    assert limits == dict.fromkeys(NAMES - {"mirror/mirror-surveys"}, (1, "CANCEL_NEW")) | {
        REPORT: (1, "ENQUEUE")
    }
    assert found[DAILY].job_variables["image"] == f"{OUTPUTS['image_repository']}:0123abc"
    (schedule,) = found[DAILY].schedules
    assert schedule.active
    assert schedule.schedule == CronSchedule(cron="50 8 * * *", timezone="America/New_York")
    (trigger,) = workspace.read_resource_related_automations(
        f"prefect.deployment.{found[REPORT].id}"
    )
    assert trigger.enabled


# -- What someone changed by hand, so that runs do not start, or not as declared ----------------


def test_what_someone_changed_by_hand_is_named_and_set_right(workspace: SyncPrefectClient) -> None:
    what = declared("daily-pipeline", "mirror-surveys")
    applied(what)
    found = deployments(workspace)
    daily, mirror = found[DAILY], found["mirror/mirror-surveys"]
    assert daily.global_concurrency_limit
    # A slot is taken, as on a server that lost its leases, when the run is deleted.
    workspace.update_global_concurrency_limit(
        daily.global_concurrency_limit.name,
        GlobalConcurrencyLimitUpdate(active=False, active_slots=1),
    )
    any_day = CronSchedule(cron="50 8 * * *", timezone="America/New_York", day_or=False)
    changed = DeploymentScheduleUpdate(active=False, parameters={"dry_run": True}, schedule=any_day)
    workspace.request(
        "PATCH",
        "/deployments/{id}/schedules/{schedule_id}",
        path_params={"id": daily.id, "schedule_id": daily.schedules[0].id},
        json=changed.model_dump(mode="json", exclude_unset=True),
    )
    update = DeploymentUpdate(
        parameters={"surveys": ["cu"]},
        enforce_parameter_schema=False,
        path="/elsewhere",
        entrypoint="flows.x.y",
        work_pool_name=POOL,
        work_queue_name="nobody-looks",
        paused=True,
    )
    workspace.update_deployment(daily.id, update)
    workspace.update_deployment(mirror.id, DeploymentUpdate(concurrency_limit=1))
    (silent,) = workspace.read_automations_by_name(crash_silent().name)
    workspace.pause_automation(silent.id)
    workspace.update_work_pool(POOL, WorkPoolUpdate(is_paused=True, concurrency_limit=0))
    queue = default_queue(workspace).id
    workspace.update_work_queue(queue, is_paused=True, concurrency_limit=0)

    named = drift(what)

    schedule = "schedules.bls-data-quest-daily"
    assert {f"{change.kind} {change.name}": change.details for change in named} == {
        f"work pool {POOL}": (
            "concurrency_limit (0 → null)",
            "paused (true → false)",
            "queue.concurrency_limit (0 → null)",
            "queue.paused (true → false)",
        ),
        f"automation {crash_silent().name}": ("enabled (false → true)",),
        f"deployment {DAILY}": (
            "concurrency.active (false → true)",
            "concurrency.slots_held_by_no_run (1 → 0)",
            "enforce_parameter_schema (false → true)",
            'entrypoint ("flows.x.y" → "flows.pipeline.pipeline")',
            'parameters.surveys (["cu"] → ["pr"])',
            'path ("/elsewhere" → null)',
            "paused (true → false)",
            f"{schedule}.active (false → true)",
            f"{schedule}.day_or (false → true)",
            f"{schedule}.parameters.dry_run (true → null)",
            'work_queue ("nobody-looks" → null)',
        ),
        "deployment mirror/mirror-surveys": ("concurrency",),
    }
    assert {change.what for change in named} == {"update"}
    assert set(applied(what)) == set(named)
    assert drift(what) == ()


def test_a_slot_that_a_run_holds_and_a_limit_that_a_person_gave_a_pool_stay(
    workspace: SyncPrefectClient,
) -> None:
    what = declared("weekly-audit")
    applied(what)
    (weekly,) = deployments(workspace).values()
    run = workspace.create_flow_run_from_deployment(weekly.id).id
    workspace.set_flow_run_state(run, Pending())
    workspace.update_work_queue(default_queue(workspace).id, concurrency_limit=3)
    workspace.update_work_pool(POOL, WorkPoolUpdate(is_paused=True, concurrency_limit=5))

    assert sentences(applied(what)) == [f"update work pool {POOL}: paused (true → false)"]
    assert drift(what) == ()
    assert workspace.read_work_pool(POOL).concurrency_limit == 5
    assert default_queue(workspace).concurrency_limit == 3


def test_a_trigger_that_someone_changed_or_copied_is_made_anew_once(
    workspace: SyncPrefectClient,
) -> None:
    what = declared("report-on-change")
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
    earlier = AutomationCore(
        name="bls-data-quest: report when an ingest found something new",
        trigger=trigger.trigger,
        actions=[action],
        owner_resource=f"prefect.deployment.{action.deployment_id}",
    )
    workspace.create_automation(earlier)

    named = sentences(drift(what))

    assert named[0].startswith(f"update deployment {REPORT}: triggers.BLS Data Quest: report")
    assert sentences(applied(what)) == named
    assert drift(what) == ()
    there = workspace.read_automations()
    assert earlier.name not in {automation.name for automation in there}
    (found,) = (a for a in there if a.name == trigger.name)
    (again,) = found.actions
    assert isinstance(again, RunDeployment)
    assert again.parameters == action.parameters


def test_a_deployment_that_someone_took_the_tag_from_is_taken_back_with_peoples_schedules(
    workspace: SyncPrefectClient,
) -> None:
    what = declared("report-on-change")
    applied(what)
    report = deployments(workspace)[REPORT]
    workspace.update_deployment(report.id, DeploymentUpdate(tags=["mine"]))
    workspace.create_deployment_schedules(report.id, [yearly(None)])

    applied(what)

    assert drift(what) == ()
    assert deployments(workspace)[REPORT].id == report.id
    assert slugs(workspace, report) == {None}


def test_notices_that_someone_set_up_stay_until_none_is_asked_for(
    workspace: SyncPrefectClient,
) -> None:
    applied(declared("weekly-audit", NOTIFY_WEBHOOK_URL=HOOK))
    before = {automation.id for automation in workspace.read_automations()}

    assert applied(declared("weekly-audit")) == []

    assert len(before) == 4
    assert {automation.id for automation in workspace.read_automations()} == before
    assert notices(workspace, "kept") == (
        "NOTIFY_WEBHOOK_URL is not set: the block webhook/bls-data-quest that is registered stays, "
        "and its notices with it (none removes them)."
    )
    nobody = declared("weekly-audit", NOTIFY_WEBHOOK_URL="none")
    foreseen = sentences(drift(nobody))

    assert sentences(applied(nobody)) == foreseen
    assert len(foreseen) == 3
    assert all(each.startswith("delete automation BLS Data Quest: tell") for each in foreseen[:2])
    assert foreseen[2] == "delete block webhook/bls-data-quest"
    assert drift(nobody) == ()
    assert webhook_id(workspace) is None
    assert notices(workspace, "none") == (
        "Nobody is notified of failures: NOTIFY_WEBHOOK_URL is none."
    )
