"""What Prefect lets pass in prefect.yaml and work_pool.json, found before anything is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from deployments.lint.finding import Finding
from deployments.lint.flows import lint_flow
from deployments.lint.job_variables import lint_job_variables
from deployments.lint.names import lint_names
from deployments.lint.schedules import lint_schedules
from deployments.lint.secrets import lint_secrets
from deployments.lint.template import lint_template
from deployments.lint.triggers import lint_triggers
from deployments.lint.variables import lint_variables
from deployments.project_file import ProjectFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Finding", "lint"]


def lint(
    content: dict[str, Any],
    template: dict[str, Any],
    environment: Mapping[str, str] | None = None,
) -> tuple[Finding, ...]:
    """All that is wrong. Offline; imports the flows.

    Args:
        content: prefect.yaml, as read.
        template: work_pool.json.
        environment: Where the file's variables must be set; None does not look.
    """
    return tuple(_findings(content, template, environment))


def _findings(
    content: dict[str, Any], template: dict[str, Any], environment: Mapping[str, str] | None
) -> Iterator[Finding]:
    yield from lint_template(template)
    yield from lint_variables(content, environment)
    try:
        file = ProjectFile.model_validate(content)
    except ValidationError as error:
        yield from map(_as_finding, error.errors())
        return
    yield from lint_names(file)
    for deployment in file.deployments:
        yield from lint_flow(deployment)
        yield from lint_schedules(deployment)
        yield from lint_triggers(deployment)
        yield from lint_job_variables(deployment, template)
        yield from lint_secrets(deployment)


def _as_finding(error: Any) -> Finding:
    where = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error["loc"])
    return Finding(f"prefect.yaml {where.lstrip('.')}", error["msg"])
