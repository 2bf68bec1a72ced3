"""One run that another started: how it is started and waited for, and what it told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from prefect.client.orchestration import get_client
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger

from blsquest.core.errors import Misuse, QuestError
from blsquest.core.stop import sleep_unless_stopped
from flows.asking import asked
from flows.dashboard import from_text
from flows.fleet import UNKNOWN, SurveyRow, read_rows
from flows.run_names import run_id, surveys_name
from flows.settling import artifacts_of
from flows.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from prefect.client.schemas.objects import FlowRun, State

    from blsquest.sources.share import Share
    from flows.spread import Task

TABLE_KEY = "surveys"
"""The artifact in which a run over many surveys leaves its rows."""

POLL = 5.0
"""Seconds between two looks at a run."""

RESCHEDULED_WITHIN = timedelta(seconds=120)
"""A run whose task was taken away is Crashed for so long at most before the automation that starts
it again has done so (measured on ECS's stand-in: 14 s)."""


def check_deployment(name: str) -> None:
    """See that there is such a deployment.

    Raises:
        Misuse: There is none.
    """

    def look() -> None:
        with get_client(sync_client=True) as client:
            client.read_deployment_by_name(name)

    try:
        asked(look, f"for the deployment {name}")
    except (ObjectNotFound, ValueError) as error:
        raise Misuse(
            f"There is no deployment {name!r} in this Prefect workspace.",
            "Create it with .venv/bin/python -m deployments apply, or correct the name "
            "(surveys/group).",
        ) from error


def started(task: Task, share: Share, deployment: str, parameters: Mapping[str, Any]) -> FlowRun:
    """Start the run of a task, or find the one that this flow run started for it before.

    Raises:
        QuestError: It can't be started.
    """
    codes = list(task.codes)
    own = {"patterns": codes, "share": f"{share.number}/{share.of}"}

    def start() -> FlowRun:
        # Prefect's functions serve both worlds by their types; called in a sync flow they return.
        return cast(
            "FlowRun",
            run_deployment(
                deployment,
                parameters={**parameters, **own},
                flow_run_name=surveys_name(codes),
                job_variables=task.job_variables(),
                idempotency_key=f"{run_id()} {' '.join(codes)}",
                timeout=0,
            ),
        )

    try:
        run = asked(start, f"to start the run of {' '.join(codes)}")
    except ObjectNotFound as error:
        raise QuestError(
            f"The run was not started: there is no deployment {deployment!r} any more.",
            "Create it with .venv/bin/python -m deployments apply.",
        ) from error
    get_run_logger().info(
        "Under way: %s, with the share %s of the pace, for %s.",
        run.name,
        run.parameters.get("share"),
        " ".join(codes),
    )
    return run


def ended(run: FlowRun) -> FlowRun:
    """The run, once it is over.

    Raises:
        QuestError: It was deleted, or the API does not say how it is.
        Stopped: The process is to end.
    """

    def look() -> FlowRun:
        with get_client(sync_client=True) as client:
            return client.read_flow_run(run.id)

    waiting = Waiting()
    while True:
        try:
            found = asked(look, f"how {run.name} is")
        except ObjectNotFound as error:
            raise QuestError(
                f"{run.name} is not there any more: somebody deleted it.",
                "What it had done is in the lake.",
            ) from error
        if is_over(found.state, datetime.now(UTC)):
            return found
        waited = waiting.tells(monotonic(), waits=waits(found.state))
        if waited is not None:
            get_run_logger().warning(
                "%s is %s, and still waits for a worker of the pool %s after %.0f minutes: is one "
                "running?",
                found.name,
                found.state.name if found.state else "without a state",
                found.work_pool_name,
                waited / 60,
            )
        sleep_unless_stopped(POLL)


def is_over(state: State[Any] | None, now: datetime) -> bool:
    """Whether a run in that state will not go on; a crashed one may be started again."""
    if state is None or not state.is_final():
        return False
    return not state.is_crashed() or now - state.timestamp > RESCHEDULED_WITHIN


def waits(state: State[Any] | None) -> bool:
    """Whether a run in that state has yet to begin."""
    return state is None or state.is_scheduled() or state.is_pending()


def rows_of(task: Task, run: FlowRun) -> list[SurveyRow]:
    """What the run said of each of its surveys, or else what Prefect says of the run."""
    told = {row.survey: row for row in _told(run.id)}
    state = run.state
    name = (state.name or state.type.value) if state else UNKNOWN
    why = (state.message or "") if state else ""
    took = round(run.total_run_time.total_seconds(), 3)
    return [
        told.get(code, SurveyRow(code, name, seconds=took, what=f"{run.name}: {why}".strip()))
        for code in task.codes
    ]


def _told(run: UUID) -> list[SurveyRow]:
    # A run that was started again left one for each time.
    found = asked(lambda: artifacts_of(run, TABLE_KEY), "for a table of surveys")
    try:
        return read_rows(from_text(json.loads(str(found[-1].data)))) if found else []
    except (TypeError, ValueError, AttributeError) as error:
        get_run_logger().warning("The table of the run %s can't be read: %s", run, error)
        return []
