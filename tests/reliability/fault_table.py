"""What a row of the table of sick publishers is, and words to write one with.

The rows: `faults_on_the_wire`, `faults_of_listings`, `faults_of_population`; what holds for all of
them: `test_sick_sources`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from tests.support import faults as sick
from tests.support.lakes import PR
from tests.support.stage import CURRENT, LISTING, PAYLOAD, Stage

if TYPE_CHECKING:
    from tests.support.faults import Act

Ending = Literal["Refused", "Failed", "Failed, try again", "Changed", "Unchanged"]
REFUSED: Ending = "Refused"
FAILED: Ending = "Failed"
PASSING: Ending = "Failed, try again"
CHANGED: Ending = "Changed"
UNCHANGED: Ending = "Unchanged"

Sicken = Callable[[Stage], object]


@dataclass(frozen=True)
class Row:
    """One fault.

    Attributes:
        fault: In words: the test's name.
        sicken: What is done to the stage, release 2 being out.
        ends: How the run ends; `Failed, try again` is a failure that calls itself transient.
        says: Patterns of its message (the file and the cause); none where it ends well.
        source: Which publisher.
    """

    fault: str
    sicken: Sicken
    ends: Ending
    says: tuple[str, ...] = ()
    source: str = PR


def on(path: str, *acts: Act, times: int | None = None) -> Sicken:
    """These acts on the replies to these requests."""

    def sicken(stage: Stage) -> None:
        for act in acts:
            stage.strike(act, path, times=times)

    return sicken


listing = partial(on, LISTING)
current = partial(on, CURRENT)
population = partial(on, PAYLOAD)


def hurried(sicken: Sicken, **seconds: float) -> Sicken:
    """The same, met by a client with these short timeouts."""

    def both(stage: Stage) -> None:
        stage.patience = replace(stage.patience, **seconds)
        sicken(stage)

    return both


def asks_to_wait(seconds: object, code: int = 503) -> Act:
    """A status with `Retry-After`."""
    return sick.status(code, headers={"Retry-After": str(seconds)})


def lengthened(extra: bytes) -> Act:
    """A body that goes on, its length announced truthfully."""
    return sick.edit(lambda body: body + extra)
