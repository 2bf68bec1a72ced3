"""Broken copies of our own deployment files, and what lint says of them."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from deployments.lint import lint
from deployments.project_file import read_project_file
from deployments.work_pool import read_template

Break = Callable[[dict[str, Any]], object]


def said(content: dict[str, Any], template: dict[str, Any]) -> str:
    return "\n".join(finding.sentence() for finding in lint(content, template))


def said_of(wrong: Break) -> str:
    """Of prefect.yaml after this."""
    content = deepcopy(read_project_file())
    # Anchors make one object of several places.
    content["deployments"] = [deepcopy(deployment) for deployment in content["deployments"]]
    wrong(content)
    return said(content, read_template())


def daily(content: dict[str, Any]) -> dict[str, Any]:
    deployment: dict[str, Any] = content["deployments"][0]
    return deployment


def job(content: dict[str, Any]) -> dict[str, Any]:
    variables: dict[str, Any] = daily(content)["work_pool"]["job_variables"]
    return variables


def report(content: dict[str, Any]) -> dict[str, Any]:
    deployment: dict[str, Any] = content["deployments"][3]
    return deployment


def everything(content: dict[str, Any]) -> dict[str, Any]:
    deployment: dict[str, Any] = content["deployments"][5]
    return deployment
