"""Names in the dashboard: of runs (what was run, and for which day in UTC), and of their fields."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from prefect import Flow
from prefect.runtime import flow_run
from prefect.utilities.callables import parameter_schema
from pydantic import Field

from blsquest.lake.as_of import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

F = TypeVar("F", bound=Flow[..., Any])

COMMON = ("surveys", "survey", "as_of", "dry_run", "recheck", "allow", "tasks", "share", "repair")
"""The fields that people fill in: a form begins with those that its flow has, in this order."""
TITLES = {
    "allow": "Allow (safety checks to skip)",
    "as_of": "As of (a date, a time or a generation)",
    "bls_source": "BLS source",
    "contact": "Contact (e-mail address)",
    "ddof": "Standard deviation of a sample (1) or a population (0)",
    "dry_run": "Dry run (show the plan only)",
    "notice": "Tell people of a release by (a block)",
    "pairs": "More series to show with the population",
    "period": "Period of the series",
    "recheck": "Recheck every file",
    "revisions": "Say what was revised",
    "series": "Series to show with the population",
    "share": "Share to re-hash (0 to 1)",
    "tables": "Keep Parquet tables",
    "tasks": "Tasks (runs at a time)",
}
"""What fields are called whose parameter's name would not say it."""

_NAMED = 6


def titled(flow: F) -> F:
    """Title the fields of a flow's form in words, and put the common ones first.

    Prefect titles a field by its parameter's name, and takes no other title from the annotation.
    What it does take is a field as the default (`json_schema_extra`), and the signature that an
    object says it has. The flow's own calls go by its function, whose defaults stay as they are.
    """
    signature = inspect.signature(flow.fn, eval_str=True)
    names = [name for name in COMMON if name in signature.parameters]
    names += [name for name in signature.parameters if name not in names]
    fields = [
        signature.parameters[name].replace(
            default=Field(
                signature.parameters[name].default,
                json_schema_extra={"title": title_of(name), "position": position},
            )
        )
        for position, name in enumerate(names)
    ]
    vars(flow)["__signature__"] = signature.replace(parameters=fields)
    flow.parameters = parameter_schema(flow)
    return flow


def title_of(parameter: str) -> str:
    """Return what the field of a parameter is called."""
    return TITLES.get(parameter, parameter.replace("_", " ").capitalize())


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
