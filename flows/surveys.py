"""What a run over surveys did: one row a survey, and one name for the whole."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from blsquest.core.errors import QuestError, Refused
from blsquest.core.text import counted
from blsquest.lake.outcome import PLANNED, Outcome, OutcomeName

BY_WEIGHT: tuple[OutcomeName, ...] = ("Changed", "Restamped", "Repaired", "Unchanged")
"""How runs end well; the first that any part has names the whole."""

UNKNOWN = "Unknown"
"""The outcome of a survey whose run could not be started, or no longer exists."""

CAUSES = 3
"""Errors that a message quotes; the table has all."""


class Incomplete(QuestError):
    """Some or all of the surveys are not up to date; any others are."""

    outcome = "Incomplete"


@dataclass(frozen=True, slots=True)
class SurveyRow:
    """How one survey ended.

    Attributes:
        survey: Its code.
        outcome: Changed, Restamped, Unchanged or Repaired, or `planned` by a dry run; Refused,
            Failed or Stopped; how Prefect calls the end of a run that left no row, such as
            Crashed; or Unknown.
        files: Files that its mirror holds; None where that is not known.
        bytes: What they hold together.
        received: Bytes of bodies that came from BLS.
        seconds: From its start to its end, waiting for the pace included.
        source_requests: Requests at BLS.
        storage_requests: Requests at the lake's storage.
        what: Why it is not up to date, what a dry run would have done, or the run's notes.
        remedy: What to do about that.
    """

    survey: str
    outcome: str
    files: int | None = None
    bytes: int | None = None
    received: int = 0
    seconds: float = 0.0
    source_requests: int = 0
    storage_requests: int = 0
    what: str = ""
    remedy: str = ""

    @property
    def done(self) -> bool:
        """Whether the survey is up to date, or planned for."""
        return self.outcome in {*BY_WEIGHT, PLANNED}


@dataclass(frozen=True, slots=True)
class Surveys:
    """All surveys of one run.

    Attributes:
        rows: One a survey, sorted by it.
        tasks: How many runs of their own they were spread over; 0 for this process alone.
        dry_run: Whether nothing was to be changed.
        unlisted: Surveys that the lake holds and the patterns mean, but BLS no longer lists.
        mixed: Surveys of which the lake holds the other kind, real data or a generated sample.
    """

    rows: tuple[SurveyRow, ...]
    tasks: int = 0
    dry_run: bool = False
    unlisted: tuple[str, ...] = ()
    mixed: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The weightiest good outcome; `planned` for a dry run."""
        if self.dry_run:
            return PLANNED
        names = {row.outcome for row in self.rows}
        return next((n for n in BY_WEIGHT if n in names), "Unchanged")

    @property
    def missing(self) -> tuple[SurveyRow, ...]:
        """The surveys that are not up to date."""
        return tuple(row for row in self.rows if not row.done)

    def sentence(self) -> str:
        """Sum up in one line for people."""
        outcomes = Counter(row.outcome for row in self.rows)
        parts = ", ".join(f"{n} {name}" for name, n in sorted(outcomes.items()))
        over = f" in {counted(self.tasks, 'task')}" if self.tasks else ""
        files = sum(row.files or 0 for row in self.rows)
        size = sum(row.bytes or 0 for row in self.rows)
        held = f"; {files:,} files, {size:,} bytes."
        held = ". Nothing was changed: a dry run." if self.dry_run else held
        return f"{counted(len(self.rows), 'survey')}{over}: {parts}{held} {self.warning()}".strip()

    def warning(self) -> str:
        """Name the surveys that the lake keeps and BLS no longer lists; "" where there are none.

        Whether BLS gave one up or lost it for a day, a person finds out: it is no failure.
        """
        if not self.unlisted:
            return ""
        are, they = ("is", "it is") if len(self.unlisted) == 1 else ("are", "they are")
        return f"{' '.join(self.unlisted)} {are} no longer listed at BLS: kept as {they}."

    def as_dict(self) -> dict[str, Any]:
        """Return the whole JSON-ready, for `--json`."""
        return {
            "outcome": "Incomplete" if self.missing else self.name,
            "tasks": self.tasks,
            "surveys": [asdict(row) for row in self.rows],
            "unlisted": list(self.unlisted),
            "run_again": [row.survey for row in self.missing],
        }


SKIPPED = "Skipped"
"""The outcome of a report that has nothing to answer from."""


@dataclass(frozen=True, slots=True)
class ReportRow:
    """The outcome of the report on one survey; its folder in the lake, or ""; notes or a reason.

    The outcome is Changed or Repaired if one was made, Unchanged if the newest is current; Skipped;
    Refused or Failed.
    """

    survey: str
    outcome: str
    seconds: float = 0.0
    folder: str = ""
    what: str = ""

    def sentence(self) -> str:
        """Return one line for people."""
        where = f" {self.folder}" if self.folder else ""
        what = f": {self.what}" if self.what else "."
        return f"The report on {self.survey}: {self.outcome}{where}{what}"


def row_of(survey: str, outcome: Outcome, seconds: float) -> SurveyRow:
    """Return the row of a survey that is up to date, or that a dry run planned for."""
    return SurveyRow(
        survey=survey,
        outcome=outcome.ended,
        files=outcome.files,
        bytes=outcome.size,
        received=outcome.received,
        seconds=seconds,
        source_requests=sum(outcome.asked.requests.values()),
        storage_requests=sum(outcome.stored.requests.values()),
        what=outcome.sentence() if outcome.plan else " ".join(outcome.notes),
    )


def summed(codes: Iterable[str], rows: Iterable[SurveyRow]) -> tuple[SurveyRow, ...]:
    """Return the last row of each survey, else one that says Unknown; sorted by survey."""
    gone = "Its run is not there any more: somebody deleted it. What it had done is in the lake."
    found = {code: SurveyRow(code, UNKNOWN, what=gone) for code in codes}
    found |= {row.survey: row for row in rows}
    return tuple(found[code] for code in sorted(found))


def incomplete(surveys: Surveys) -> QuestError | None:
    """Return the error and remedy for surveys that are not up to date; None if all are.

    For a run over one survey, the error is of that survey's own kind.
    """
    missing = surveys.missing
    if not missing:
        return None
    if len(surveys.rows) == 1 and missing[0].outcome in {"Refused", "Failed"}:
        return (Refused if missing[0].outcome == "Refused" else QuestError)(
            missing[0].what, missing[0].remedy
        )
    named = ", ".join(f"{row.survey} ({row.outcome})" for row in missing)
    are, these = ("is", "this") if len(missing) == 1 else ("are", "these")
    lack = "not planned for" if surveys.dry_run else "not up to date"
    some = len(missing) < len(surveys.rows) and not surveys.dry_run
    causes = list(dict.fromkeys(row.what for row in missing if row.what))
    more = " …" if len(causes) > CAUSES else ""
    remedies = list(dict.fromkeys(row.remedy for row in missing if row.remedy))[:CAUSES]
    again = " ".join(f"--survey {row.survey}" for row in missing)
    return Incomplete(
        f"{len(missing)} of {len(surveys.rows)} surveys {are} {lack}: {named}. "
        f"{' '.join(causes[:CAUSES])}{more}".strip(),
        f"{'The others are up to date. ' if some else ''}Run the same again for {these} alone: "
        f"{again} (a refused one only after a look at why). {' '.join(remedies)}".rstrip(),
    )
