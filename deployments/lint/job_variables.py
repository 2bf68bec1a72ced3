"""Job variables, against the work pool's template and what Fargate sells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.utilities.schema_tools.validation import validate

from deployments.lint.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deployments.project_file import Deployment

IMAGE = "{{ $IMAGE_REPOSITORY }}:{{ $IMAGE_TAG }}"
VERSION = "{{ $IMAGE_TAG }}"

_GIB = 1024
_FARGATE: dict[int, frozenset[int]] = {
    256: frozenset({512, 1 * _GIB, 2 * _GIB}),
    512: frozenset(range(1 * _GIB, 4 * _GIB + 1, _GIB)),
    1024: frozenset(range(2 * _GIB, 8 * _GIB + 1, _GIB)),
    2048: frozenset(range(4 * _GIB, 16 * _GIB + 1, _GIB)),
    4096: frozenset(range(8 * _GIB, 30 * _GIB + 1, _GIB)),
    8192: frozenset(range(16 * _GIB, 60 * _GIB + 1, 4 * _GIB)),
    16384: frozenset(range(32 * _GIB, 120 * _GIB + 1, 8 * _GIB)),
}
"""MiB that go with CPU units:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html"""
_OF_THE_POOL = {
    "command": "the worker starts the flow by it, and another one would run no flow",
    "task_role_arn": "who wrote another would choose what the flow may do in AWS",
    "execution_role_arn": "who wrote another would choose whose secrets and images a task gets",
}
"""What no deployment says for itself, and why."""


def lint_job_variables(deployment: Deployment, template: dict[str, Any]) -> Iterator[Finding]:
    """Variables that the pool would not know, could not use, or keeps to itself.

    Args:
        deployment: From prefect.yaml.
        template: work_pool.json.
    """
    where = f"prefect.yaml {deployment.full_name}"
    given, schema = deployment.work_pool.job_variables, template["variables"]
    for name in sorted(given.keys() - schema["properties"].keys()):
        yield Finding(where, f"The work pool has no variable {name}: it would change nothing.")
    for name in sorted(given.keys() & _OF_THE_POOL.keys()):
        yield Finding(where, f"{name} is the work pool's ({_OF_THE_POOL[name]}): remove it.")
    if given.get("image") != IMAGE or deployment.version != VERSION:
        yield Finding(where, f"Its image is {IMAGE} and its version {VERSION}: nothing else is.")
    errors = validate(given, schema, preprocess=False)
    for error in errors:
        path = ".".join(map(str, error.absolute_path))
        yield Finding(where, f"Job variables {path}: {error.message}".replace(" :", ":"))
    if errors:
        return  # values of another type make no sense below
    defaults = {name: spec.get("default") for name, spec in schema["properties"].items()}
    cpu, memory = (given.get(name, defaults[name]) for name in ("cpu", "memory"))
    if memory not in _FARGATE.get(cpu, ()):
        yield Finding(where, f"Fargate has no task of {cpu} CPU units with {memory} MiB.")
