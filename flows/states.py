"""How a flow ends: one result type, and the state that it becomes."""

import logging
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext, TagsContext
from prefect.exceptions import MissingResult
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from blocks.api import api_error
from blsquest.core.errors import QuestError, Refused, StoreError
from blsquest.core.usage import SOURCES, STORAGE
from blsquest.lake.findings import Audited
from blsquest.lake.outcome import PLANNED, Outcome
from blsquest.products.report import Reported
from flows.surveys import BY_WEIGHT, ReportRow, Surveys


@dataclass(frozen=True, slots=True)
class Result:
    """What a flow did. Every flow returns one.

    Attributes:
        ingests: Outcomes of surveys, in the order asked for, then of the population.
        report: The report on one survey; None where none was asked for or could be made.
        errors: What failed or was refused; empty for a run that ended well.
        surveys: One row a survey, of a run over many.
        reports: A row for each survey's report, of a pipeline.
    """

    ingests: tuple[Outcome, ...] = ()
    report: Reported | None = None
    errors: tuple[QuestError, ...] = ()
    audited: Audited | None = None
    surveys: Surveys | None = None
    reports: tuple[ReportRow, ...] = ()

    @property
    def name(self) -> str:
        """The worst error's name, else the weightiest outcome's; `planned` for a dry run."""
        if self.errors:
            return worst(self.errors).outcome
        if self.audited:
            return self.audited.name
        names = {o.ended for o in self.ingests} | ({self.report.name} if self.report else set())
        names |= {self.surveys.name} if self.surveys else set()
        names |= {row.outcome for row in self.reports}
        return next((n for n in (PLANNED, *BY_WEIGHT) if n in names), "Unchanged")

    def sentence(self) -> str:
        """Sum up all parts in one line."""
        parts = [self.surveys, self.report, self.audited]
        sentences = [] if self.surveys else [outcome.sentence() for outcome in self.ingests]
        sentences += [part.sentence() for part in parts if part]
        if not self.report and len(self.reports) == 1:
            sentences.append(self.reports[0].sentence())
        elif not self.report and self.reports:
            outcomes = sorted(Counter(row.outcome for row in self.reports).items())
            sentences.append(f"Reports: {', '.join(f'{n} {name}' for name, n in outcomes)}.")
        return " ".join(sentences) or "Nothing was asked for."

    def rows(self) -> list[dict[str, str]]:
        """Return a row for each part, and for each error with its remedy."""
        parts = [(o.source, o.ended, o.sentence()) for o in self.ingests]
        if self.report:
            parts.append(("report", self.report.name, self.report.sentence()))
        else:
            parts += [(f"report {r.survey}", r.outcome, r.sentence()) for r in self.reports]
        parts += [("error", e.outcome, str(e)) for e in self.errors]
        return [{"part": p, "outcome": name, "what": what} for p, name, what in parts]

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready, for `--json`."""
        more = {"audit": self.audited, "surveys": self.surveys}
        return {name: part.as_dict() for name, part in more.items() if part} | {
            "outcome": self.name,
            "ingests": [o.as_dict() for o in self.ingests],
            "report": self.report.as_dict() if self.report else None,
            "reports": [asdict(row) for row in self.reports],
            "errors": [
                {"outcome": e.outcome, "what": e.what, "remedy": e.remedy} for e in self.errors
            ],
        }


def worst(errors: Sequence[QuestError]) -> QuestError:
    """Return the error that a run of several parts ends with: a failure before a refusal."""
    return next((e for e in errors if not isinstance(e, Refused)), errors[0])


_results: dict[UUID, Result] = {}
"""The result of each flow run of this process, until `result_of` takes it.

If the API's answer to the last proposed state is lost and the proposal is repeated, Prefect returns
the API's state, without its data.
"""

IN_THE_SUMMARY = {"in_the_summary": True}
"""Marks lines of the log that the command line's summary repeats."""


def conclude(work: Callable[[], Result]) -> State[Any]:
    """Do the work, and return the flow's final state, named by its result.

    An error gives a Failed state of its own name. Its message, and the last lines of the run's log,
    are the cause and the remedy. Any exception but a `QuestError` is a bug and is raised.
    """
    try:
        with TagsContext(current_tags=set()):  # for a tagged task Prefect asks for a slot first
            result = work()
    except QuestError as error:
        result = Result(errors=(error,))
    context = FlowRunContext.get()
    if context is not None and context.flow_run is not None:
        _results[context.flow_run.id] = result
    logger = get_run_logger()
    if not result.errors:
        logger.info(result.sentence())
        return Completed(name=result.name, message=result.sentence(), data=result)
    cause = worst(result.errors)
    logger.error("%s: %s", result.name, cause.what, extra=IN_THE_SUMMARY)
    if cause.remedy:
        logger.error("What to do: %s", cause.remedy, extra=IN_THE_SUMMARY)
    return Failed(name=result.name, message=str(cause), data=result)


def result_of(state: State[Any]) -> Result:
    """Return a flow's result from its final state.

    A bug in a subflow comes back as an error of the result, so that it does not hide what the other
    parts did.
    """
    run = state.state_details.flow_run_id
    kept = _results.pop(run, None) if run else None
    if kept is not None:
        return kept
    try:
        held = state.result(raise_on_failure=False)
    except MissingResult as missing:
        held = missing
    return Result(errors=(as_error(held),)) if isinstance(held, BaseException) else held


def as_error(raised: BaseException) -> QuestError:
    """Return any exception as an error that says what to do."""
    if isinstance(raised, QuestError):
        return raised
    return api_error(raised) or QuestError(
        f"{type(raised).__name__}: {raised}", "This looks like a bug: see the run's log."
    )


def _without_traceback(record: logging.LogRecord) -> bool:
    """Drop the traceback of a `QuestError`, whose message is enough."""
    if record.exc_info and isinstance(record.exc_info[1], QuestError):
        record.exc_info = None
    return True


def _retry_in_words(record: logging.LogRecord) -> bool:
    """Put the reason and delay of a step's retry into words, not a `repr`; count the wait."""
    given = record.args
    if isinstance(given, tuple) and "Retry" in record.msg:
        error = next((each for each in given if isinstance(each, QuestError)), None)
        if error is not None:
            text = record.getMessage().replace(repr(error), error.what)
            meter = STORAGE if isinstance(error, StoreError) else SOURCES
            meter.add(waited=sum(float(found[1]) for found in _SECONDS.finditer(text)))
            record.msg, record.args = _SECONDS.sub(r"\2 s", text), None
    return True


_SECONDS = re.compile(r"((\d+)(?:\.\d+)?) second\(s\)")

for _filter in (_without_traceback, _retry_in_words):
    logging.getLogger("prefect.task_runs").addFilter(_filter)
