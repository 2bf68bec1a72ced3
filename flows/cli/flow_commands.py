"""The five flows as commands: options, types, choices and help come from the flows themselves."""

import inspect
from collections.abc import Callable
from dataclasses import asdict
from inspect import Parameter as Argument
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from cyclopts import Parameter
from cyclopts.validators import Number
from prefect import Flow

from blocks.lake import open_lake
from blsquest.core.errors import Misuse, QuestError
from blsquest.lake.audit import checksums
from blsquest.sources.bls import BLS_ROOT
from blsquest.sources.datausa import POPULATION_URL
from flows.audit import audit as audit_flow
from flows.cli.lake_commands import complain, described
from flows.cli.run import run_flow
from flows.mirror import mirror as mirror_flow
from flows.pipeline import pipeline as pipeline_flow
from flows.population import population as population_flow
from flows.report import report as report_flow

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


def _option(name: str, kind: Any, about: str, **how: Any) -> Argument:
    """Return an option that is no parameter of a flow."""
    default = False if kind is bool else None
    annotation = Annotated[kind, Parameter(help=about, **how)]
    return Argument(name, Argument.KEYWORD_ONLY, default=default, annotation=annotation)


ABOUT_RUNS = (
    _option("json", bool, "Print the summary as JSON."),
    _option("verbose", bool, "Show the whole log.", alias="-v"),
)
SAMPLE = _option(
    "sample",
    Literal[1, 2] | None,
    "Serve this release of the generated sample sources, and use them.",
)
SUMS = _option(
    "sums",
    Path | None,
    "Write SHA256SUMS to this file, for `sha256sum -c` at the lake's root, and audit nothing.",
)


def _command(
    flow: Flow[..., Any], *more: Argument, source: tuple[Parameter, Any] | None = None
) -> Callable[..., int]:
    """Return a function with a flow's parameters as options, which runs it for an exit code.

    `source` is the option's name and default for its parameter `source`.
    """
    known = DIFFERENT | ({"source": source} if source else {})
    options = []
    for name, argument in inspect.signature(flow.fn, eval_str=True).parameters.items():
        kind, default = _in_bounds(argument.annotation), argument.default
        if name in known:
            parameter, other = known[name]
            kind, default = Annotated[kind, parameter], default if other is None else other
        options.append(Argument(name, Argument.KEYWORD_ONLY, default=default, annotation=kind))
    more = (*ABOUT_RUNS, *more)

    def command(**given: Any) -> int:
        given = {option.name: option.default for option in options} | given
        sums = given.pop("sums", None)
        how = {option.name: given.pop(option.name) for option in more if option.name in given}
        return _write_sums(given["lake"], sums) if sums else run_flow(flow, given, **how)

    return described(command, flow.name, flow.fn.__doc__, [*options, *more])


def _in_bounds(kind: Any) -> Any:
    """Return a flow's annotation with a number's bounds for cyclopts, which says them plainly."""
    if get_origin(kind) is not Annotated:
        return kind
    plain, field = get_args(kind)
    words = {"ge": "gte", "le": "lte"}
    bounds = {words[name]: n for one in field.metadata for name, n in asdict(one).items()}
    return Annotated[plain, Parameter(validator=Number(**bounds))]


def _write_sums(lake: str, target: Path) -> int:
    try:
        target.write_text("".join(checksums(open_lake(lake))))
    except QuestError as error:
        return complain(error)
    except OSError as error:
        return complain(
            Misuse(f"{target} can't be written: {error.strerror}.", "Name another file.")
        )
    print(f"{target} is for `sha256sum -c`, run at the lake's root.")
    return 0


pipeline = _command(pipeline_flow, SAMPLE)
mirror = _command(mirror_flow, SAMPLE, source=_BLS)
population = _command(population_flow, SAMPLE, source=_POPULATION)
report = _command(report_flow)
audit = _command(audit_flow, SUMS)
