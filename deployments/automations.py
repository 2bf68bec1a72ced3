"""The Prefect automations that watch the runs, as values. Pure.

With the report's trigger (prefect.yaml) they are five, as many as the smallest plan of Prefect
Cloud has. Three of them have several triggers, any of which fires, for each run by itself.

They match runs of deployments that have the project's tag, so that none names an id. Subflow runs
(the pipeline's parts) have the tag and no deployment: their parent handles them, unless it is dead
too.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import StateType
from prefect.events.actions import CallWebhook, ChangeFlowRunState
from prefect.events.schemas.automations import (
    AutomationCore,
    CompoundTrigger,
    EventTrigger,
    Posture,
)

from deployments.changes import Thing

TAG = "bls-data-quest"
"""On every deployment of the project: `apply` changes and removes only those."""
AUTOMATION = "automation"
PREFIX = "BLS Data Quest: "
"""Begins the name of every automation of the project, for the same reason."""
EARLIER_NAMES = {
    f"{PREFIX}a run without heartbeat has crashed": f"{PREFIX}a silent run has crashed",
    f"{PREFIX}tell of a run that failed or was refused": (
        f"{PREFIX}tell of a run that needs a person"
    ),
}
"""What the release before (dd47f93) called automations, and their names of today."""

DAY = timedelta(days=1)
SILENCE = timedelta(hours=26)
"""The longest time without a successful daily run: a day, the extra hour in autumn, and the run.
Windows of this length follow one another, so that the notice comes 26 to 52 hours after the last
success, and again for every window without one."""
HEARTBEATS_MISSED = timedelta(minutes=5)
"""The work pool sets one a minute."""
UNSTARTED = timedelta(minutes=30)
"""Longer than the worker asks AWS for a task (worker.tf), and than that then takes to start."""
RERUNS = 3
"""A run is started again at so many counts of its starts (0, 1, …), in a day once at each; a silent
one at most twice at each."""

_RUN, _CRASHED = "prefect.flow-run.*", "prefect.flow-run.Crashed"
_OF_A_DEPLOYMENT = {"prefect.resource.role": "deployment"}
_OURS = {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}
_SCHEDULED = {
    "prefect.resource.role": "tag",
    "prefect.resource.id": "prefect.tag.auto-scheduled",
}
"""Prefect's own tag of the runs that a schedule made."""
_SILENT = "No sign of it: its task died unseen, or was never started."
_WITH_A_WORKER = ("Pending", "Submitting", "InfrastructurePending")
"""The states of a run that a worker took and that has not started yet."""
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


def _each_run(event: str, *related: dict[str, str], **fields: Any) -> EventTrigger:
    """Return a trigger that fires for each run of our deployments by itself, as it happens."""
    defaults = {"match": {"prefect.resource.id": _RUN}, "for_each": {"prefect.resource.id"}}
    return EventTrigger(
        expect={event},
        match_related=[_OF_A_DEPLOYMENT, _OURS, *related],
        posture=Posture.Reactive,
        **{**defaults, **fields},
    )


def rerun_crashed() -> AutomationCore:
    """Return the automation that starts a run again, on a new task, when its task died.

    The bound: a run's count rises with each start, and each count fires once a day. A run that
    crashes at counts 1, 2 and 3 … is started again for those below `RERUNS` only; one that never
    gets to start (no capacity, a bad image) stays at its count and is tried once more.
    A Refused or Failed run is not Crashed, and stays.

    A silent run is tried once more at each count. Prefect acts on a silence before it records that
    it has, so a busy server may do it twice: the run would be ended again after it was put back.
    """
    counts = [str(count) for count in range(RERUNS)]
    crash = {"prefect.resource.id": _RUN, "prefect.run-count": counts}
    each = {"prefect.resource.id", "prefect.run-count"}
    return AutomationCore(
        name=f"{PREFIX}run again what crashed",
        description="On a new task: once for each time that it has started, a silent run twice; "
        f"{RERUNS} or {2 * RERUNS} times a day at most. A run that a guard refused did not crash.",
        tags=[TAG],
        trigger=CompoundTrigger(
            require="any",
            triggers=[
                _each_run(_CRASHED, match=match, for_each=each, threshold=threshold, within=DAY)
                for match, threshold in (
                    (crash, 1),
                    (crash | {"prefect.state-message": _SILENT}, 2),
                )
            ],
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.SCHEDULED,
                name="AwaitingRetry",
                message="Its task crashed: it runs again on a new one.",
            )
        ],
    )


def crash_silent(
    missed: timedelta = HEARTBEATS_MISSED, unstarted: timedelta = UNSTARTED
) -> AutomationCore:
    """Return the automation that ends a silent run as Crashed.

    Its task died unseen; or the worker died before it had a task, and the run would hold its
    deployment's slot for ever. It matches by tag, not by the flow's name: another project in the
    workspace may have a `report`.

    Args:
        missed: How long a run that sent a heartbeat may be silent.
        unstarted: How long one that a worker took may be, until its task has started it.
    """
    silences = (
        ({"prefect.flow-run.heartbeat"}, missed),
        ({f"prefect.flow-run.{name}" for name in _WITH_A_WORKER}, unstarted),
    )
    return AutomationCore(
        name=f"{PREFIX}a silent run has crashed",
        description="When a task dies unseen, or the worker before it had one, its run would show "
        "as Running or Pending for ever.",
        tags=[TAG],
        trigger=CompoundTrigger(
            require="any",
            triggers=[
                EventTrigger(
                    after=after,
                    # Whatever the run does next, down to the names that this project ends it by.
                    expect={_RUN},
                    match={"prefect.resource.id": _RUN},
                    match_related=_OURS,
                    for_each={"prefect.resource.id"},
                    posture=Posture.Proactive,
                    threshold=1,
                    within=within,
                )
                for after, within in silences
            ],
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                message=_SILENT,
            )
        ],
    )


def notifications(webhook: UUID, silence: timedelta = SILENCE) -> tuple[AutomationCore, ...]:
    """Return what sends messages to people.

    Args:
        webhook: The block document that the text is sent through.
        silence: How long the daily run may go without a success.
    """
    failed = {"prefect.resource.id": _RUN, "prefect.state-type": "FAILED"}
    hours = silence / timedelta(hours=1)
    never = (
        '{"text": "BLS Data Quest: pipeline/daily-pipeline has not succeeded '
        f"for {hours:g} hours. Look at its runs, at its schedule, and whether the work "
        'pool has a worker."}'
    )
    return (
        AutomationCore(
            name=f"{PREFIX}tell of a run that needs a person",
            description="It failed or was refused, crashed twice, or was scheduled and cancelled. "
            "With the cause and what to do, as the run's last state says it.",
            tags=[TAG],
            trigger=CompoundTrigger(
                require="any",
                triggers=[
                    _each_run(_RUN, match=failed),
                    # Once may be Spot, and it runs again by itself; twice is worth a look.
                    _each_run(_CRASHED, threshold=2, within=DAY),
                    # By its deployment's limit, because another run has not ended; or by a person.
                    _each_run("prefect.flow-run.Cancelled", _SCHEDULED),
                ],
            ),
            actions=[CallWebhook(block_document_id=webhook, payload=_ABOUT_A_RUN)],
        ),
        AutomationCore(
            name=f"{PREFIX}tell when the daily run does not succeed",
            description="Also when it never starts: a dead schedule or worker is not silent.",
            tags=[TAG],
            trigger=EventTrigger(
                expect={_RUN},
                match={"prefect.resource.id": _RUN, "prefect.state-type": "COMPLETED"},
                match_related=[*_DAILY, _OURS],
                posture=Posture.Proactive,
                threshold=1,
                within=silence,
            ),
            actions=[CallWebhook(block_document_id=webhook, payload=never)],
        ),
    )


def desired_automations(webhook: UUID | None) -> tuple[AutomationCore, ...]:
    """Return all of the project's automations; without a webhook none that notifies."""
    notices = () if webhook is None else notifications(webhook)
    return (rerun_crashed(), crash_silent(), *notices)


def as_thing(automation: AutomationCore) -> Thing:
    """Return an automation in terms that can be compared: no id, no owner, sets in order."""
    fields = automation.model_dump(
        mode="json",
        include={
            *("name", "description", "enabled", "tags", "trigger"),
            *("actions", "actions_on_trigger", "actions_on_resolve"),
        },
    )
    return Thing(AUTOMATION, automation.name, _ordered(fields))


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(inner) for key, inner in value.items()}
    if isinstance(value, list):
        inner = [_ordered(each) for each in value]
        return sorted(inner) if all(isinstance(each, str) for each in inner) else inner
    return value
