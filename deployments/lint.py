"""Mistakes in prefect.yaml and work_pool.json that Prefect accepts, found before deploying.

Each finding is a sentence: where, and what is wrong. No secret is shown. Duplicate keys are left to
yamllint (`make lint`).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from prefect import Flow
from prefect._vendor.croniter.croniter import CroniterBadDateError, croniter
from prefect.client.schemas.schedules import CronSchedule
from prefect.events import DeploymentEventTrigger
from prefect.exceptions import ParameterTypeError
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.schema_tools.validation import validate
from prefect_aws.workers.ecs_worker import ECSJobConfiguration
from pydantic import ValidationError

from deployments.automations import PREFIX, TAG
from deployments.project_file import FILLED, VARIABLE, Deployment, ProjectFile, texts

IMAGE = "{{ $IMAGE_REPOSITORY }}:{{ $IMAGE_TAG }}"
VERSION = "{{ $IMAGE_TAG }}"

_PULL = "prefect.deployments.steps.set_working_directory"
_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_PLACEHOLDER = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
_SECRET = re.compile(r"KEY|SECRET|PASS|PWD|TOKEN|AUTH|CREDENTIAL", re.IGNORECASE)
_PASSWORD_IN_URL = re.compile(r"://([^/\s]*@|[^/\s:]+:(?!\d+(/|$))\S*@)")
"""AWS's own secrets may hold a slash: after `key:` it ends no host, unless a port is there."""

_GIB = 1024
_FARGATE: dict[int, range | tuple[int, ...]] = {
    256: (512, 1 * _GIB, 2 * _GIB),
    512: range(1 * _GIB, 4 * _GIB + 1, _GIB),
    1024: range(2 * _GIB, 8 * _GIB + 1, _GIB),
    2048: range(4 * _GIB, 16 * _GIB + 1, _GIB),
    4096: range(8 * _GIB, 30 * _GIB + 1, _GIB),
    8192: range(16 * _GIB, 60 * _GIB + 1, 4 * _GIB),
    16384: range(32 * _GIB, 120 * _GIB + 1, 8 * _GIB),
}
"""MiB that go with CPU units:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html"""
_OF_THE_POOL = {
    "command": "the worker starts the flow by it, and another one would run no flow",
    "task_role_arn": "who wrote another would choose what the flow may do in AWS",
    "execution_role_arn": "who wrote another would choose whose secrets and images a task gets",
}
"""The variables that no deployment may set, and why."""


def lint(
    content: dict[str, Any],
    template: dict[str, Any],
    environment: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Yield all that is wrong with prefect.yaml and work_pool.json; imports the flows.

    Where an environment is given, the file's variables must be set in it.
    """
    yield from _template(template)
    yield from _variables(content, environment)
    try:
        file = ProjectFile.model_validate(content)
    except ValidationError as error:
        for problem in error.errors():
            where = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in problem["loc"])
            yield f"prefect.yaml {where.lstrip('.')}: {problem['msg']}"
        return
    yield from _names(file)
    for deployment in file.deployments:
        for check in (_tags, _flow, _schedules, _triggers, _secrets):
            yield from (
                f"prefect.yaml {deployment.full_name}{found}" for found in check(deployment)
            )
        for found in _job_variables(deployment, template):
            yield f"prefect.yaml {deployment.full_name}{found}"


# -- The whole files --------------------------------------------------------------------------


def _template(template: dict[str, Any]) -> Iterator[str]:
    """Find settings that the ECS worker does not have, and undefined or unused variables."""
    configuration, variables = template["job_configuration"], template["variables"]["properties"]
    for name in sorted(configuration.keys() - ECSJobConfiguration.model_fields.keys()):
        yield f"work_pool.json: The ECS worker has no setting {name}."
    used = {name for _, text in texts(configuration) for name in _PLACEHOLDER.findall(text)}
    for name in sorted(used - variables.keys()):
        yield f"work_pool.json: {{{{ {name} }}}} is no variable: it would be left out."
    for name in sorted(variables.keys() - used):
        yield f"work_pool.json: The variable {name} is used nowhere."


def _variables(content: dict[str, Any], environment: Mapping[str, str] | None) -> Iterator[str]:
    """Find templates that Prefect fills with an empty string, or with a secret in plain text."""
    used = set()
    for where, text in texts(content):
        if "{{" in _TEMPLATE.sub("", text):
            yield f"prefect.yaml {where}: A {{{{ without its }}}}: it would stay as text."
        for template in _TEMPLATE.findall(text):
            variable = VARIABLE.fullmatch(template)
            if variable and variable[1] in FILLED:
                used.add(variable[1])
            elif variable:
                yield (
                    f"prefect.yaml {where}: {template} is not one of {', '.join(FILLED)}: apply "
                    "does not read it, and Prefect makes an empty string of it where it is not set."
                )
            elif "prefect.blocks" in template:
                yield (
                    f"prefect.yaml {where}: {template} would store the block's secret in the "
                    "deployment, in plain text. Give the task its role, or a secret's ARN."
                )
            elif ".triggers" not in where:  # there it is filled in from the event, at run time
                yield (
                    f"prefect.yaml {where}: {template} is filled in by nothing here: Prefect makes "
                    "an empty string of it."
                )
    for name in sorted(used):
        if environment is not None and not environment.get(name, "").strip():
            yield f"prefect.yaml: It uses ${name}, which is not set: Prefect would deploy without."


def _names(file: ProjectFile) -> Iterator[str]:
    """Find duplicate names, a second work pool, and a wrong pull step."""
    names = Counter(deployment.name for deployment in file.deployments)
    for name in (name for name, number in names.items() if number > 1):
        yield f"prefect.yaml {name}: Its name is taken: two would share a task family."
    pools = sorted({deployment.work_pool.name for deployment in file.deployments})
    if len(pools) > 1:
        yield f"prefect.yaml: There is one work pool, not {' and '.join(pools)}."
    step = file.pull[0] if len(file.pull) == 1 else {}
    given = step[_PULL] if step.keys() == {_PULL} else None
    directory = given.get("directory") if isinstance(given, dict) else None
    if not (isinstance(directory, str) and PurePosixPath(directory).is_absolute()):
        yield (
            f"prefect.yaml pull: It is not one step {_PULL} with an absolute directory: the code "
            "is in the image."
        )


# -- One deployment ---------------------------------------------------------------------------


def _tags(deployment: Deployment) -> Iterator[str]:
    """Find tags, families and slugs by which the project would not find its own things."""
    if TAG not in deployment.tags:
        yield f": Without the tag {TAG} nothing watches it, or removes it later."
    family = f"{TAG}-{deployment.name}"
    if deployment.work_pool.job_variables.get("family") != family:
        yield f": Its family is not {family}: the worker's revisions would mix."
    slugs = [schedule.slug for schedule in deployment.schedules]
    for slug in slugs:
        if not slug.startswith(f"{TAG}-") or slugs.count(slug) > 1:
            yield f": The slug {slug} must be unique, and begin with {TAG}-."


def _flow(deployment: Deployment) -> Iterator[str]:
    """Find an entrypoint that does not import, and parameters that the flow does not take."""
    entrypoint = deployment.entrypoint
    if not re.fullmatch(r"\w+(\.\w+)+", entrypoint):
        yield (
            f": The entrypoint {entrypoint} is not like flows.mirror.mirror: loaded by its file, a "
            "module is loaded twice."
        )
        return
    try:
        flow: Flow[..., Any] = load_flow_from_entrypoint(entrypoint)
    except Exception as error:  # noqa: BLE001 - importing runs the module, which may raise anything
        yield f": The entrypoint {entrypoint} does not import: {error}"
        return
    if flow.name != entrypoint.rpartition(".")[2]:
        yield f": Its flow is named {flow.name}, and not as its function."
    known, limit = flow.parameters.properties.keys(), deployment.concurrency_limit
    if "tasks" in known and limit and limit.collision_strategy == "CANCEL_NEW":
        yield ": Its runs start others of it, which the limit would cancel: null, or ENQUEUE."
    for trigger in deployment.triggers:
        for name in sorted((trigger.get("parameters") or {}).keys() - known):
            yield f" triggers: The flow has no parameter {name}."
    unknown = sorted(deployment.parameters.keys() - known)
    for name in unknown:
        yield f": The flow has no parameter {name}."
    if not unknown:
        try:
            flow.validate_parameters(deployment.parameters)
        except ParameterTypeError as error:
            yield f": The flow does not take these parameters: {error}"


def _schedules(deployment: Deployment) -> Iterator[str]:
    """Find a cron expression or a time zone that there is not, and a date that never comes."""
    for schedule in deployment.schedules:
        try:
            CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
        except ValidationError as error:
            for problem in error.errors():
                yield f" {schedule.slug}: {problem['input']!r}: {problem['msg']}"
            continue
        try:
            # The server's own parser; Prefect asks it for dates only there, and finds none.
            croniter(schedule.cron, datetime.now(UTC)).get_next(datetime)  # type: ignore[no-untyped-call]
        except CroniterBadDateError:
            yield (
                f" {schedule.slug}: {schedule.cron!r}: This date never comes: nothing would run."
            )


def _triggers(deployment: Deployment) -> Iterator[str]:
    """Find a trigger that Prefect would read otherwise than it is written."""
    names = Counter(str(trigger.get("name")) for trigger in deployment.triggers)
    for name in sorted(name for name, number in names.items() if number > 1):
        yield f" triggers: The name {name!r} is taken: both would run the deployment."
    for trigger in deployment.triggers:
        for key in sorted(trigger.keys() - DeploymentEventTrigger.model_fields.keys()):
            yield f" triggers: An event trigger has no {key}: Prefect passes over it."
        if not str(trigger.get("name", "")).startswith(PREFIX):
            yield f" triggers: Its name must begin with {PREFIX!r}, by which it is known."
        if not trigger.get("expect"):
            yield " triggers: Without expect, any event would run the deployment."
        try:
            DeploymentEventTrigger.model_validate(trigger)
        except ValidationError as error:
            for problem in error.errors():
                yield f" triggers: {'.'.join(map(str, problem['loc']))}: {problem['msg']}"


def _secrets(deployment: Deployment) -> Iterator[str]:
    """Find secrets, by name or form, where many people read: a task's environment, parameters."""
    env = deployment.work_pool.job_variables.get("env")
    for name, value in env.items() if isinstance(env, dict) else ():
        if _SECRET.search(str(name)) or _PASSWORD_IN_URL.search(str(value)):
            yield f": {name} in env is readable by whoever may describe tasks."
    given = [("parameters", deployment.parameters)]
    given += [("triggers", trigger.get("parameters") or {}) for trigger in deployment.triggers]
    for part, parameters in given:
        for path, text in texts(parameters):
            if _PASSWORD_IN_URL.search(text):
                yield (
                    f" {part}: The address in {path} holds a password, which all who see the "
                    "dashboard can read: name a block, or give the task its role."
                )


def _job_variables(deployment: Deployment, template: dict[str, Any]) -> Iterator[str]:
    """Find variables that the pool does not have, can't use, or reserves for itself."""
    given, schema = deployment.work_pool.job_variables, template["variables"]
    for name in sorted(given.keys() - schema["properties"].keys()):
        yield f": The work pool has no variable {name}: it would change nothing."
    for name in sorted(given.keys() & _OF_THE_POOL.keys()):
        yield f": {name} is the work pool's ({_OF_THE_POOL[name]}): remove it."
    if given.get("image") != IMAGE or deployment.version != VERSION:
        yield f": Its image is {IMAGE} and its version {VERSION}: nothing else is."
    errors = validate(given, schema, preprocess=False)
    for error in errors:
        path = ".".join(map(str, error.absolute_path))
        yield f": Job variables {path}: {error.message}".replace(" :", ":")
    if errors:
        return  # values of another type make no sense below
    defaults = {name: spec.get("default") for name, spec in schema["properties"].items()}
    cpu, memory = (given.get(name, defaults[name]) for name in ("cpu", "memory"))
    if memory not in _FARGATE.get(cpu, ()):
        yield f": Fargate has no task of {cpu} CPU units with {memory} MiB."
