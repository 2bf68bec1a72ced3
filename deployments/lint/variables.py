"""What is filled in when deploying: only the image's name, and only from the environment."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from deployments.lint.finding import Finding
from deployments.project_file import FILLED, VARIABLE, texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def lint_variables(
    content: dict[str, Any], environment: Mapping[str, str] | None
) -> Iterator[Finding]:
    """Templates that Prefect fills with an empty string, or with a secret in plain text.

    Args:
        content: prefect.yaml.
        environment: Where its variables must be set; None does not look.
    """
    used = set()
    for where, text in texts(content):
        if "{{" in _TEMPLATE.sub("", text):
            yield Finding(f"prefect.yaml {where}", "A {{ without its }}: it would stay as text.")
        for template in _TEMPLATE.findall(text):
            variable = VARIABLE.fullmatch(template)
            if variable:
                used.add(variable[1])
                if variable[1] not in FILLED:
                    yield Finding(
                        f"prefect.yaml {where}",
                        f"{template} is not one of {', '.join(FILLED)}: apply does not ask for it, "
                        "and Prefect makes an empty string of it where it is not set.",
                    )
            elif ".triggers" not in where:  # there it is filled in from the event, at run time
                yield Finding(f"prefect.yaml {where}", _why(template))
    for name in sorted(used & set(FILLED)):
        if environment is not None and not environment.get(name, "").strip():
            yield Finding(
                "prefect.yaml", f"It uses ${name}, which is not set: Prefect would deploy without."
            )


def _why(template: str) -> str:
    if "prefect.blocks" in template:
        return (
            f"{template} would store the block's secret in the deployment, in plain text. Give "
            "the task its role, or a secret's ARN."
        )
    return f"{template} is filled in by nothing here: Prefect makes an empty string of it."
