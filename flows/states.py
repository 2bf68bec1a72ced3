"""How a flow ends: a named outcome, or the cause and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows.lake.model import QuestError, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prefect.client.schemas.objects import State


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
    logger = get_run_logger()
    try:
        outcome = work()
    except QuestError as error:
        return failed(error)
    logger.info(outcome.sentence())
    return Completed(name=outcome.name, message=outcome.sentence(), data=outcome)


def failed(error: QuestError) -> State[Any]:
    """The state that an error ends a flow with."""
    logger = get_run_logger()
    name = "Refused" if isinstance(error, Refused) else "Failed"
    logger.error("%s: %s", name, error.what)
    if error.remedy:
        logger.error("What to do: %s", error.remedy)
    return Failed(name=name, message=str(error), data=error)


def worst(errors: Sequence[QuestError]) -> QuestError:
    """The error that a pipeline of several parts ends with: a failure before a refusal."""
    return next((e for e in errors if not isinstance(e, Refused)), errors[0])
