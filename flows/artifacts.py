"""What runs leave in the dashboard. Nothing here decides how a run ends, or can fail it."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from threading import Lock
from time import monotonic
from typing import Any, TypeVar
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.exceptions import MissingContextError
from prefect.logging import get_logger, get_run_logger

from blsquest.analytics import By
from blsquest.analytics.report.best_years import average
from blsquest.analytics.report.markdown import escape
from blsquest.analytics.report.sections import verdict
from blsquest.core.text import minute, number, published, short
from blsquest.lake.as_of import in_words
from blsquest.lake.findings import Audited
from blsquest.lake.keys import QUESTIONS
from blsquest.lake.outcome import Outcome
from blsquest.lake.stores.base import Store
from blsquest.lake.stores.s3 import S3Store
from blsquest.products.report import Reported
from blsquest.products.report_folders import REPORT
from flows.states import Result
from flows.surveys import SurveyRow, Surveys

T = TypeVar("T")

SURVEYS_KEY = "surveys"
"""The key of a run's table of surveys, which is also for the run that started it."""

PROGRESS_EVERY = 5.0
"""Seconds between updates of a transfer's progress: each is a request to the Prefect API."""

_MARKUP = re.compile(r"([\\\[<&])")
"""What begins a link, a picture, HTML or an entity in markdown."""
_ESCAPED = re.compile(r"\\([\\\[<&])")
_ADDRESS = re.compile(r"(https?:|www)(?=//|\.)", re.IGNORECASE)
"""Addresses that markdown links in spite of any escape: a word joiner in them prevents that."""


def leave(what: str, send: Callable[[], T]) -> T | None:
    """Send something to the dashboard; where that fails, say so in the log and go on.

    Prefect's client tries for about a minute before it gives up (PREFECT_CLIENT_MAX_RETRIES).
    """
    try:
        return send()
    except Exception as error:  # noqa: BLE001 - the work is done: what is only shown may not fail it
        try:
            logger = get_run_logger()
        except MissingContextError:  # a transfer's own thread, where Prefect knows of no run
            logger = get_logger("flow_runs")
        logger.warning(
            "The dashboard lacks %s: the Prefect API did not accept it (%s). The run goes on.",
            what,
            type(error).__name__,
        )
        return None


def _table(what: str, key: str, rows: list[dict[str, Any]], description: str) -> None:
    leave(what, lambda: create_table_artifact(rows, key=key, description=description))


def leave_text(what: str, key: str, text: str, description: str) -> None:
    """Leave a markdown text; `what` it is, for the log."""
    leave(what, lambda: create_markdown_artifact(text, key=key, description=description))


def leave_changes(outcome: Outcome, store: Store) -> None:
    """Leave the table of what a run changed, or one row that says that nothing did."""
    nothing = {"source": outcome.source, "outcome": outcome.name, "files": outcome.files}
    nothing |= {"bytes": outcome.size, "generation": outcome.generation}
    rows = [_change(row, store) for row in outcome.rows()] or [nothing]
    _table("the table of changes", f"changes-{key_of(outcome.source)}", rows, outcome.sentence())


def leave_surveys(surveys: Surveys) -> None:
    """Leave one row for each survey of a run."""
    rows = as_text(map(asdict, surveys.rows))
    _table("the table of surveys", SURVEYS_KEY, rows, surveys.sentence())


def read_rows(table: object) -> dict[str, SurveyRow]:
    """Read the rows of the table that another run left, by survey; none where it is no such table.

    Columns that are not known are ignored.
    """
    names = {field.name for field in fields(SurveyRow)}
    try:
        rows = from_text(json.loads(str(table)))
        found = [SurveyRow(**{k: v for k, v in row.items() if k in names}) for row in rows]
    except (TypeError, ValueError, AttributeError):
        return {}
    return {row.survey: row for row in found}


def leave_parts(result: Result, survey: str, as_of: str | None) -> None:
    """Leave the outcome of each part, and the answers, on a pipeline's own page.

    A new report on the one survey that was asked for has its answers in full; each survey's newest
    are linked.
    """
    parts = []
    for row in result.rows():
        kind = f"**{escape(row['outcome'])}**: " if row["part"] == "error" else ""
        parts.append(f"- {kind}{escape(row['what'])}")
    kinds = [("Answers", "report"), ("best years", "best-years"), ("checks", "checks")]
    # From one artifact's page to another's: so it is the same in both dashboards, and in the Cloud.
    links = [
        f"[{what} of {row.survey}](../key/{key}-{_reported(row.survey, row.folder, as_of)})"
        for row in result.reports
        if row.folder
        for what, key in (kinds if len(result.reports) == 1 else kinds[:1])
    ]
    answers = result.report.markdown if result.report else ""
    text = "\n".join(["## What was done", "", *parts, "", " · ".join(links), "", answers])
    description = "What was done, and the answers."
    leave_text("what the run did", f"pipeline-{survey}", text, description)


def leave_findings(audited: Audited) -> None:
    """Leave the findings of an audit."""
    rows = audited.rows() or [{"severity": "none", "what": "nothing found"}]
    _table("the table of findings", "audit", as_text(rows), audited.sentence())


def leave_report(reported: Reported, store: Store, survey: str, as_of: str | None) -> None:
    """Leave a new report's answers, best years and checks; nothing for one that was there already.

    Each artifact's key names the survey, so its page has the history of all its reports on the
    newest state and the usual question. A report as of a moment, or on another question, has its
    own pages, so that it does not pass for today's answer.
    """
    if not reported.markdown:
        return
    summary = reported.sentence()
    text = f"{_state(reported, store, as_of)}\n\n{reported.markdown}\n{_files(reported, store)}\n"
    page = _reported(survey, reported.folder, as_of)
    found = reported.report["answers"]["best_year"]
    best = [_best_year(row, found["by"]) for row in found["rows"]]
    checks = [_check(check) for check in reported.report["checks"]]
    leave_text("the answers", f"report-{page}", text, f"The answers. {summary}")
    _table("the table of best years", f"best-years-{page}", as_text(best), f"By series. {summary}")
    counted = f"{verdict(reported.report['checks'])}. {summary}"
    _table("the table of checks", f"checks-{page}", as_text(checks), counted)


def _reported(survey: str, folder: str, as_of: str | None) -> str:
    """Return what the keys of a report's pages end with."""
    page = f"{survey}-as-of" if as_of else survey
    return page + ("-asked" if folder.startswith(QUESTIONS) else "")


class Progress:
    """A transfer's progress as one artifact; call it, from any thread, with bytes that arrived."""

    def __init__(self, source: str, total: int) -> None:
        self._total = total
        self._seen = 0
        self._sent = monotonic()
        self._lock = Lock()
        announced = f": {total:,} bytes announced" if total else ""
        # Prefect's functions serve both worlds by their types; called in a sync flow they return.
        self._artifact: UUID | None = leave(  # type: ignore[assignment]
            "the transfer's progress",
            lambda: create_progress_artifact(
                0.0,
                key=f"transfer-{key_of(source)}",
                description=f"Transfer from {source}{announced}",
            ),
        )

    def __call__(self, received: int) -> None:
        """Count bytes; update the artifact when it was not updated for a while."""
        with self._lock:
            self._seen += received
            if monotonic() - self._sent < PROGRESS_EVERY:
                return
            self._sent = monotonic()
            percent = min(99.0, 100 * self._seen / self._total) if self._total else 0.0
        self._update(percent)

    def done(self) -> None:
        """Say that the transfer ended."""
        self._update(100.0)

    def _update(self, percent: float) -> None:
        # While one thread waits for the API, which may be away, the others have nothing to send.
        artifact, self._artifact = self._artifact, None
        if artifact is not None:
            self._artifact = leave(  # type: ignore[assignment]
                "the transfer's progress", lambda: update_progress_artifact(artifact, percent)
            )


def as_text(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows whose cells are shown as they are: no link, no picture, no HTML.

    One of Prefect's two dashboards reads a cell as markdown, and names come from publishers. The
    other one shows the backslashes; a usual name needs none.
    """
    joined = "\\1\N{WORD JOINER}"
    return _changed(rows, lambda text: _MARKUP.sub(r"\\\1", _ADDRESS.sub(joined, text)))


def from_text(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows that `as_text` was given."""
    return _changed(rows, lambda text: _ESCAPED.sub(r"\1", text.replace("\N{WORD JOINER}", "")))


def _changed(rows: Iterable[dict[str, Any]], change: Callable[[str], str]) -> list[dict[str, Any]]:
    return [
        {name: change(cell) if isinstance(cell, str) else cell for name, cell in row.items()}
        for row in rows
    ]


def key_of(source: str) -> str:
    """Return what the keys of a source's pages end with."""
    return source.replace("/", "-")


def place(store: Store, key: str) -> tuple[str, bool]:
    """Return an object's place, and whether it is a link: AWS's console for a bucket there.

    A link is percent-encoded: it needs no escaping, and escaping would break it.
    """
    page = store.console_url(key) if isinstance(store, S3Store) else None
    return (f"{store.url}/{key}", False) if page is None else (page, True)


def _change(row: dict[str, Any], store: Store) -> dict[str, Any]:
    where, is_link = place(store, row["vintage"])
    names = ("bytes before", "bytes now")
    sizes = {name: f"{row[name]:,}" for name in names if row[name] is not None}
    (shown,) = as_text([row | sizes | {"vintage": where}])
    return shown | {"vintage": where} if is_link else shown


def _state(reported: Reported, store: Store, as_of: str | None) -> str:
    """Which lake, and which state of it, the answers are from."""
    inputs = reported.report["inputs"]
    generations = [
        f"generation {i['generation']} of {i['source']}, committed {minute(i['committed'])}"
        for i in filter(None, map(inputs.get, ("survey", "population")))
    ]
    asked = f", as of {escape(in_words(as_of))}" if as_of else ""
    return f"From {escape(store.url)}{asked}: {escape('; '.join(generations))}."


def _files(reported: Reported, store: Store) -> str:
    lines = ["## Files", ""]
    for name in (*sorted(reported.report["outputs"]), REPORT):
        where, is_link = place(store, f"{reported.folder}{name}")
        lines.append(f"- [{name}]({where})" if is_link else f"- {escape(where)}")
    return "\n".join(lines)


def _best_year(row: Mapping[str, Any], by: By) -> dict[str, Any]:
    tied = ", ".join(map(str, row["tied_years"])) if len(row["tied_years"]) > 1 else ""
    # The sum is a quantity only where quarters were asked to be summed.
    figure = published(row["value"], row["decimals"]) if by == "sum" else average(row)
    return {
        "series": row["series_id"],
        "best year": row["year"],
        "sum" if by == "sum" else "average": number(figure),
        "unit": short(row["unit"] or "not known"),
        "answered from": row["basis"],
        "tied years": tied,
        "partial": "yes" if row["partial"] else "",
        "in words": short(row["title"] or ""),
    }


def _check(check: Mapping[str, Any]) -> dict[str, Any]:
    results = {True: "passed", False: "failed", None: "skipped"}
    return {
        "check": check["name"],
        "result": results[check["passed"]],
        "kind": "required" if check["required"] else "advisory",
        "of": check["subject"],
        "seen": check["detail"],
    }
