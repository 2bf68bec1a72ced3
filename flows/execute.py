"""Run one flow for a person at a terminal: check, run, say what happened, exit with a code."""

from __future__ import annotations

import json
import logging
import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NoReturn, cast

import typer
from httpx import HTTPError
from prefect.logging.handlers import PrefectConsoleHandler
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS,
    temporary_settings,
)

from blocks.api import ApiError, api_error
from blsquest.core.errors import QuestError
from blsquest.lake.audit import Audited
from blsquest.lake.outcome import Outcome
from flows.preflight import check
from flows.results import Result, worst
from flows.signals import STOPS, exit_code, sigterm_unwinds, stopped_by
from flows.states import IN_THE_SUMMARY, told
from flows.summary import Clock, Place, summary

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.schemas.objects import State

SAMPLE_CONTACT = "sample@localhost"


def execute(
    flow: Flow[..., Any],
    parameters: dict[str, Any],
    *,
    as_json: bool,
    verbose: bool,
    sample: int | None,
) -> None:
    """Run `flow` and end the process.

    Args:
        flow: One of the project's.
        parameters: The flow's.
        as_json: Print the summary for programs.
        verbose: Show the whole log on stderr.
        sample: Start the sample server with that release, and use it.

    Raises:
        typer.Exit: Always, with the exit code.
    """
    clock = Clock()
    if not verbose:
        _only_what_matters_on_the_console()
        # What a temporary server says as it is stopped looks like a failure after a success.
        os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", "CRITICAL")
    try:
        with sigterm_unwinds(), ExitStack() as stack:
            if sample is not None:
                parameters |= _sample_parameters(stack, parameters, sample)
            check(parameters)
            result = _run(flow, parameters)
        code = worst(result.errors).exit_code if result.errors else 0
    except QuestError as error:
        result, code = Result((), None, (error,)), error.exit_code
    except STOPS as told_to:
        result, code = Result((), None, (stopped_by(told_to),)), exit_code(told_to)
    if as_json:
        typer.echo(json.dumps(result.as_dict(), indent=2))
    else:
        place = Place(parameters["lake"], tables=parameters.get("tables", False))
        typer.echo(summary(result, place, clock=clock, sample=sample))
    if any(isinstance(error, ApiError) for error in result.errors):
        _leave_at_once(code)
    raise typer.Exit(code)


def _sample_parameters(
    stack: ExitStack, parameters: dict[str, Any], release: int
) -> dict[str, Any]:
    from blsquest.sources.sample.server import SampleServer

    server = stack.enter_context(SampleServer(release=release))
    urls = {"bls_source": server.bls_url, "population_source": server.population_url}
    of_bls = not parameters.keys().isdisjoint({"survey", "patterns"})
    urls["source"] = server.bls_url if of_bls else server.population_url
    given = {name: url for name, url in urls.items() if name in parameters}
    # A server in this process needs no pacing, and has nobody to write to.
    return {"contact": SAMPLE_CONTACT, "downloads_per_second": 0.0, **given}


def _only_what_matters_on_the_console() -> None:
    """The summary says what happened; the whole log stays in the dashboard (and --verbose).

    A filter and not a level: Prefect sets the levels again when its settings change.
    """
    for handler in logging.getLogger().handlers:
        if isinstance(handler, PrefectConsoleHandler):
            handler.addFilter(_worth_a_line)


def _worth_a_line(record: logging.LogRecord) -> bool:
    """Warnings, errors and retries, but not what the flow's own last lines say again."""
    text = record.getMessage()
    if " Retry " in text:
        return True
    told_again = (
        text.startswith("Finished in state")
        or IN_THE_SUMMARY.items() <= record.__dict__.items()
        or record.name in {"prefect.task_runs", "EventsWorker", "prefect.EventsWorker"}
    )
    return record.levelno >= logging.WARNING and not (told_again and not record.exc_info)


def _leave_at_once(code: int) -> NoReturn:
    """End without waiting for Prefect, which tries for 7 s to deliver each event it still has."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run(flow: Flow[..., Any], parameters: dict[str, Any]) -> Result:
    quick = {
        # A process that a person watches needs no heartbeat, and would wait a second to end it.
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        PREFECT_SERVER_ANALYTICS_ENABLED: False,
        PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: 120,
    }
    server = "" if PREFECT_API_URL.value() else ", with a temporary Prefect server"
    typer.echo(f"Running {flow.name}{server} …", err=True)
    with temporary_settings(quick):
        try:
            held = told(cast("State[Any]", flow(**parameters, return_state=True)))
        except (HTTPError, RuntimeError) as error:
            failure = api_error(error)
            if failure is None:
                raise
            raise failure from error
    if isinstance(held, Result):
        return held
    if isinstance(held, QuestError):
        return Result((), None, (held,))
    if isinstance(held, Outcome):
        return Result((held,), None, ())
    if isinstance(held, Audited):
        return Result((), None, (), held)
    return Result((), held, ())
