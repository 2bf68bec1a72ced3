"""Run one flow for a person at a terminal: check, run, say what happened, return an exit code."""

import json as json_library
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import fields
from types import FrameType
from typing import Any, cast

from httpx import HTTPError
from prefect import Flow
from prefect.client.schemas.objects import State
from prefect.exceptions import TerminationSignal
from prefect.logging.handlers import PrefectConsoleHandler
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    temporary_settings,
)

from blocks.api import ApiError, api_error, check_api_settings
from blocks.lake import REFERENCE, open_lake
from blocks.notice import check_notice
from blocks.publishers import open_bls_root, open_population
from blsquest.core.errors import Misuse, QuestError
from blsquest.core.progress import Step, emit
from blsquest.core.stop import Stopped
from blsquest.core.text import shown as quoted
from blsquest.lake.audit import check_lake
from blsquest.lake.keys import MANIFESTS
from blsquest.products.question import Request, asked_years, is_alone
from blsquest.products.report import check_question
from blsquest.sources.selection import is_code, offered, select
from flows.cli.progress import shown
from flows.cli.server import check_home, temporary_server
from flows.cli.summary import Clock, summary
from flows.fan_out import NOT_HERE
from flows.pipeline import check_question_to, is_past_state
from flows.states import IN_THE_SUMMARY, Result, result_of, worst

SAMPLE_CONTACT = "sample@localhost"

STOPS = (KeyboardInterrupt, TerminationSignal)
"""The exceptions for a signal: Prefect and this module turn a SIGTERM into the latter."""


def exit_code_of(stop: KeyboardInterrupt | TerminationSignal) -> int:
    """Return what a shell has for a process that a signal ended: 128 and the signal's number."""
    return 128 + (signal.SIGINT if isinstance(stop, KeyboardInterrupt) else stop.signal)


def run_flow(
    flow: Flow[..., Any],
    parameters: dict[str, Any],
    *,
    json: bool = False,
    verbose: bool = False,
    sample: int | None = None,
) -> int:
    """Run a flow, print its summary, and return the exit code.

    `json` prints the summary for programs, `verbose` shows the whole log on stderr, and `sample`
    starts the sample server with that release, and uses it.
    """
    clock = Clock()
    if not verbose:
        _only_what_matters_on_the_console()
    try:
        check_api_settings()
        with signals_unwind(), ExitStack() as stack:
            if sample is not None:
                parameters |= sample_parameters(stack, parameters, sample)
            check(flow.name, parameters)
            stack.enter_context(shown(wanted=not (json or verbose)))
            result = _run(flow, parameters, verbose=verbose)
        code = worst(result.errors).exit_code if result.errors else 0
    except QuestError as error:
        result, code = Result(errors=(error,)), error.exit_code
    except STOPS as stop:
        result, code = Result(errors=(_stopped(stop),)), exit_code_of(stop)
    if json:
        print(json_library.dumps(result.as_dict(), indent=2))
    else:
        tables = parameters.get("tables", False)
        print(summary(result, parameters["lake"], clock, tables=tables, sample=sample))
    if any(isinstance(error, ApiError) for error in result.errors):
        # Prefect would try for 7 s to deliver each event that it still has.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def check(flow: str, parameters: dict[str, Any]) -> None:
    """Refuse invalid parameters before a Prefect server is started or a publisher is asked.

    Blocks are left for the flow to load: they are documents of the Prefect API. A bucket is asked
    once, so that missing credentials show; a report's question is checked against the lake.

    Raises:
        Misuse: A reference, a survey, the contact, the years, a pair or the date is impossible.
        StoreError: The bucket does not answer as it should.
    """
    if parameters.get("tasks", 1) != 1:
        raise NOT_HERE
    surveys = _check_surveys(parameters)
    if "first_year" in parameters:
        asked_years(parameters["first_year"], parameters["last_year"])
    as_of, lake = parameters.get("as_of"), parameters["lake"]
    asked = {f.name: parameters[f.name] for f in fields(Request) if f.name in parameters}
    if flow == "pipeline":
        check_question_to(Request(**asked), surveys, as_of)
    if parameters.get("notice"):
        check_notice(parameters["notice"])
    past = is_past_state(as_of)
    _check_sources(flow, parameters)
    if REFERENCE.fullmatch(lake):
        return
    store = open_lake(lake)
    if flow == "audit":
        check_lake(store)
    elif flow == "report" or (past and is_alone(surveys)):
        asked["survey"] = asked.get("survey", surveys[0]).strip().lower()
        check_question(store, Request(**asked), as_of)
    elif lake.startswith("s3://"):
        store.folders(MANIFESTS)


def _check_surveys(parameters: dict[str, Any]) -> list[str]:
    surveys = [survey.strip().lower() for survey in parameters.get("surveys") or ["pr"]]
    for survey in surveys:
        body = survey.removeprefix("-").strip()
        if body != "all" and not {*body} & {*"*?"} and not is_code(body):
            raise Misuse(
                f"{quoted(body)} is not the code of a BLS survey.",
                "A code is two letters or digits, for example pr; c* means all that begin so.",
            )
    return surveys


def _check_sources(flow: str, parameters: dict[str, Any]) -> None:
    contact, source = parameters.get("contact"), parameters.get("source")
    bls = source if flow == "mirror" else parameters.get("bls_source")
    census = source if flow == "population" else parameters.get("population_source")
    if bls and not REFERENCE.fullmatch(bls):
        open_bls_root(bls, contact=contact)
    if census and not REFERENCE.fullmatch(census):
        open_population(census, (), contact=contact)


def _run(flow: Flow[..., Any], parameters: dict[str, Any], *, verbose: bool) -> Result:
    quick = {
        # A process that a person watches needs no heartbeat, and would wait a second to end it.
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        PREFECT_SERVER_ANALYTICS_ENABLED: False,
    }
    own = not PREFECT_API_URL.value()
    if own:
        check_home()
        emit(Step("a temporary Prefect server comes up"))
    with temporary_settings(quick), temporary_server(verbose=verbose) if own else nullcontext():
        try:
            return result_of(cast("State[Any]", flow(**parameters, return_state=True)))
        except (HTTPError, RuntimeError) as error:
            failure = api_error(error)
            if failure is None:
                raise
            raise failure from error


def sample_parameters(stack: ExitStack, parameters: dict[str, Any], release: int) -> dict[str, Any]:
    """Start the sample server until the stack ends, and return the parameters that ask it."""
    from blsquest.sources.sample.server import SampleServer

    server = stack.enter_context(SampleServer(release=release))
    urls = {"bls_source": server.bls_url, "population_source": server.population_url}
    urls["source"] = server.bls_url if "surveys" in parameters else server.population_url
    given = {name: url for name, url in urls.items() if name in parameters}
    patterns = [pattern.strip().lower() for pattern in parameters.get("surveys") or ()]
    select(patterns or ["all"], offered(server.surveys))
    # A server in this process needs no pacing, and has nobody to write to.
    return {"contact": SAMPLE_CONTACT, "downloads_per_second": 0.0, **given}


@contextmanager
def signals_unwind() -> Iterator[None]:
    """Let signals raise an exception in the main thread instead of ending the process.

    Prefect does so for SIGTERM within a flow, then passes the signal to the previous handler.
    A SIGHUP (the terminal was closed) is left alone under `nohup`.
    """

    def unwind(number: int, _frame: FrameType | None) -> None:
        raise TerminationSignal(signal=number)

    handlers = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: unwind}
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        handlers[signal.SIGHUP] = unwind
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stopped(stop: BaseException) -> Stopped:
    """Return the stopped run's own error, or else one that is true of every run."""
    at: BaseException | None = stop
    while at is not None:
        if isinstance(at.__cause__, Stopped):
            return at.__cause__
        # Prefect hands a signal on: another exception, raised while the first was handled.
        at = at.__context__
    return Stopped()


def _only_what_matters_on_the_console() -> None:
    """Leave the whole log to the dashboard and --verbose: the summary says what happened.

    A filter and not a level: Prefect sets the levels again when its settings change.
    """
    for handler in logging.getLogger().handlers:
        if isinstance(handler, PrefectConsoleHandler):
            handler.addFilter(_worth_a_line)


def _worth_a_line(record: logging.LogRecord) -> bool:
    """Keep warnings, errors and retries, but not what the summary says again."""
    text = record.getMessage()
    if " Retry " in text:
        return True
    repeated = (
        text.startswith("Finished in state")
        or "Crash detected! Execution was" in text  # by a signal, which the summary tells
        or IN_THE_SUMMARY.items() <= record.__dict__.items()
        or record.name in {"prefect.task_runs", "EventsWorker", "prefect.EventsWorker"}
    )
    return record.levelno >= logging.WARNING and not (repeated and not record.exc_info)
