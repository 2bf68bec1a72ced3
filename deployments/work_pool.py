"""The work pool's job template: work_pool.json, with the settings as its variables' defaults. Pure.

Only `variables.*.default` is set, so that the file works as it stands for whoever wants to fill
the pool in by hand: prefect work-pool create --type ecs --base-job-template …
"""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blsquest.core.errors import Misuse
from deployments.changes import Thing

if TYPE_CHECKING:
    from deployments.reading import Settings

POOL_TYPE = "ecs"
POOL_DESCRIPTION = (
    "BLS Data Quest: each run is a Fargate task of its own. Made by `python -m deployments apply`."
)
TEMPLATE = Path(__file__).with_name("work_pool.json")


def read_template(path: Path = TEMPLATE) -> dict[str, Any]:
    """The template as it lies in the repository.

    Raises:
        Misuse: There is none, or it is not JSON with a template's two parts.
    """
    try:
        template: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        whole = template["job_configuration"], template["variables"]["properties"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise Misuse(
            f"{path.name} is no job template: {error}", "Take it from the repository."
        ) from None
    if not all(isinstance(part, dict) for part in whole):
        raise Misuse(f"{path.name} is no job template.", "Take it from the repository.")
    return template


def rendered(template: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The template for one installation.

    Prefect Cloud's key and another server's auth string reach a task by different variables; the
    one that does not apply stays empty.
    """
    defaults: dict[str, Any] = {
        "cluster": settings.cluster,
        "launch_type": settings.capacity,
        "subnets": list(settings.subnets),
        "security_groups": list(settings.security_groups),
        "assign_public_ip": "ENABLED" if settings.assign_public_ip else "DISABLED",
        "execution_role_arn": settings.execution_role,
        "task_role_arn": settings.task_role,
        "log_group": settings.log_group,
        "prefect_api_key_secret_arn": settings.api_secret if settings.api_is_cloud else None,
        "prefect_api_auth_string_secret_arn": (
            None if settings.api_is_cloud else settings.api_secret
        ),
    }
    result = deepcopy(template)
    for name, value in defaults.items():
        result["variables"]["properties"][name]["default"] = value
    return result


def pool_thing(
    name: str,
    template: dict[str, Any],
    pool: tuple[bool, int | None] = (False, None),
    queue: tuple[bool, int | None] = (False, None),
) -> Thing:
    """A work pool in terms that can be compared.

    Args:
        name: The pool's.
        template: Its job template.
        pool: Whether it is paused, and its concurrency limit.
        queue: The same of its default queue, which all of the project's runs go through.
    """
    fields = {"template": template, **_stops(*pool), "queue": _stops(*queue)}
    return Thing("work pool", name, fields)


def _stops(paused: bool, limit: int | None) -> dict[str, Any]:
    """What keeps runs from being handed out. A limit of more than 0 is a person's own."""
    return {"paused": paused, "concurrency_limit": 0 if limit == 0 else None}
