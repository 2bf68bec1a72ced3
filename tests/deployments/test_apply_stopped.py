"""What someone changed so that runs do not start, or not as declared, is told and set right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from prefect.client.schemas.actions import (
    DeploymentScheduleUpdate,
    DeploymentUpdate,
    GlobalConcurrencyLimitUpdate,
    WorkPoolUpdate,
)
from prefect.client.schemas.schedules import CronSchedule

from deployments.apply import drift
from tests.deployments.conftest import POOL
from tests.deployments.installation import applied, declared, deployments, sentences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import WorkQueue


@pytest.fixture
def share(workspace: SyncPrefectClient) -> Iterator[str]:
    """The limit of a share of BLS's pace, as a run of surveys makes it."""
    workspace.upsert_global_concurrency_limit_by_name("bls-share-2", limit=1)
    yield "bls-share-2"
    workspace.delete_global_concurrency_limit_by_name("bls-share-2")


def set_right(told: list[str]) -> None:
    """Applying says what the check told, and leaves nothing to tell."""
    assert sentences(applied(declared("daily"))) == told
    assert drift(declared("daily")) == ()


def default_queue(client: SyncPrefectClient) -> WorkQueue:
    return client.read_work_queue(client.read_work_pool(POOL).default_queue_id)


def test_a_pool_that_someone_paused_or_gave_no_slot_hands_out_runs_again(
    workspace: SyncPrefectClient,
) -> None:
    applied(declared("daily"))
    workspace.update_work_pool(POOL, WorkPoolUpdate(is_paused=True, concurrency_limit=0))

    told = sentences(drift(declared("daily")))

    stops = "concurrency_limit (0 → null), paused (true → false)"
    assert told == [f"update work pool {POOL}: {stops}"]
    set_right(told)
    pool = workspace.read_work_pool(POOL)
    assert (pool.is_paused, pool.concurrency_limit) == (False, None)


def test_a_queue_that_someone_paused_or_gave_no_slot_hands_out_runs_again(
    workspace: SyncPrefectClient,
) -> None:
    applied(declared("daily"))
    queue = default_queue(workspace)
    workspace.update_work_queue(queue.id, is_paused=True, concurrency_limit=0)

    told = sentences(drift(declared("daily")))

    stops = "queue.concurrency_limit (0 → null), queue.paused (true → false)"
    assert told == [f"update work pool {POOL}: {stops}"]
    set_right(told)
    queue = default_queue(workspace)
    assert (queue.is_paused, queue.concurrency_limit) == (False, None)


def test_how_many_runs_a_pool_or_queue_may_have_at_a_time_is_a_persons_own(
    workspace: SyncPrefectClient,
) -> None:
    applied(declared("daily"))
    workspace.update_work_queue(default_queue(workspace).id, concurrency_limit=3)
    workspace.update_work_pool(POOL, WorkPoolUpdate(is_paused=True, concurrency_limit=5))

    told = sentences(drift(declared("daily")))

    assert told == [f"update work pool {POOL}: paused (true → false)"]
    set_right(told)
    assert workspace.read_work_pool(POOL).concurrency_limit == 5
    assert default_queue(workspace).concurrency_limit == 3


def test_a_deployment_in_another_queue_comes_back_to_the_default_one(
    workspace: SyncPrefectClient,
) -> None:
    applied(declared("daily"))
    daily = deployments(workspace)["pipeline/daily"]
    other = DeploymentUpdate(work_pool_name=POOL, work_queue_name="nobody-looks")
    workspace.update_deployment(daily.id, other)

    told = sentences(drift(declared("daily")))

    assert told == ['update deployment pipeline/daily: work_queue ("nobody-looks" → null)']
    set_right(told)
    assert deployments(workspace)["pipeline/daily"].work_queue_name == "default"


def test_a_deployments_limit_that_someone_switched_off_holds_again(
    workspace: SyncPrefectClient,
) -> None:
    applied(declared("daily"))
    limit = deployments(workspace)["pipeline/daily"].global_concurrency_limit
    assert limit
    off = GlobalConcurrencyLimitUpdate(active=False)
    workspace.update_global_concurrency_limit(limit.name, off)

    told = sentences(drift(declared("daily")))

    assert told == ["update deployment pipeline/daily: concurrency.active (false → true)"]
    set_right(told)
    assert workspace.read_global_concurrency_limit_by_name(limit.name).active


@pytest.mark.parametrize(
    ("change", "said"),
    [({"active": False}, "active (false → true)"), ({"limit": 0}, "limit (0 → 1)")],
)
def test_a_shares_limit_that_would_keep_every_run_waiting_holds_one_again(
    workspace: SyncPrefectClient, share: str, change: dict[str, Any], said: str
) -> None:
    applied(declared("daily"))
    workspace.update_global_concurrency_limit(share, GlobalConcurrencyLimitUpdate(**change))

    told = sentences(drift(declared("daily")))

    assert told == [f"update concurrency limit {share}: {said}"]
    set_right(told)
    found = workspace.read_global_concurrency_limit_by_name(share)
    assert (found.active, found.limit) == (True, 1)


def test_a_concurrency_limit_of_anyone_else_stays_as_it_is(
    workspace: SyncPrefectClient,
) -> None:
    workspace.upsert_global_concurrency_limit_by_name("of-a-person", limit=0)

    assert [c for c in applied(declared("daily")) if c.kind == "concurrency limit"] == []

    assert workspace.read_global_concurrency_limit_by_name("of-a-person").limit == 0
    workspace.delete_global_concurrency_limit_by_name("of-a-person")


def test_parameters_and_rules_that_someone_gave_a_schedule_go(
    workspace: SyncPrefectClient,
) -> None:
    applied(declared("daily"))
    daily = deployments(workspace)["pipeline/daily"]
    cron = CronSchedule(cron="50 8 * * *", timezone="America/New_York", day_or=False)
    changed = DeploymentScheduleUpdate(parameters={"dry_run": True}, schedule=cron)
    workspace.request(
        "PATCH",
        "/deployments/{id}/schedules/{schedule_id}",
        path_params={"id": daily.id, "schedule_id": daily.schedules[0].id},
        json=changed.model_dump(mode="json", exclude_unset=True),
    )

    told = sentences(drift(declared("daily")))

    schedule = "schedules.bls-data-quest-daily"
    rules = f"{schedule}.day_or (false → true), {schedule}.parameters.dry_run (true → null)"
    assert told == [f"update deployment pipeline/daily: {rules}"]
    set_right(told)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"enforce_parameter_schema": False}, "enforce_parameter_schema (false → true)"),
        ({"path": "/elsewhere"}, 'path ("/elsewhere" → null)'),
        ({"entrypoint": "flows.x.y"}, 'entrypoint ("flows.x.y" → "flows.pipeline.pipeline")'),
    ],
)
def test_a_deployment_that_would_load_or_check_something_else_is_told_and_set_right(
    workspace: SyncPrefectClient, change: dict[str, Any], said: str
) -> None:
    applied(declared("daily"))
    daily = deployments(workspace)["pipeline/daily"]
    workspace.update_deployment(daily.id, DeploymentUpdate(**change))

    told = sentences(drift(declared("daily")))

    assert told == [f"update deployment pipeline/daily: {said}"]
    set_right(told)
