"""Many surveys as runs of a deployment: one a group, a bounded number at a time, summed up.

Each run gets a share of BLS's pace: its number among those in flight. What it came to is in the
table that it leaves in the dashboard.
"""

from __future__ import annotations

from contextvars import copy_context
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from prefect.logging import get_run_logger

from blsquest.core.errors import Misuse
from blsquest.core.stop import Stopped, Workers, raise_if_stopped, stops_workers
from blsquest.sources.share import LARGEST, Share
from flows.asking import asked
from flows.children import check_deployment, ended, rows_of, started
from flows.fleet import UNKNOWN, Fleet, SurveyRow
from flows.settling import settled
from flows.shares import make_limits
from flows.signals import STOPS
from flows.states import as_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flows.spread import Spread, Task


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


def fan_out(orders: Orders, decide: Callable[[], Spread]) -> Fleet:
    """Run every task, wait for all, and sum up; a run that ends badly stops no other.

    Asked again by the same flow run (after a crash), it goes by what it decided the first time,
    and finds the runs that it started.

    Args:
        orders: How the runs are wanted.
        decide: How the surveys are spread over them; asks BLS and the lake.

    Raises:
        Misuse: There is no such deployment, or the number of tasks is impossible.
        QuestError: What `decide` or `settled` raise; no run was started.
    """
    if not 1 <= orders.tasks <= LARGEST:
        raise Misuse(
            f"{orders.tasks} runs at a time are not possible.", f"Choose from 1 to {LARGEST}."
        )
    with stops_workers():
        check_deployment(orders.deployment)
        spread = settled(decide)
        shares = [Share(n, spread.at_once) for n in range(1, spread.at_once + 1)]
        asked(lambda: make_limits(shares), "for the limits of the shares")
        rows = _all_rows(spread, shares, orders)
    rows.sort(key=lambda row: row.survey)
    dry_run = bool(orders.parameters.get("dry_run"))
    return Fleet(tuple(rows), len(spread.tasks), dry_run, spread.unlisted)


def _all_rows(spread: Spread, shares: list[Share], orders: Orders) -> list[SurveyRow]:
    waiting: SimpleQueue[Task] = SimpleQueue()
    for task in spread.tasks:
        waiting.put(task)

    def take(share: Share) -> list[SurveyRow]:
        rows: list[SurveyRow] = []
        while True:
            raise_if_stopped()
            try:
                task = waiting.get_nowait()
            except Empty:
                return rows
            rows += _rows(task, share, orders)

    try:
        with Workers(len(shares), "fleet") as pool:
            running = [pool.submit(copy_context().run, take, share) for share in shares]
            return [row for done in running for row in done.result()]
    except STOPS as told_to:
        stopped = Stopped(
            "The run was stopped before it was done. The runs that it started, of "
            f"{orders.deployment}, go on by themselves.",
            "Cancel them in the dashboard if they are to stop too. When they are over, run again: "
            "what has arrived is not uploaded again.",
        )
        get_run_logger().warning("%s", stopped)
        raise told_to from stopped


def _rows(task: Task, share: Share, orders: Orders) -> list[SurveyRow]:
    try:
        run = started(task, share, orders.deployment, orders.parameters)
        return rows_of(task, ended(run))
    except Stopped:
        raise
    except Exception as raised:  # noqa: BLE001 - one run's loss hides no other's outcome
        error = as_error(raised)
        get_run_logger().error("What became of %s is not known: %s", " ".join(task.codes), error)
        return [SurveyRow(code, UNKNOWN, what=str(error)) for code in task.codes]
