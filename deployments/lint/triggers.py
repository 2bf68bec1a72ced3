"""Triggers, whose unknown keys Prefect passes over too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.events import DeploymentEventTrigger
from pydantic import ValidationError

from deployments.automations import PREFIX
from deployments.lint.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deployments.project_file import Deployment


def lint_triggers(deployment: Deployment) -> Iterator[Finding]:
    """A trigger that Prefect would read otherwise than it is written."""
    where = f"prefect.yaml {deployment.full_name} triggers"
    names = [trigger.get("name") for trigger in deployment.triggers]
    for name in sorted({str(name) for name in names if names.count(name) > 1}):
        yield Finding(where, f"The name {name!r} is taken: both would run the deployment.")
    for trigger in deployment.triggers:
        for key in sorted(trigger.keys() - DeploymentEventTrigger.model_fields.keys()):
            yield Finding(where, f"An event trigger has no {key}: Prefect passes over it.")
        if not str(trigger.get("name", "")).startswith(PREFIX):
            yield Finding(where, f"Its name must begin with {PREFIX!r}, by which it is known.")
        if not trigger.get("expect"):
            yield Finding(where, "Without expect, any event would run the deployment.")
        try:
            DeploymentEventTrigger.model_validate(trigger)
        except ValidationError as error:
            for problem in error.errors():
                yield Finding(where, f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}")
