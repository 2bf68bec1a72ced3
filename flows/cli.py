"""The command line behind the Makefile: `python -m flows.pipeline` and the other flows.

Exit codes: 0 done (changed or not), 1 failed, 2 usage, 3 refused by a guard, 130 stopped by Ctrl-C,
143 by SIGTERM. The summary goes to stdout, logs to stderr.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import typer
from prefect import Flow

from blocks.lake import open_lake
from flows.execute import execute
from flows.lake.audit import checksums
from flows.lake.model import Allowance, QuestError
from flows.options import (
    Allow,
    AsJson,
    AsOf,
    BlsUrl,
    Contact,
    DataFile,
    DdofOption,
    Deployment,
    DryRun,
    FirstYear,
    Lake,
    LastYear,
    Pace,
    Pairs,
    Patterns,
    Period,
    PopulationUrl,
    Recheck,
    Revisions,
    Sample,
    Series,
    Share,
    Sums,
    Survey,
    Surveys,
    Tables,
    Tasks,
    Verbose,
)
from flows.results import complaint
from flows.sources.bls import BLS_ROOT
from flows.sources.datausa import POPULATION_URL


def command_line(flow: Flow[..., Any]) -> None:
    """Run the command of one flow, with the process's arguments; never returns."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
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
        data_file: DataFile = None,
        pair: Pairs = None,
        ddof: DdofOption = 1,
        revisions: Revisions = True,
        json_: AsJson = False,
        verbose: Verbose = False,
        sample: Sample = None,
    ) -> None:
        """Mirror BLS surveys and the US population, and answer the three questions."""
        parameters = {
            "surveys": survey,
            "lake": lake,
            "bls_source": bls_url,
            "population_source": population_url,
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
            "data_file": data_file,
            "pairs": pair,
            "ddof": ddof,
            "revisions": revisions,
        }
        execute(flow, parameters, as_json=json_, verbose=verbose, sample=sample)

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
        tables: Tables = True,
        revisions: Revisions = True,
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
            "tables": tables,
            "revisions": revisions,
        }
        execute(flow, parameters, as_json=json_, verbose=verbose, sample=sample)

    return command


def _surveys(flow: Flow[..., Any]) -> Callable[..., None]:
    def command(
        lake: Lake = "./lake",
        survey: Patterns = [],  # noqa: B006 - typer copies it
        bls_url: BlsUrl = BLS_ROOT,
        contact: Contact = None,
        downloads_per_second: Pace = None,
        recheck: Recheck = False,
        dry_run: DryRun = False,
        allow: Allow = None,
        tables: Tables = True,
        revisions: Revisions = False,
        deployment: Deployment = None,
        tasks: Tasks = 4,
        json_: AsJson = False,
        verbose: Verbose = False,
        sample: Sample = None,
    ) -> None:
        """Keep an exact, versioned mirror of many BLS surveys, at one pace."""
        parameters = {
            "patterns": survey,
            "lake": lake,
            "source": bls_url,
            "contact": contact,
            "downloads_per_second": downloads_per_second,
            "recheck": recheck,
            "dry_run": dry_run,
            "allow": _allowances(allow),
            "tables": tables,
            "revisions": revisions,
            "deployment": deployment,
            "tasks": tasks,
        }
        execute(flow, parameters, as_json=json_, verbose=verbose, sample=sample)

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
        execute(flow, parameters, as_json=json_, verbose=verbose, sample=sample)

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
        pair: Pairs = None,
        ddof: DdofOption = 1,
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
            "pairs": pair,
            "ddof": ddof,
        }
        execute(flow, parameters, as_json=json_, verbose=verbose, sample=None)

    return command


def _audit(flow: Flow[..., Any]) -> Callable[..., None]:
    def command(
        lake: Lake = "./lake",
        share: Share = 1.0,
        sums: Sums = None,
        json_: AsJson = False,
        verbose: Verbose = False,
    ) -> None:
        """Check that the lake is what its manifests say; exit 1 when it is damaged."""
        if sums is not None:
            _export_sums(lake, sums)
        parameters = {"lake": lake, "share": share}
        execute(flow, parameters, as_json=json_, verbose=verbose, sample=None)

    return command


def _export_sums(lake: str, target: Path) -> None:
    try:
        target.write_text("".join(checksums(open_lake(lake))))
    except (QuestError, OSError) as error:
        told = complaint(error) if isinstance(error, QuestError) else f"Failed: {error}"
        typer.echo(told, err=True)
        raise typer.Exit(getattr(error, "exit_code", 1)) from error
    typer.echo(f"{target} is for `sha256sum -c`, run at the lake's root.")
    raise typer.Exit


_COMMANDS = {
    "audit": _audit,
    "pipeline": _pipeline,
    "mirror": _mirror,
    "population": _population,
    "report": _report,
    "surveys": _surveys,
}


def _allowances(names: list[str] | None) -> list[str]:
    known = get_args(Allowance)
    for name in names or ():
        if name not in known:
            raise typer.BadParameter(f"--allow {name!r} is none of {', '.join(known)}.")
    return list(names or ())
