"""Entrypoints and parameters, against the flows themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from prefect.exceptions import ParameterTypeError
from prefect.flows import load_flow_from_entrypoint

from deployments.lint.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect import Flow

    from deployments.project_file import Deployment

_MODULE = re.compile(r"\w+(\.\w+)+")


def lint_flow(deployment: Deployment) -> Iterator[Finding]:
    """An entrypoint that does not import, and parameters that the flow does not take."""
    where = f"prefect.yaml {deployment.full_name}"
    if not _MODULE.fullmatch(deployment.entrypoint):
        yield Finding(
            where,
            f"The entrypoint {deployment.entrypoint} is not like flows.mirror.mirror: loaded by "
            "its file, a module is loaded twice.",
        )
        return
    try:
        flow: Flow[..., Any] = load_flow_from_entrypoint(deployment.entrypoint)
    except Exception as error:  # noqa: BLE001 - importing runs the module, which may raise anything
        yield Finding(where, f"The entrypoint {deployment.entrypoint} does not import: {error}")
        return
    if flow.name != deployment.entrypoint.rpartition(".")[2]:
        yield Finding(where, f"Its flow is named {flow.name}, and not as its function.")
    known = flow.parameters.properties.keys()
    for trigger in deployment.triggers:
        for name in sorted((trigger.get("parameters") or {}).keys() - known):
            yield Finding(f"{where} triggers", f"The flow has no parameter {name}.")
    unknown = sorted(deployment.parameters.keys() - known)
    for name in unknown:
        yield Finding(where, f"The flow has no parameter {name}.")
    if not unknown:
        try:
            flow.validate_parameters(deployment.parameters)
        except ParameterTypeError as error:
            yield Finding(where, f"The flow does not take these parameters: {error}")
