"""The work pool's job template, against the worker that reads it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from prefect_aws.workers.ecs_worker import ECSJobConfiguration

from deployments.lint.finding import Finding
from deployments.project_file import texts

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLACEHOLDER = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")


def lint_template(template: dict[str, Any]) -> Iterator[Finding]:
    """Settings that the ECS worker has not, and variables that lead nowhere.

    Args:
        template: work_pool.json.
    """
    configuration, variables = template["job_configuration"], template["variables"]["properties"]
    for name in sorted(configuration.keys() - ECSJobConfiguration.model_fields.keys()):
        yield Finding("work_pool.json", f"The ECS worker has no setting {name}.")
    used = {name for _, text in texts(configuration) for name in _PLACEHOLDER.findall(text)}
    for name in sorted(used - variables.keys()):
        yield Finding("work_pool.json", f"{{{{ {name} }}}} is no variable: it would be left out.")
    for name in sorted(variables.keys() - used):
        yield Finding("work_pool.json", f"The variable {name} is used nowhere.")
