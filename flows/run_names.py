"""Names in the dashboard: of runs (what was run, and for which day in UTC), and of their fields."""

import inspect
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from prefect import Flow
from prefect.runtime import flow_run
from prefect.utilities.callables import parameter_schema
from pydantic import Field

from blsquest.lake.as_of import in_words

F = TypeVar("F", bound=Flow[..., Any])

TITLES = {
    "surveys": "Surveys",
    "survey": "Survey",
    "as_of": "As of (a date, a time or a generation)",
    "dry_run": "Dry run (show the plan only)",
    "tasks": "Tasks (runs at a time)",
    "share": "Share to re-hash (0 to 1)",
    "repair": "Repair",
    "recheck": "Fetch: recheck every file",
    "allow": "Fetch: allow (safety checks to skip)",
    "contact": "Fetch: contact (e-mail address)",
    "downloads_per_second": "Fetch: downloads per second",
    "series": "Report: series to show with the population",
    "period": "Report: period of that series",
    "pairs": "Report: more series to show with the population",
    "data_file": "Report: data file",
    "first_year": "Population: first year",
    "last_year": "Population: last year",
    "ddof": "Population: standard deviation of a sample (1) or a population (0)",
    "tables": "Afterwards: keep Parquet tables",
    "revisions": "Afterwards: say what was revised",
    "notice": "Afterwards: notify people of a release (block)",
    "lake": "Place: lake",
    "source": "Place: source",
    "bls_source": "Place: BLS source",
    "population_source": "Place: population source",
}
"""The titles of a form's fields, in the form's order.

The fields that people fill in come first. The others are in groups, each named by a prefix of its
titles: Prefect's own groups are objects, which would rename the parameters of existing deployments.
"""

_NAMED = 6


def titled(flow: F) -> F:
    """Title the fields of a flow's form in words, and put them in the order of `TITLES`.

    Prefect titles a field by its parameter's name, and ignores any other title in the annotation.
    It does read a `Field` as the default (`json_schema_extra`), and an object's `__signature__`.
    Calls of the flow use its function, whose defaults do not change.
    """
    signature = inspect.signature(flow.fn, eval_str=True)
    names = [name for name in TITLES if name in signature.parameters]
    fields = [
        signature.parameters[name].replace(
            default=Field(
                signature.parameters[name].default,
                json_schema_extra={"title": TITLES[name], "position": position},
            )
        )
        for position, name in enumerate(names)
    ]
    vars(flow)["__signature__"] = signature.replace(parameters=fields)
    flow.parameters = parameter_schema(flow)
    return flow


def pipeline_run() -> str:
    """Return `Mirror and report pr cu, 2026-11-22`; none given means pr, as in the flow."""
    return _of_surveys("Mirror and report", flow_run.parameters.get("surveys") or ("pr",))


def mirror_run() -> str:
    """Return `Mirror c* -cx, 2026-11-22`; of many patterns the first. None given means pr."""
    return mirror_name(flow_run.parameters.get("surveys") or ("pr",))


def mirror_name(patterns: Sequence[str]) -> str:
    """Name a mirror run over these patterns, on this run's day."""
    return _of_surveys("Mirror", patterns)


def population_run() -> str:
    """Return `US population, 2026-11-22`."""
    return f"US population, {_day()}"


def report_run() -> str:
    """Return `Report on pr, 2026-11-22`, the reported day, or `Report on pr, generation 1`."""
    parameters = flow_run.parameters
    state = in_words(parameters.get("as_of") or _day())
    return f"Report on {parameters.get('survey') or 'pr'}, {state}"


def audit_run() -> str:
    """Return `Audit, 2026-11-22`."""
    return f"Audit, {_day()}"


def _of_surveys(does: str, patterns: Sequence[str]) -> str:
    more = f" and {len(patterns) - _NAMED} more" if len(patterns) > _NAMED else ""
    return f"{does} {' '.join(patterns[:_NAMED])}{more}, {_day()}"


def _day() -> str:
    due = flow_run.scheduled_start_time
    return f"{due.astimezone(UTC) if due else datetime.now(UTC):%Y-%m-%d}"
