"""Many surveys as runs of a deployment: one a group, a bounded number at a time, summed up.

Each run gets a share of BLS's pace: its number among those in flight. What it came to is in the
table that it leaves in the dashboard.
"""

from __future__ import annotations

import json
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from httpx import HTTPError
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
)
from prefect.client.schemas.sorting import ArtifactSort
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger

from flows.dashboard import from_text
from flows.fleet import Fleet, SurveyRow, read_rows
from flows.lake.errors import Misuse
from flows.lake.stop import Workers, raise_if_stopped, sleep_unless_stopped
from flows.run_names import run_id
from flows.shares import make_limits
from flows.sources.share import LARGEST, Share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from prefect.client.schemas.objects import FlowRun, State

    from flows.grouping import Group

TABLE_KEY = "surveys"
"""The artifact in which a run over many surveys leaves its rows."""

POLL = 5.0
"""Seconds between two looks at a run."""

RESCHEDULED_WITHIN = timedelta(seconds=120)
"""A run whose task was taken away is Crashed for so long at most before the automation that starts
it again has done so (measured on ECS's stand-in: 14 s)."""


@dataclass(frozen=True, slots=True)
class Orders:
    """How the runs are wanted.

    Attributes:
        deployment: `flow/name`; the flow is `surveys`.
        tasks: Runs in flight at a time, at most.
        parameters: The runs', all but which surveys and which share.
    """

    deployment: str
    tasks: int
    parameters: Mapping[str, Any]


def fan_out(groups: Sequence[Group], orders: Orders) -> Fleet:
    """Run every group, wait for all, and sum up; a run that ends badly stops no other.

    Asked again by the same flow run (after a crash), it finds the runs that it started.

    Raises:
        Misuse: There is no such deployment, or the number of tasks is impossible.
        Stopped: The process is to end; the runs go on by themselves.
    """
    if not 1 <= orders.tasks <= LARGEST:
        raise Misuse(
            f"{orders.tasks} runs at a time are not possible.", f"Choose from 1 to {LARGEST}."
        )
    at_once = min(orders.tasks, len(groups))
    shares = [Share(n, at_once) for n in range(1, at_once + 1)]
    make_limits(shares)
    waiting: SimpleQueue[Group] = SimpleQueue()
    for group in groups:
        waiting.put(group)

    def take(share: Share) -> list[SurveyRow]:
        rows: list[SurveyRow] = []
        while True:
            raise_if_stopped()
            try:
                group = waiting.get_nowait()
            except Empty:
                return rows
            rows += _rows(group, _ended(_start(group, share, orders).id))

    with Workers(at_once, "fleet") as pool:
        running = [pool.submit(copy_context().run, take, share) for share in shares]
        rows = [row for done in running for row in done.result()]
    rows.sort(key=lambda row: row.survey)
    dry_run = bool(orders.parameters.get("dry_run"))
    return Fleet(tuple(rows), tasks=len(groups), dry_run=dry_run)


def is_over(state: State[Any] | None, now: datetime) -> bool:
    """Whether a run in that state will not go on; a crashed one may be started again."""
    if state is None or not state.is_final():
        return False
    return not state.is_crashed() or now - state.timestamp > RESCHEDULED_WITHIN


def _start(group: Group, share: Share, orders: Orders) -> FlowRun:
    codes = list(group.codes)
    try:
        # Prefect's functions serve both worlds by their types; called in a sync flow they return.
        return run_deployment(  # type: ignore[return-value]
            orders.deployment,
            parameters={
                **orders.parameters,
                "patterns": codes,
                "share": f"{share.number}/{share.of}",
            },
            job_variables=group.job_variables(),
            idempotency_key=f"{run_id()} {' '.join(codes)}",
            timeout=0,
        )
    except ObjectNotFound as error:
        raise Misuse(
            f"There is no deployment {orders.deployment!r} in this Prefect workspace.",
            "Create it with .venv/bin/python -m deployments apply, or correct the name.",
        ) from error


def _ended(run: UUID) -> FlowRun:
    """The run, once it is over."""
    while True:
        try:
            with get_client(sync_client=True) as client:
                found = client.read_flow_run(run)
            if is_over(found.state, datetime.now(UTC)):
                return found
        except HTTPError as error:
            # The run goes on without us, and we look again.
            get_run_logger().warning("The Prefect API does not answer: %s", type(error).__name__)
        sleep_unless_stopped(POLL)


def _rows(group: Group, run: FlowRun) -> list[SurveyRow]:
    """What the run said of each of its surveys, or else what Prefect says of the run."""
    told = {row.survey: row for row in _told(run.id)}
    state = run.state
    name = (state.name or state.type.value) if state else "Unknown"
    why = (state.message or "") if state else ""
    took = round(run.total_run_time.total_seconds(), 3)
    return [
        told.get(code, SurveyRow(code, name, seconds=took, what=f"{run.name}: {why}".strip()))
        for code in group.codes
    ]


def _told(run: UUID) -> list[SurveyRow]:
    wanted = ArtifactFilter(
        flow_run_id=ArtifactFilterFlowRunId(any_=[run]), key=ArtifactFilterKey(any_=[TABLE_KEY])
    )
    with get_client(sync_client=True) as client:
        # A run that was started again left one for each time.
        found = client.read_artifacts(
            artifact_filter=wanted, sort=ArtifactSort.CREATED_DESC, limit=1
        )
    return read_rows(from_text(json.loads(str(found[0].data)))) if found else []
