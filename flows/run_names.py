"""Names of flow runs in the dashboard: what was run, and for which day (UTC)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prefect.runtime import flow_run

from blsquest.lake.as_of import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMED = 6


def _day() -> str:
    due = flow_run.scheduled_start_time
    return f"{due.astimezone(UTC) if due else datetime.now(UTC):%Y-%m-%d}"


def survey_and_day() -> str:
    """`mirror pr 2026-11-22`."""
    return f"mirror {flow_run.parameters.get('survey', 'survey')} {_day()}"


def surveys_and_day() -> str:
    """`pipeline pr cu 2026-11-22`; none given means pr, as in the flow."""
    return f"pipeline {' '.join(flow_run.parameters.get('surveys') or ('pr',))} {_day()}"


def patterns_and_day() -> str:
    """`surveys c* -cx 2026-11-22`; of many patterns the first."""
    return surveys_name(flow_run.parameters.get("patterns") or ())


def surveys_name(patterns: Sequence[str]) -> str:
    """What a run over these patterns is called on this run's day."""
    more = f" and {len(patterns) - _NAMED} more" if len(patterns) > _NAMED else ""
    return f"{' '.join(('surveys', *patterns[:_NAMED]))}{more} {_day()}"


def population_and_day() -> str:
    """`population 2026-11-22`."""
    return f"population {_day()}"


def report_and_day() -> str:
    """`report pr 2026-11-22`, the day being the one reported on, or `report pr generation 1`."""
    parameters = flow_run.parameters
    return f"report {parameters.get('survey', '')} {in_words(parameters.get('as_of') or _day())}"


def audit_and_day() -> str:
    """`audit 2026-11-22`."""
    return f"audit {_day()}"


def run_id() -> str:
    """The flow run's id, which the manifest records."""
    return str(flow_run.id)
