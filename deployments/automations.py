"""The Prefect automations that watch the runs, as values. Pure.

They match runs of deployments that have the project's tag, so that none names an id. Runs within a
run (the pipeline's parts) have the tag and no deployment: their parent deals with them, unless it
is dead too.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from prefect.client.schemas.objects import StateType
from prefect.events.actions import CallWebhook, ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

from deployments.changes import Thing

if TYPE_CHECKING:
    from uuid import UUID

TAG = "bls-data-quest"
"""On every deployment of the project: `apply` changes and removes only those."""
PREFIX = "BLS Data Quest: "
"""Begins the name of every automation of the project, for the same reason."""

DAY = timedelta(days=1)
SILENCE = timedelta(hours=26)
"""Without a success of the daily run: a day, the hour that a day in autumn has more, and the run.
Windows of this length follow one another, so that the notice comes 26 to 52 hours after the last
success, and again for every window without one."""
HEARTBEATS_MISSED = timedelta(minutes=5)
"""The work pool sets one a minute."""
RERUNS = 3
"""How often a run is started again at most, in a day."""

_RUN = "prefect.flow-run.*"
_OF_A_DEPLOYMENT = {"prefect.resource.role": "deployment"}
_OURS = {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}
_DAILY = [
    {"prefect.resource.role": "flow", "prefect.resource.name": "pipeline"},
    {"prefect.resource.role": "deployment", "prefect.resource.name": "daily-pipeline"},
]
_ABOUT_A_RUN = """\
{% set why = flow_run.state.message or "" %}
{% set where = (flow_run|ui_url) or "" %}
{% set end = flow.name ~ " run " ~ flow_run.name ~ " ended " ~ flow_run.state.name %}
{"text": {{ ("BLS Data Quest: " ~ end ~ ". " ~ why ~ " " ~ where) | tojson }} }"""
"""Jinja, filled in by the server; `tojson` so that no message can break out of the text."""


def rerun_crashed() -> AutomationCore:
    """Return what starts a run again, on a new task, when its task died.

    The bound: a run's count rises with each start, and each count fires once a day. A run that
    crashes at counts 1, 2 and 3 … is started again for those below `RERUNS` only; one that never
    gets to start (no capacity, a bad image) stays at its count and is tried once more.
    A Refused or Failed run is not Crashed, and stays.
    """
    return AutomationCore(
        name=f"{PREFIX}run again what crashed",
        description="On a new task, once for each time that it has started; never more than "
        f"{RERUNS} times a day. A run that a guard refused did not crash.",
        tags=[TAG],
        trigger=EventTrigger(
            expect={"prefect.flow-run.Crashed"},
            match={
                "prefect.resource.id": _RUN,
                "prefect.run-count": [str(count) for count in range(RERUNS)],
            },
            match_related=[_OF_A_DEPLOYMENT, _OURS],
            for_each={"prefect.resource.id", "prefect.run-count"},
            posture=Posture.Reactive,
            threshold=1,
            within=DAY,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.SCHEDULED,
                name="AwaitingRetry",
                message="Its task crashed: it runs again on a new one.",
            )
        ],
    )


def crash_zombies(missed: timedelta = HEARTBEATS_MISSED) -> AutomationCore:
    """Return what ends a run without heartbeats as Crashed: its task died unseen.

    It matches by tag, not by the flow's name: another project in the workspace may have a `report`.
    """
    return AutomationCore(
        name=f"{PREFIX}a run without heartbeat has crashed",
        description="When a task dies unseen, its run would show as Running for ever.",
        tags=[TAG],
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            # Whatever the run does next, down to the names that this project ends it by.
            expect={_RUN},
            match={"prefect.resource.id": _RUN},
            match_related=_OURS,
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=missed,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED, message="No heartbeat: its task died unseen."
            )
        ],
    )


def notifications(webhook: UUID, silence: timedelta = SILENCE) -> tuple[AutomationCore, ...]:
    """Return what sends messages to people.

    Args:
        webhook: The block document that the text is sent through.
        silence: How long the daily run may go without a success.
    """
    about_a_run = CallWebhook(block_document_id=webhook, payload=_ABOUT_A_RUN)
    failed = EventTrigger(
        expect={_RUN},
        match={"prefect.resource.id": _RUN, "prefect.state-type": "FAILED"},
        match_related=[_OF_A_DEPLOYMENT, _OURS],
        posture=Posture.Reactive,
    )
    crashed = EventTrigger(
        expect={"prefect.flow-run.Crashed"},
        match={"prefect.resource.id": _RUN},
        match_related=[_OF_A_DEPLOYMENT, _OURS],
        for_each={"prefect.resource.id"},
        posture=Posture.Reactive,
        threshold=2,
        within=DAY,
    )
    silent = EventTrigger(
        expect={_RUN},
        match={"prefect.resource.id": _RUN, "prefect.state-type": "COMPLETED"},
        match_related=[*_DAILY, _OURS],
        posture=Posture.Proactive,
        threshold=1,
        within=silence,
    )
    hours = silence / timedelta(hours=1)
    return (
        AutomationCore(
            name=f"{PREFIX}tell of a run that failed or was refused",
            description="With the cause and what to do, as the run's last state says it.",
            tags=[TAG],
            trigger=failed,
            actions=[about_a_run],
        ),
        AutomationCore(
            name=f"{PREFIX}tell of a run that crashed twice",
            description="Once may be Spot, and it runs again by itself; twice is worth a look.",
            tags=[TAG],
            trigger=crashed,
            actions=[about_a_run],
        ),
        AutomationCore(
            name=f"{PREFIX}tell when the daily run does not succeed",
            description="Also when it never starts: a dead schedule or worker is not silent.",
            tags=[TAG],
            trigger=silent,
            actions=[
                CallWebhook(
                    block_document_id=webhook,
                    payload='{"text": "BLS Data Quest: pipeline/daily-pipeline has not succeeded '
                    f"for {hours:g} hours. Look at its runs, at its schedule, and whether the work "
                    'pool has a worker."}',
                )
            ],
        ),
    )


def desired_automations(webhook: UUID | None) -> tuple[AutomationCore, ...]:
    """Return all of the project's automations; without a webhook none that notifies."""
    notices = () if webhook is None else notifications(webhook)
    return (rerun_crashed(), crash_zombies(), *notices)


def as_thing(automation: AutomationCore) -> Thing:
    """Return an automation in terms that can be compared: no id, no owner, sets in order."""
    fields = automation.model_dump(
        mode="json",
        include={
            *("description", "enabled", "tags", "trigger"),
            *("actions", "actions_on_trigger", "actions_on_resolve"),
        },
    )
    return Thing("automation", automation.name, _ordered(fields))


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(inner) for key, inner in value.items()}
    if isinstance(value, list):
        inner = [_ordered(each) for each in value]
        return sorted(inner) if all(isinstance(each, str) for each in inner) else inner
    return value
