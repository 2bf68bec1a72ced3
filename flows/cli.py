"""The command line behind the Makefile: `python -m flows.pipeline` and the other flows.

Each parameter of a flow is an option. Exit codes: 0 done (changed or not), 1 failed, 2 usage,
3 refused by a guard, 130 stopped by Ctrl-C, 143 by SIGTERM. The summary goes to stdout, logs to
stderr.
"""

from __future__ import annotations

import inspect
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, get_args

import typer

from blocks.lake import open_lake
from blsquest.core.errors import QuestError
from blsquest.lake.audit import checksums
from blsquest.lake.guards import Allowance
from flows.execute import execute
from flows.options import DEFAULTS, OF_ONE_FLOW, OPTIONS, AsJson, Sample, Sums, Verbose
from flows.results import complaint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from prefect import Flow

_SOURCES = {"source", "bls_source", "population_source"}
"""Parameters of the flows that fetch something, and so may be given the sample instead."""


def command_line(flow: Flow[..., Any]) -> None:
    """Run the command of one flow, with the process's arguments; never returns."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command(name=flow.name)(_command(flow))
    app(prog_name=f"python -m flows.{flow.name}")


def _command(flow: Flow[..., Any]) -> Callable[..., None]:
    """A function with the signature from which typer makes the flow's options."""

    def command(**given: Any) -> None:
        how = {name: given.pop(name) for name in ("json_", "verbose")}
        sample, sums = given.pop("sample", None), given.pop("sums", None)
        _check_allowances(given.get("allow") or [])
        if sums is not None:
            _export_sums(given["lake"], sums)
        execute(flow, given, as_json=how["json_"], verbose=how["verbose"], sample=sample)

    options = _options(flow)
    command.__doc__ = (flow.description or "").partition("\n\n")[0]
    command.__annotations__ = {option.name: option.annotation for option in options}
    command.__signature__ = Signature(options)  # type: ignore[attr-defined]
    return command


def _options(flow: Flow[..., Any]) -> list[Parameter]:
    """The flow's parameters that have an option, and then what is the command line's own."""
    parameters = inspect.signature(flow.fn).parameters
    known = OPTIONS | OF_ONE_FLOW.get(flow.name, {})
    options = [
        _option(name, known[name], DEFAULTS.get(known[name], parameter.default))
        for name, parameter in parameters.items()
        if name in known
    ]
    if flow.name == "audit":
        options.append(_option("sums", Sums, None))
    options += [_option("json_", AsJson, default=False), _option("verbose", Verbose, default=False)]
    if parameters.keys() & _SOURCES:
        options.append(_option("sample", Sample, None))
    return options


def _option(name: str, kind: Any, default: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def _export_sums(lake: str, target: Path) -> None:
    try:
        target.write_text("".join(checksums(open_lake(lake))))
    except (QuestError, OSError) as error:
        told = complaint(error) if isinstance(error, QuestError) else f"Failed: {error}"
        typer.echo(told, err=True)
        raise typer.Exit(getattr(error, "exit_code", 1)) from error
    typer.echo(f"{target} is for `sha256sum -c`, run at the lake's root.")
    raise typer.Exit


def _check_allowances(names: list[str]) -> None:
    known = get_args(Allowance)
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"--allow {name!r} is none of {', '.join(known)}.")
