"""The five flows as commands: options, types, choices and help come from the flows themselves."""

from __future__ import annotations

import inspect
from inspect import Parameter as Argument
from inspect import Signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from blocks.lake import open_lake
from blsquest.core.errors import QuestError
from blsquest.lake.audit import checksums
from blsquest.sources.bls import BLS_ROOT
from blsquest.sources.datausa import POPULATION_URL
from flows.audit import audit as audit_flow
from flows.cli.lake_commands import complain, unwrapped
from flows.cli.run import run_flow
from flows.mirror import mirror as mirror_flow
from flows.pipeline import pipeline as pipeline_flow
from flows.population import population as population_flow
from flows.report import report as report_flow

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect import Flow

_BLS = (Parameter(name="--bls-url"), BLS_ROOT)
_POPULATION = (Parameter(name="--population-url"), POPULATION_URL)

DIFFERENT: dict[str, tuple[Parameter, Any]] = {
    "lake": (Parameter(env_var="LAKE"), "./lake"),
    "surveys": (Parameter(name="--survey", allow_leading_hyphen=True), None),
    "bls_source": _BLS,
    "population_source": _POPULATION,
    "contact": (Parameter(env_var="BLS_CONTACT"), None),
    "as_of": (Parameter(name=("--as-of", "--report-date")), None),
    "pairs": (Parameter(name="--pair"), None),
    "tables": (Parameter(negative_bool="no-"), True),
    "revisions": (Parameter(negative_bool="no-"), True),
}
"""Where an option's name or default is not its parameter's: blocks need registering first."""

ABOUT_RUNS = {
    "json": (bool, False, "Print the summary as JSON."),
    "verbose": (Annotated[bool, Parameter(alias="-v")], False, "Show the whole log."),
}
SAMPLE = (
    Literal[1, 2] | None,
    None,
    "Serve this release of the generated sample sources, and use them.",
)
SUMS = (
    Path | None,
    None,
    "Write SHA256SUMS to this file, for `sha256sum -c` at the lake's root, and audit nothing.",
)


def _command(
    flow: Flow[..., Any], source: tuple[Parameter, Any] | None = None, **more: tuple[Any, Any, str]
) -> Callable[..., int]:
    """Return a function with a flow's parameters as options, which runs it for an exit code.

    Args:
        flow: One of the project's.
        source: The option's name and default for its parameter `source`, if it has one.
        more: Options that are no parameters: type, default and help.
    """
    known = DIFFERENT | ({"source": source} if source else {})
    arguments = []
    for name, argument in inspect.signature(flow.fn, eval_str=True).parameters.items():
        kind, default = argument.annotation, argument.default
        if name in known:
            parameter, other = known[name]
            kind, default = Annotated[kind, parameter], default if other is None else other
        arguments.append(Argument(name, Argument.KEYWORD_ONLY, default=default, annotation=kind))
    more = {**ABOUT_RUNS, **more}
    for name, (kind, default, _) in more.items():
        arguments.append(Argument(name, Argument.KEYWORD_ONLY, default=default, annotation=kind))

    def command(**given: Any) -> int:
        given = {argument.name: argument.default for argument in arguments} | given
        sums = given.pop("sums", None)
        how = {name: given.pop(name) for name in more if name in given}
        return _write_sums(given["lake"], sums) if sums else run_flow(flow, given, **how)

    documented = "".join(f"\n    {name}: {about}" for name, (_, _, about) in more.items())
    command.__doc__ = unwrapped(flow.fn.__doc__) + documented
    command.__name__ = flow.name
    command.__signature__ = Signature(arguments)  # type: ignore[attr-defined]
    return command


def _write_sums(lake: str, target: Path) -> int:
    try:
        target.write_text("".join(checksums(open_lake(lake))))
    except QuestError as error:
        return complain(error)
    except OSError as error:
        return complain(
            QuestError(f"{target} can't be written: {error.strerror}.", "Name another file.")
        )
    print(f"{target} is for `sha256sum -c`, run at the lake's root.")
    return 0


pipeline = _command(pipeline_flow, sample=SAMPLE)
mirror = _command(mirror_flow, _BLS, sample=SAMPLE)
population = _command(population_flow, _POPULATION, sample=SAMPLE)
report = _command(report_flow)
audit = _command(audit_flow, sums=SUMS)
