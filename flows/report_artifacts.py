"""What a report leaves in the dashboard: the answers with a chart, the best years, the checks."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.logging import get_run_logger

from blsquest.analytics.report.markdown import escape
from blsquest.core.text import minute, short
from blsquest.lake.as_of import in_words
from blsquest.products.report_folders import ASKED, REPORT
from flows.dashboard import as_text, tell
from flows.links import place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blsquest.lake.stores.base import Store
    from blsquest.products.report import Reported


def leave_report(reported: Reported, store: Store, survey: str, as_of: str | None) -> None:
    """Leave a report that was made; nothing for one that stood already.

    Each artifact's key names the survey, so that its page has the history of all reports: those of
    the newest state and the usual question. What was asked as of a moment, or is another question,
    has pages of its own: the newest there must not pass for today's answer.
    """
    if not reported.markdown:
        return
    logger, said = get_run_logger(), reported.sentence()
    text = f"{_state(reported, store, as_of)}\n\n{reported.markdown}\n{_files(reported, store)}\n"
    page = f"{survey}-as-of" if as_of else survey
    page += "-asked" if reported.folder.startswith(ASKED) else ""
    tables = {
        "best-years": [_best_year(row) for row in reported.report["answers"]["best_year"]["rows"]],
        "checks": [_check(check) for check in reported.report["checks"]],
    }
    tell(
        logger,
        "the answers",
        lambda: create_markdown_artifact(text, key=f"report-{page}", description=said),
    )
    for name, rows in tables.items():
        tell(
            logger,
            f"the table of {name}",
            partial(create_table_artifact, as_text(rows), f"{name}-{page}", said),
        )


def _state(reported: Reported, store: Store, as_of: str | None) -> str:
    """Which lake, and which state of it, the answers are from."""
    inputs = reported.report["inputs"]
    generations = [
        f"generation {i['generation']} of {i['source']}, committed {minute(i['committed'])}"
        for i in (inputs["survey"], inputs["population"])
    ]
    asked = f", as of {escape(in_words(as_of))}" if as_of else ""
    return f"From {escape(store.url)}{asked}: {escape('; '.join(generations))}."


def _files(reported: Reported, store: Store) -> str:
    lines = ["## Files"]
    for name in (*sorted(reported.report["outputs"]), REPORT):
        where, is_link = place(store, f"{reported.folder}{name}")
        lines.append(f"- [{name}]({where})" if is_link else f"- {escape(where)}")
    return "\n".join((lines[0], "", *lines[1:]))


def _best_year(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "series": row["series_id"],
        "best year": row["year"],
        "sum": f"{Decimal(row['value']).normalize():,f}",
        "unit": short(row["unit"] or "not known"),
        "in words": short(row["title"] or ""),
        "answered from": row["basis"],
        "tied years": ", ".join(map(str, row["tied_years"])) if len(row["tied_years"]) > 1 else "",
        "partial": "yes" if row["partial"] else "",
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
