"""Secrets where many people read: a task's environment, a deployment's parameters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deployments.lint.finding import Finding
from deployments.project_file import texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deployments.project_file import Deployment

_SECRET = re.compile(r"KEY|SECRET|PASS|PWD|TOKEN|AUTH|CREDENTIAL", re.IGNORECASE)
_PASSWORD_IN_URL = re.compile(r"://([^/\s]*@|[^/\s:]+:(?!\d+(/|$))\S*@)")
"""AWS's own secrets may hold a slash: after `key:` it ends no host, unless a port stood there."""


def lint_secrets(deployment: Deployment) -> Iterator[Finding]:
    """Secrets by their name or by their form; none is shown."""
    where = f"prefect.yaml {deployment.full_name}"
    env = deployment.work_pool.job_variables.get("env")
    for name, value in env.items() if isinstance(env, dict) else ():
        if _SECRET.search(str(name)) or _PASSWORD_IN_URL.search(str(value)):
            yield Finding(where, f"{name} in env is readable by whoever may describe tasks.")
    given = [("parameters", deployment.parameters)]
    given += [("triggers", trigger.get("parameters") or {}) for trigger in deployment.triggers]
    for part, parameters in given:
        for path, text in texts(parameters):
            if _PASSWORD_IN_URL.search(text):
                yield Finding(
                    f"{where} {part}",
                    f"The address in {path} holds a password, which all who see the dashboard can "
                    "read: name a block, or give the task its role.",
                )
