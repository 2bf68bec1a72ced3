"""How a flow ends: a named outcome, or the cause and the remedy."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Protocol

from prefect.context import FlowRunContext
from prefect.exceptions import MissingResult
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from blocks.api import api_error
from blsquest.core.errors import QuestError
from blsquest.lake.outcome import Outcome
from flows.part_tags import tasks_untagged
from flows.results import error_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from prefect.client.schemas.objects import State


def _without_traceback(record: logging.LogRecord) -> bool:
    """Keep the message of an error that says all there is to say, and leave out its traceback."""
    if record.exc_info and isinstance(record.exc_info[1], QuestError):
        record.exc_info = None
    return True


def _retry_in_words(record: logging.LogRecord) -> bool:
    """Say why a step is tried again, and when, in words instead of Python's."""
    given = record.args
    if isinstance(given, tuple) and "Retry" in record.msg:
        error = next((each for each in given if isinstance(each, QuestError)), None)
        if error is not None:
            text = record.getMessage().replace(repr(error), error.what)
            record.msg, record.args = _SECONDS.sub(r"\1 s", text), None
    return True


_SECONDS = re.compile(r"(\d+)(\.\d+)? second\(s\)")

for _filter in (_without_traceback, _retry_in_words):
    logging.getLogger("prefect.task_runs").addFilter(_filter)


IN_THE_SUMMARY = {"in_the_summary": True}
"""Marks lines of the log that the command line's summary says again."""

_held: dict[UUID, object] = {}
"""What each flow run of this process came to, until someone asks (`told`).

Prefect hands back the state that the API has, without its data, whenever the API's answer to the
last proposal was lost and the proposal had to be made again.
"""


class Named(Protocol):
    """What every outcome can say of itself."""

    @property
    def name(self) -> str:
        """Changed, Restamped, Unchanged or Repaired."""

    def sentence(self) -> str:
        """One line for people."""


def conclude(work: Callable[[], Named]) -> State[Any]:
    """Do the work and end the flow by the outcome's name.

    `Refused` and `Failed` are Failed states whose message holds the cause and the remedy, which
    are also the last lines of the run's log. Anything but a `QuestError` is a bug and is raised.
    """
    try:
        with tasks_untagged():
            outcome = work()
    except QuestError as error:
        return failed(error, data=error)
    return completed(outcome)


def completed(outcome: Named) -> State[Any]:
    """A Completed state under the outcome's name, or `planned` for a dry run."""
    get_run_logger().info(outcome.sentence())
    _hold(outcome)
    name = outcome.ended if isinstance(outcome, Outcome) else outcome.name
    return Completed(name=name, message=outcome.sentence(), data=outcome)


def failed(error: QuestError, *, data: object) -> State[Any]:
    """A Failed state named Refused or Failed, which says what to do."""
    logger = get_run_logger()
    logger.error("%s: %s", error_name(error), error.what, extra=IN_THE_SUMMARY)
    if error.remedy:
        logger.error("What to do: %s", error.remedy, extra=IN_THE_SUMMARY)
    _hold(data)
    return Failed(name=error_name(error), message=str(error), data=data)


def _hold(data: object) -> None:
    context = FlowRunContext.get()
    if context is not None and context.flow_run is not None:
        _held[context.flow_run.id] = data


def told(state: State[Any]) -> Any:
    """What a subflow's state holds: its outcome, or the error it ended with.

    A bug in the subflow comes back as a `QuestError` too, so that one part's bug does not hide
    what the other parts did.
    """
    run = state.state_details.flow_run_id
    kept = _held.pop(run, None) if run else None
    try:
        held = state.result(raise_on_failure=False) if kept is None else kept
    except MissingResult as missing:
        held = missing
    return as_error(held) if isinstance(held, BaseException) else held


def as_error(raised: BaseException) -> QuestError:
    """What one part of a run ended with, as an error that says what to do."""
    if isinstance(raised, QuestError):
        return raised
    return api_error(raised) or QuestError(
        f"{type(raised).__name__}: {raised}", "This looks like a bug: see the run's log."
    )
