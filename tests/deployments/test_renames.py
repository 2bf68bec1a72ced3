"""apply brings the deployments of release dd47f93 over to their names of today."""

from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.events.actions import RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger

from deployments.apply import drift
from deployments.automations import EARLIER_NAMES, PREFIX, TAG, rerun_crashed
from deployments.renames import RENAMED
from tests.deployments.installation import applied, declared, deployments, sentences
from tests.deployments.test_apply import NAMES

SCHEDULES = {
    "pipeline/daily": {"bls-data-quest-daily": "50 8 * * *"},
    "audit/weekly": {"bls-data-quest-weekly": "0 12 * * 0"},
}


WEEKLY = "schedules.bls-data-quest-weekly"


@pytest.fixture
def before(workspace: SyncPrefectClient) -> SyncPrefectClient:
    """A workspace with the deployments of release dd47f93, by name, tag and schedule."""

    @flow
    def empty() -> None:
        """Stand for the flow of that release."""

    for full_name in RENAMED:
        flow_name, _, name = full_name.partition("/")
        workspace.create_deployment(
            workspace.create_flow(empty.with_options(name=flow_name)),
            name=name,
            tags=[TAG],
            schedules=[
                DeploymentScheduleCreate(slug=slug, active=True, schedule=CronSchedule(cron=cron))
                for slug, cron in SCHEDULES.get(full_name, {}).items()
            ],
        )
    return workspace


def by_hand(client: SyncPrefectClient, of: UUID, **parameters: Any) -> None:
    """Make a schedule as a person does in the dashboard: it has no slug."""
    made = DeploymentScheduleCreate(
        schedule=CronSchedule(cron="0 3 * * *", timezone="UTC"), parameters=parameters
    )
    client.create_deployment_schedules(of, [made])


def test_every_deployment_has_its_new_name_and_nothing_is_left_to_change(
    before: SyncPrefectClient,
) -> None:
    what = declared()
    foreseen = sentences(drift(what))

    made = sentences(applied(what))

    assert deployments(before).keys() == NAMES
    assert sorted(made) == sorted(foreseen)
    assert {f"create deployment {new}" for new in NAMES} <= set(made)
    assert {f"delete deployment {old}" for old in RENAMED} <= set(made)
    assert all(not d.paused for d in deployments(before).values())
    assert drift(what) == ()


def test_what_is_paused_stays_paused_until_the_next_apply(before: SyncPrefectClient) -> None:
    what = declared("daily-pipeline", "weekly-audit")
    old = deployments(before)
    before.pause_deployment(old["pipeline/daily"].id)
    weekly = old["audit/weekly"]
    before.update_deployment_schedule(weekly.id, weekly.schedules[0].id, active=False)

    applied(what)

    left = [
        "update deployment pipeline/daily-pipeline: paused (true → false)",
        f"update deployment audit/weekly-audit: {WEEKLY}.active (false → true)",
    ]
    assert sentences(drift(what)) == left
    assert sentences(applied(what)) == left
    assert drift(what) == ()


def test_what_people_made_goes_on_with_its_parameters_under_the_new_name(
    before: SyncPrefectClient,
) -> None:
    what = declared("mirror-surveys", "daily-pipeline")
    old = deployments(before)
    by_hand(before, old["pipeline/daily"].id, dry_run=True)
    by_hand(before, old["mirror/alone"].id, survey="cu", lake="s3-bucket/lake")
    by_hand(before, old["surveys/all"].id, patterns=["c*"], deployment="surveys/group", tasks=4)
    by_hand(before, old["surveys/group"].id, patterns=["ap"], share="1/4")
    before.pause_deployment(old["surveys/group"].id)
    run = RunDeployment(
        source="selected", deployment_id=old["mirror/alone"].id, parameters={"survey": "cu"}
    )
    trigger = EventTrigger(expect={"nothing.of.the.kind"})
    automation = before.create_automation(
        AutomationCore(name="of a person", trigger=trigger, actions=[run])
    )

    applied(what)

    new = deployments(before)
    (daily,) = (s for s in new["pipeline/daily-pipeline"].schedules if not s.slug)
    assert (daily.parameters, daily.active) == ({"dry_run": True}, True)
    held = [(s.parameters, s.active) for s in new["mirror/mirror-surveys"].schedules]
    assert sorted(held, key=str) == sorted(
        [
            ({"surveys": ["cu"], "lake": "s3-bucket/lake"}, True),
            ({"surveys": ["c*"], "tasks": 4}, True),
            ({"surveys": ["ap"]}, False),  # its deployment was paused
        ],
        key=str,
    )
    assert not new["mirror/mirror-surveys"].paused
    (found,) = (a for a in before.read_automations() if a.id == automation)
    (action,) = found.actions
    assert isinstance(action, RunDeployment)
    assert action.deployment_id == new["mirror/mirror-surveys"].id
    assert action.parameters == {"surveys": ["cu"]}
    assert drift(what) == ()


def test_an_apply_that_was_cut_short_hands_nothing_over_twice(before: SyncPrefectClient) -> None:
    what = declared("daily-pipeline")
    applied(what)
    new = deployments(before)["pipeline/daily-pipeline"]
    again = before.create_deployment(new.flow_id, name="daily", tags=[TAG])
    for deployment in (new.id, again):
        by_hand(before, deployment, dry_run=True)

    assert sentences(applied(what)) == ["delete deployment pipeline/daily"]

    (made,) = (s for s in before.read_deployment(new.id).schedules if not s.slug)
    assert made.parameters == {"dry_run": True}


def test_automations_go_on_under_their_new_names_and_none_is_missing_meanwhile(
    workspace: SyncPrefectClient,
) -> None:
    names = [*EARLIER_NAMES, f"{PREFIX}tell of a run that crashed twice"]
    old = rerun_crashed()  # that release's, as far as it matters here
    before = {
        name: workspace.create_automation(old.model_copy(update={"name": name})) for name in names
    }
    what = declared("weekly-audit", NOTIFY_WEBHOOK_URL="https://hooks.example.org/hush")

    made = sentences(applied(what))

    after = {automation.name: automation.id for automation in workspace.read_automations()}
    for earlier, new in EARLIER_NAMES.items():
        assert after[new] == before[earlier], "the same automation, changed in its place"
        assert any(each.startswith(f"update automation {new}: ") for each in made)
    assert f"delete automation {names[-1]}" in made
    assert len(after) == 4
    assert drift(what) == ()
