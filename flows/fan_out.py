"""Many surveys, spread by size over runs of this run's own deployment, awaited and summed up.

Nothing is saved: at each look, a run reads from Prefect which runs it started, and their states. So
a restarted run (its task was killed, or a person chose Retry) leaves alone the surveys that run or
ended well, and spreads the rest. If a survey runs twice, the lake's log is the lock.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.deployments import run_deployment
from prefect.logging import get_run_logger

from blocks.api import asked
from blocks.lake import open_lake
from blocks.publishers import open_bls_root, pace_of
from blsquest.core.errors import Misuse
from blsquest.core.stop import Stopped, sleep_unless_stopped, stops_workers
from blsquest.products.surveys import Choice, Shard, choose, measure, shards_of
from flows.artifacts import SURVEYS_KEY, read_rows
from flows.run_names import mirror_name
from flows.states import as_error
from flows.surveys import UNKNOWN, SurveyRow, Surveys, summed

MOST_TASKS = 64
"""Runs at a time: with more, each would wait for minutes between two requests."""

NOT_HERE = Misuse(
    "Only the run of a deployment can spread surveys over tasks: it starts others of its kind.",
    "Leave tasks at 1, or: prefect deployment run mirror/mirror-surveys -p tasks=4",
)

POLL = 5.0
"""Seconds between two looks at the runs."""
WAITED = timedelta(minutes=2)
"""A run that waits so long for a worker is worth a warning."""
RESCHEDULED_WITHIN = timedelta(minutes=2)
"""The longest that a run whose task was taken away stays Crashed before the automation starts it
again (measured on ECS's stand-in: 14 s)."""


def fan_out(patterns: Sequence[str], tasks: int, given: Mapping[str, Any]) -> Surveys | None:
    """Run each shard of the surveys as a run of its own, wait for all, and sum up.

    At most `tasks` are under way at a time; each has the other parameters of `mirror`, and its part
    of their pace.

    Returns:
        The summary; None if there is one shard only, and this run's own machine will do for it.

    Raises:
        Misuse: This is no deployment's run, or another one fans out already; or as `choose`.
        QuestError: BLS, the lake or the API did not answer.
    """
    pace = pace_of(given["source"], given["downloads_per_second"]) / tasks
    theirs = {**given, "downloads_per_second": pace, "tasks": 1}
    choice: Choice | None = None
    shards: list[Shard] = []
    lost: list[SurveyRow] = []
    warned: set[UUID] = set()
    with stops_workers():
        own = _own_run()
        while True:
            children, now = _runs(parent_flow_run_id={"any_": [own.id]}), datetime.now(UTC)
            live = [child for child in children if not is_over(child, now)]
            if choice is None and len(live) < tasks:  # BLS is asked in the place of one of them
                source, contact = given["source"], given["contact"]
                root = open_bls_root(source, contact=contact, downloads_per_second=pace)
                store = open_lake(given["lake"])
                choice = choose(root, store, patterns)
                rest = sorted(set(choice.codes) - _left_alone(children, live))
                shards = shards_of(measure(store, root, rest))
                if not children and len(shards) == 1 and not shards[0].machine():
                    return None
            elif shards and len(live) < tasks:
                lost += _start(shards.pop(0), own, theirs)
            elif live or choice is None:
                _warn_of_waits(live, now, warned)
                sleep_unless_stopped(POLL)
            else:
                rows = [*lost, *(row for child in children for row in _rows(child))]
                dry_run = bool(given["dry_run"])
                return Surveys(summed(choice.codes, rows), len(children), dry_run, choice.unlisted)


def is_over(run: FlowRun, now: datetime) -> bool:
    """Say whether a run will not go on; a crashed one may be started again."""
    state = run.state
    if state is None or not state.is_final():
        return False
    return not state.is_crashed() or now - state.timestamp > RESCHEDULED_WITHIN


def _own_run() -> FlowRun:
    """Return this run, if it may fan out."""
    context = FlowRunContext.get()
    own = context.flow_run if context else None
    if own is None or own.deployment_id is None:
        raise NOT_HERE
    beside = _runs(
        deployment_id={"any_": [own.deployment_id]}, state={"type": {"any_": ["RUNNING"]}}
    )
    fanning = [run for run in beside if run.parameters.get("tasks", 1) > 1]
    oldest = min(fanning, key=lambda run: (str(run.start_time), run.id), default=own)
    if oldest.id != own.id:
        raise Misuse(
            f"{oldest.name} spreads surveys over tasks already: both would exceed the pace.",
            "Wait until it is over, or cancel it.",
        )
    return oldest


def _runs(**which: Any) -> list[FlowRun]:
    """Read all such runs, the oldest first."""

    def look() -> list[FlowRun]:
        found: list[FlowRun] = []
        wanted = FlowRunFilter.model_validate(which)
        with get_client(sync_client=True) as client:
            while page := client.read_flow_runs(flow_run_filter=wanted, offset=len(found)):
                found += page
        return sorted(found, key=lambda run: (str(run.created), run.id))

    return asked(look)


def _start(shard: Shard, own: FlowRun, given: Mapping[str, Any]) -> list[SurveyRow]:
    """Start the run of a shard; where that fails, return the rows that say so."""
    codes = list(shard.codes)
    try:
        run = asked(
            lambda: cast(
                "FlowRun",  # what Prefect's function returns in a sync flow
                run_deployment(
                    cast("UUID", own.deployment_id),
                    parameters={**given, "surveys": codes},
                    flow_run_name=mirror_name(codes),
                    job_variables=shard.machine(),
                    idempotency_key=f"{own.id} {own.run_count} {' '.join(codes)}",
                    timeout=0,
                ),
            )
        )
    except Stopped:
        raise
    except Exception as raised:  # noqa: BLE001 - one run's loss hides no other's outcome
        what = f"Its run was not started: {as_error(raised)}"
        get_run_logger().error("%s: %s", " ".join(codes), what)
        return [SurveyRow(code, UNKNOWN, what=what) for code in codes]
    get_run_logger().info("Under way: %s, for %s.", run.name, " ".join(codes))
    return []


def _left_alone(children: Iterable[FlowRun], live: Sequence[FlowRun]) -> set[str]:
    """Return the surveys that run or ended well; none where this run started no other."""
    over = [child for child in children if child not in live]
    done = {row.survey for child in over for row in _rows(child) if row.done}
    return done.union(*(child.parameters["surveys"] for child in live))


def _rows(run: FlowRun) -> list[SurveyRow]:
    """Return the row that a run left for each of its surveys, else one with the run's state."""
    wanted = {"flow_run_id": {"any_": [run.id]}, "key": {"any_": [SURVEYS_KEY]}}

    def look() -> dict[str, SurveyRow]:
        with get_client(sync_client=True) as client:
            found = client.read_artifacts(artifact_filter=ArtifactFilter.model_validate(wanted))
        # A run that was started again left one for each time.
        return read_rows(max(found, key=lambda a: str(a.created)).data) if found else {}

    rows = asked(look)
    why = f"{run.name}: {(run.state and run.state.message) or ''}".strip()
    took = round(run.total_run_time.total_seconds(), 3)
    ended = run.state_name or UNKNOWN
    return [
        rows.get(code, SurveyRow(code, ended, seconds=took, what=why))
        for code in run.parameters["surveys"]
    ]


def _warn_of_waits(live: Iterable[FlowRun], now: datetime, warned: set[UUID]) -> None:
    for run in live:
        state = run.state
        waits = state and (state.is_scheduled() or state.is_pending())
        if state and waits and now - state.timestamp > WAITED and run.id not in warned:
            warned.add(run.id)
            message = "%s is %s, and still waits for a worker of the pool %s: is one running?"
            get_run_logger().warning(message, run.name, run.state_name, run.work_pool_name)
