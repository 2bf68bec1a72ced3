"""Names of flow runs in the dashboard: what was run, and for which day (UTC)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prefect.runtime import flow_run

from blsquest.lake.as_of import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMED = 6


def pipeline_run() -> str:
    """Return `pipeline pr cu 2026-11-22`; none given means pr, as in the flow."""
    return _of_surveys("pipeline", flow_run.parameters.get("surveys") or ("pr",))


def mirror_run() -> str:
    """Return `mirror c* -cx 2026-11-22`; of many patterns the first. None given means pr."""
    return mirror_name(flow_run.parameters.get("surveys") or ("pr",))


def mirror_name(patterns: Sequence[str]) -> str:
    """Name a mirror run over these patterns, on this run's day."""
    return _of_surveys("mirror", patterns)


def population_run() -> str:
    """Return `population 2026-11-22`."""
    return f"population {_day()}"


def report_run() -> str:
    """Return `report pr 2026-11-22`, after the reported day, or `report pr generation 1`."""
    parameters = flow_run.parameters
    return f"report {parameters.get('survey', '')} {in_words(parameters.get('as_of') or _day())}"


def audit_run() -> str:
    """Return `audit 2026-11-22`."""
    return f"audit {_day()}"


def _of_surveys(flow: str, patterns: Sequence[str]) -> str:
    more = f" and {len(patterns) - _NAMED} more" if len(patterns) > _NAMED else ""
    return f"{' '.join((flow, *patterns[:_NAMED]))}{more} {_day()}"


def _day() -> str:
    due = flow_run.scheduled_start_time
    return f"{due.astimezone(UTC) if due else datetime.now(UTC):%Y-%m-%d}"
