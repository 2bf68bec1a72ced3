"""The command line behind the Makefile: `python -m flows.pipeline` and the other flows.

Exit codes: 0 done (changed or not), 1 failed, 2 usage, 3 refused by a guard. The summary goes to
stdout, logs to stderr.
"""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer
from prefect.logging.handlers import PrefectConsoleHandler
from prefect.settings import (
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS,
    temporary_settings,
)

from flows.lake.model import Allowance, QuestError
from flows.lake.outcome import Outcome
from flows.preflight import check
from flows.results import Result, worst
from flows.sources.bls import BLS_ROOT
from flows.sources.datausa import POPULATION_URL
from flows.states import told
from flows.summary import Clock, summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect import Flow
    from prefect.client.schemas.objects import State

SAMPLE_CONTACT = "sample@localhost"

Lake = Annotated[
    str,
    typer.Option(
        envvar="LAKE", help="Where to keep it: a path, s3://bucket/prefix, or a Prefect block."
    ),
]
Survey = Annotated[str, typer.Option(help="The survey's folder at BLS.")]
Surveys = Annotated[list[str], typer.Option("--survey", help="A survey's folder; may repeat.")]
BlsUrl = Annotated[
    str, typer.Option(help="The URL that holds the survey folders, or a block (bls-source/bls).")
]
PopulationUrl = Annotated[
    str, typer.Option(help="The whole request, or a block (population-source/datausa).")
]
Contact = Annotated[
    str | None,
    typer.Option(envvar="BLS_CONTACT", help="Your e-mail address, which BLS asks robots for."),
]
Pace = Annotated[
    float | None,
    typer.Option(
        "--downloads-per-second", min=0, help="Pace; 1 by default, 0 for a server of your own."
    ),
]
Recheck = Annotated[bool, typer.Option("--recheck", help="Ask for every file again.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")]
Allow = Annotated[
    list[str] | None,
    typer.Option(help=f"Lift a guard for this run: {', '.join(get_args(Allowance))}; may repeat."),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        "--report-date",
        help="Report on a past state: a date, a time with zone, or a generation.",
    ),
]
Series = Annotated[
    str | None, typer.Option(help="Series to join with the population (pr: PRS30006032).")
]
Period = Annotated[str, typer.Option(help="Period of that series.")]
FirstYear = Annotated[int, typer.Option(help="First year of the population's statistics.")]
LastYear = Annotated[int, typer.Option(help="Last year of them, included.")]
DataFile = Annotated[
    str | None, typer.Option(help="The survey's file to answer from (<survey>.data.0.Current).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show the whole log.")]
Sample = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=2,
        help="Serve release 1 or 2 of the generated sample sources, and use them.",
    ),
]


def command_line(flow: Flow[..., Any]) -> None:
    """Run the command of one flow, with the process's arguments; never returns."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(name=flow.name)(_COMMANDS[flow.name](flow))
    app(prog_name=f"python -m flows.{flow.name}")


def _pipeline(flow: Flow[..., Any]) -> Callable[..., None]:
    def command(
        lake: Lake = "./lake",
        survey: Surveys = ["pr"],  # noqa: B006 - typer copies it
        bls_url: BlsUrl = BLS_ROOT,
        population_url: PopulationUrl = POPULATION_URL,
        contact: Contact = None,
        downloads_per_second: Pace = None,
        recheck: Recheck = False,
        dry_run: DryRun = False,
        allow: Allow = None,
        as_of: AsOf = None,
        series: Series = None,
        period: Period = "Q01",
        first_year: FirstYear = 2013,
        last_year: LastYear = 2018,
        json_: AsJson = False,
        verbose: Verbose = False,
        sample: Sample = None,
    ) -> None:
        """Mirror BLS surveys and the US population, and answer the three questions."""
        parameters = {
            "surveys": survey,
            "lake": lake,
            "bls": bls_url,
            "census": population_url,
            "contact": contact,
            "downloads_per_second": downloads_per_second,
            "recheck": recheck,
            "dry_run": dry_run,
            "allow": _allowances(allow),
            "as_of": as_of,
            "series": series,
            "period": period,
            "first_year": first_year,
            "last_year": last_year,
        }
        _execute(flow, parameters, as_json=json_, verbose=verbose, sample=sample)

    return command


def _mirror(flow: Flow[..., Any]) -> Callable[..., None]:
    def command(
        lake: Lake = "./lake",
        survey: Survey = "pr",
        bls_url: BlsUrl = BLS_ROOT,
        contact: Contact = None,
        downloads_per_second: Pace = None,
        recheck: Recheck = False,
        dry_run: DryRun = False,
        allow: Allow = None,
        json_: AsJson = False,
        verbose: Verbose = False,
        sample: Sample = None,
    ) -> None:
        """Keep an exact, versioned mirror of one BLS survey."""
        parameters = {
            "survey": survey,
            "lake": lake,
            "source": bls_url,
            "contact": contact,
            "downloads_per_second": downloads_per_second,
            "recheck": recheck,
            "dry_run": dry_run,
            "allow": _allowances(allow),
        }
        _execute(flow, parameters, as_json=json_, verbose=verbose, sample=sample)

    return command


def _population(flow: Flow[..., Any]) -> Callable[..., None]:
    def command(
        lake: Lake = "./lake",
        population_url: PopulationUrl = POPULATION_URL,
        contact: Contact = None,
        downloads_per_second: Pace = None,
        first_year: FirstYear = 2013,
        last_year: LastYear = 2018,
        dry_run: DryRun = False,
        json_: AsJson = False,
        verbose: Verbose = False,
        sample: Sample = None,
    ) -> None:
        """Keep the US population by year, as DataUSA publishes it."""
        parameters = {
            "lake": lake,
            "source": population_url,
            "contact": contact,
            "downloads_per_second": downloads_per_second,
            "first_year": first_year,
            "last_year": last_year,
            "dry_run": dry_run,
        }
        _execute(flow, parameters, as_json=json_, verbose=verbose, sample=sample)

    return command


def _report(flow: Flow[..., Any]) -> Callable[..., None]:
    def command(
        lake: Lake = "./lake",
        survey: Survey = "pr",
        as_of: AsOf = None,
        series: Series = None,
        period: Period = "Q01",
        first_year: FirstYear = 2013,
        last_year: LastYear = 2018,
        data_file: DataFile = None,
        json_: AsJson = False,
        verbose: Verbose = False,
    ) -> None:
        """Answer the three questions from one exact state of the lake."""
        parameters = {
            "lake": lake,
            "survey": survey,
            "as_of": as_of,
            "series": series,
            "period": period,
            "first_year": first_year,
            "last_year": last_year,
            "data_file": data_file,
        }
        _execute(flow, parameters, as_json=json_, verbose=verbose, sample=None)

    return command


_COMMANDS = {
    "pipeline": _pipeline,
    "mirror": _mirror,
    "population": _population,
    "report": _report,
}


def _allowances(names: list[str] | None) -> list[str]:
    known = get_args(Allowance)
    for name in names or ():
        if name not in known:
            raise typer.BadParameter(f"--allow {name!r} is none of {', '.join(known)}.")
    return list(names or ())


def _execute(
    flow: Flow[..., Any],
    parameters: dict[str, Any],
    *,
    as_json: bool,
    verbose: bool,
    sample: int | None,
) -> None:
    clock = Clock()
    if not verbose:
        _only_warnings_on_the_console()
    with ExitStack() as stack:
        if sample is not None:
            parameters |= _sample_parameters(stack, parameters, sample)
        try:
            check(parameters)
        except QuestError as error:
            result = Result((), None, (error,))
        else:
            result = _run(flow, parameters)
    if as_json:
        typer.echo(json.dumps(result.as_dict(), indent=2))
    else:
        typer.echo(summary(result, lake=parameters["lake"], clock=clock, sample=sample))
    raise typer.Exit(worst(result.errors).exit_code if result.errors else 0)


def _sample_parameters(
    stack: ExitStack, parameters: dict[str, Any], release: int
) -> dict[str, Any]:
    from flows.sources.sample import SampleServer

    server = stack.enter_context(SampleServer(release=release))
    urls = {"bls": server.bls_url, "census": server.population_url}
    urls["source"] = server.bls_url if "survey" in parameters else server.population_url
    given = {name: url for name, url in urls.items() if name in parameters}
    # A server in this process needs no pacing, and has nobody to write to.
    return {"contact": SAMPLE_CONTACT, "downloads_per_second": 0.0, **given}


def _only_warnings_on_the_console() -> None:
    """The summary says what happened; the whole log stays in the dashboard (and --verbose).

    A filter and not a level: Prefect sets the levels again when its settings change.
    """
    for handler in logging.getLogger().handlers:
        if isinstance(handler, PrefectConsoleHandler):
            handler.addFilter(lambda record: record.levelno >= logging.WARNING)


def _run(flow: Flow[..., Any], parameters: dict[str, Any]) -> Result:
    quick = {
        # A process that a person watches needs no heartbeat, and would wait a second to end it.
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        PREFECT_SERVER_ANALYTICS_ENABLED: False,
        PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: 120,
    }
    typer.echo(f"Running {flow.name} …", err=True)
    with temporary_settings(quick):
        held = told(cast("State[Any]", flow(**parameters, return_state=True)))
    if isinstance(held, Result):
        return held
    if isinstance(held, QuestError):
        return Result((), None, (held,))
    if isinstance(held, Outcome):
        return Result((held,), None, ())
    return Result((), held, ())
