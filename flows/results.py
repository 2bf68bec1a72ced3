"""What a whole pipeline came to: its ingests, its report, and what went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blsquest.core.errors import Damaged, Misuse, Mixed, QuestError, Refused
from blsquest.core.stop import Stopped
from blsquest.lake.outcome import PLANNED
from flows.fleet import BY_WEIGHT, Incomplete

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blsquest.lake.audit import Audited
    from blsquest.lake.outcome import Outcome
    from blsquest.products.report import Reported
    from flows.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Result:
    """The parts of one pipeline run.

    Attributes:
        ingests: Outcomes of the surveys, in the order asked for, then of the population.
        report: What the report came to; None where it was not asked for or could not be made.
        errors: What failed or was refused; empty for a run that ended well.
        audited: What an audit found; None for any other flow.
        fleet: What a run over many surveys came to; None for any other flow.
    """

    ingests: tuple[Outcome, ...]
    report: Reported | None
    errors: tuple[QuestError, ...]
    audited: Audited | None = None
    fleet: Fleet | None = None

    @property
    def name(self) -> str:
        """The weightiest outcome among the parts; a fleet's own; `planned` for a dry run."""
        if self.fleet:
            return self.fleet.name
        names = {o.ended for o in self.ingests} | ({self.report.name} if self.report else set())
        if PLANNED in names:
            return PLANNED
        return next((n for n in BY_WEIGHT if n in names), "Unchanged")

    def sentence(self) -> str:
        """All parts in one line."""
        said = [o.sentence() for o in self.ingests]
        said += [self.report.sentence()] if self.report else []
        said += [self.fleet.sentence()] if self.fleet else []
        return " ".join(said) or "Nothing was asked for."

    def rows(self) -> list[dict[str, str]]:
        """A row for each part, and for each error with its remedy."""
        parts: list[tuple[str, str, str]]
        parts = [(o.source, o.ended, o.sentence()) for o in self.ingests]
        parts += [("report", self.report.name, self.report.sentence())] if self.report else []
        parts += [("error", error_name(e), f"{e.what} {e.remedy}") for e in self.errors]
        return [{"part": p, "outcome": name, "what": what} for p, name, what in parts]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, for `--json`."""
        more = {"audit": self.audited, "fleet": self.fleet}
        return {name: part.as_dict() for name, part in more.items() if part} | {
            "outcome": outcome_name(self),
            "ingests": [o.as_dict() for o in self.ingests],
            "report": self.report.as_dict() if self.report else None,
            "errors": [error_dict(e) for e in self.errors],
        }


def outcome_name(result: Result) -> str:
    """The result's name, `Refused` and `Failed` included."""
    if result.errors:
        return error_name(worst(result.errors))
    return result.audited.name if result.audited else result.name


def error_name(error: QuestError) -> str:
    """`Refused` for a guard's word, `Damaged` for an audit's, `Stopped`, else `Failed`.

    `Incomplete` where some of many surveys are up to date.
    """
    named = {
        Refused: "Refused",
        Mixed: "Refused",
        Damaged: "Damaged",
        Stopped: "Stopped",
        Incomplete: "Incomplete",
    }
    return named.get(type(error), "Failed")


def complaint(error: QuestError) -> str:
    """An error as a command without a flow tells it; exit code 2 is `Error`, as for options."""
    return f"{'Error' if isinstance(error, Misuse) else error_name(error)}: {error}"


def error_dict(error: QuestError) -> dict[str, str]:
    """JSON-ready."""
    return {"outcome": error_name(error), "what": error.what, "remedy": error.remedy}


def worst(errors: Sequence[QuestError]) -> QuestError:
    """The error that a run of several parts ends with: a failure before a refusal."""
    return next((e for e in errors if not isinstance(e, Refused)), errors[0])
