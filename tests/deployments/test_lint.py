"""Lint is silent on our own files, and names what is wrong with each broken copy."""

import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from prefect import flow

from deployments.lint import lint
from deployments.project_file import PROJECT, PROJECT_FILE, read_project_file
from deployments.work_pool import read_template

REMOVED = object()
DAILY, REPORT = "deployments.daily-pipeline", "deployments.report-on-change"
JOB, GIVEN = f"{DAILY}.work_pool.job_variables", f"{DAILY}.parameters"
SCHEDULE, TRIGGER = f"{DAILY}.schedules.0", f"{REPORT}.triggers.0"
STEP = "prefect.deployments.steps"


@flow(name="spreading")
def spreading(tasks: int = 1) -> int:
    """A flow that starts runs of its own deployment, as its parameter says."""
    return tasks


def at(content: Any, place: str) -> Any:
    """The part of the file at a place: keys, numbers and deployments' names, with dots between."""
    for word in filter(None, place.split(".")):
        if isinstance(content, dict):
            content = content[word]
        else:
            named = [
                each for each in content if isinstance(each, dict) and each.get("name") == word
            ]
            content = named[0] if named else content[int(word)]
    return content


def broken(place: str, changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """prefect.yaml and work_pool.json, of which a part has other fields, or one element more."""
    content, template = read_project_file(), read_template()
    # Anchors make one object of several places.
    content["deployments"] = [deepcopy(deployment) for deployment in content["deployments"]]
    inside, _, rest = place.partition(".")
    part = at(template, rest) if inside == "template" else at(content, place)
    if isinstance(changes, str):
        part.append(deepcopy(at(content, changes)))
        return content, template
    part.update(changes)
    for name in [name for name, value in changes.items() if value is REMOVED]:
        del part[name]
    return content, template


def test_nothing_is_found_in_our_own_files() -> None:
    assert list(lint(read_project_file(), read_template())) == []


FORMS: list[tuple[str, Any, str]] = [
    ("", {"job": {}}, "prefect.yaml job: Extra inputs"),
    ("", {"build": [{"x": {}}]}, "build: Input should be None"),
    ("", {"deployments": []}, "deployments: List should have at least 1 item"),
    (DAILY, {"schedule": {}}, "deployments[0].schedule: Extra inputs"),
    (DAILY, {"concurrency_limit": REMOVED}, "concurrency_limit: Field required"),
    (DAILY, {"description": ""}, "description: String"),
    (DAILY, {"name": "a/b"}, "name: String should match"),
    (f"{DAILY}.work_pool", {"variables": {}}, "work_pool.variables: Extra inputs"),
    (
        f"{DAILY}.concurrency_limit",
        {"collision_strategy": "CANCEL"},
        "collision_strategy: Input should be",
    ),
    (SCHEDULE, {"zone": "x"}, "schedules[0].zone: Extra inputs"),
    (SCHEDULE, {"timezone": ""}, "timezone: String should have at least 1 character"),
    (SCHEDULE, {"timezone": REMOVED}, "schedules[0].timezone: Field required"),
    (SCHEDULE, {"slug": REMOVED}, "schedules[0].slug: Field required"),
]
VARIABLES: list[tuple[str, Any, str]] = [
    (JOB, {"family": "{{ $FAMILY }}"}, "{{ $FAMILY }} is not one of IMAGE_REPOSITORY, IMAGE_TAG"),
    (
        JOB,
        {"env": {"X": "{{ prefect.blocks.secret.key }}"}},
        "would store the block's secret in the deployment, in plain text",
    ),
    (GIVEN, {"lake": "{{ prefect.variables.lake }}"}, "is filled in by nothing here"),
    (JOB, {"family": "bls-{{ $IMAGE_TAG"}, "job_variables.family: A {{ without its }}"),
]
NAMES: list[tuple[str, Any, str]] = [
    ("deployments", DAILY, "daily-pipeline: Its name is taken"),
    (DAILY, {"tags": ["ingest"]}, "Without the tag bls-data-quest"),
    (SCHEDULE, {"slug": "daily"}, "slug daily must be unique, and begin with bls-data-quest-."),
    (
        f"{DAILY}.work_pool",
        {"name": "other"},
        "There is one work pool, not bls-data-quest and other.",
    ),
    (
        "pull.0",
        {f"{STEP}.set_working_directory": {"directory": "app"}},
        "pull: It is not one step",
    ),
    ("pull.0", {f"{STEP}.set_working_directory": None}, "pull: It is not one step"),
    ("pull.0", {f"{STEP}.run_shell_script": {}}, "pull: It is not one step"),
    (GIVEN, {"survey": "pr"}, "daily-pipeline: The flow has no parameter survey."),
    (GIVEN, {"first_year": "two"}, "The flow does not take these parameters"),
    (DAILY, {"entrypoint": "flows.pipeline.pipe"}, "flows.pipeline.pipe does not import"),
    (DAILY, {"entrypoint": "flows.nothing.pipeline"}, "flows.nothing.pipeline does not import"),
    (DAILY, {"entrypoint": "flows/pipeline.py:pipeline"}, "is not like flows.mirror.mirror"),
    (
        DAILY,
        {"entrypoint": f"{__name__}.spreading", "parameters": {}},
        "Its runs start others of it, which the limit would cancel",
    ),
]
STARTS: list[tuple[str, Any, str]] = [
    (SCHEDULE, {"cron": "50 25 * * *"}, "daily-pipeline bls-data-quest-daily: '50 25 * * *'"),
    (SCHEDULE, {"timezone": "America/New York"}, "bls-data-quest-daily: 'America/New York'"),
    (SCHEDULE, {"cron": "0 0 31 2 *"}, "daily: '0 0 31 2 *': This date never comes"),
    (f"{REPORT}.triggers", TRIGGER, "is taken: both would run the deployment."),
    (
        TRIGGER,
        {"parameters": {"nope": 1}},
        "report/report-on-change triggers: The flow has no parameter nope.",
    ),
    (TRIGGER, {"matches": {}}, "An event trigger has no matches"),
    (TRIGGER, {"name": "report"}, "Its name must begin with 'BLS Data Quest: '"),
    (TRIGGER, {"expect": REMOVED}, "Without expect, any event would run the deployment."),
    (TRIGGER, {"posture": "Sometimes"}, "triggers: posture: Input should be"),
]
JOBS: list[tuple[str, Any, str]] = [
    (JOB, {"memory_mb": 2048}, "The work pool has no variable memory_mb"),
    (JOB, {"launch_type": "EC2"}, "Job variables launch_type: 'EC2' is not one of"),
    (JOB, {"cpu": 256, "memory": 4096}, "Fargate has no task of 256 CPU units with 4096 MiB."),
    (JOB, {"cpu": [512]}, "Job variables cpu: [512] is not of type 'integer'"),
    (JOB, {"env": None}, "Job variables env: None is not of type 'object'"),
    (JOB, {"image": "x:latest"}, "Its image is {{ $IMAGE_REPOSITORY }}:{{ $IMAGE_TAG }}"),
    (DAILY, {"version": "1"}, "and its version {{ $IMAGE_TAG }}"),
    (JOB, {"family": "x"}, "Its family is not bls-data-quest-daily-pipeline"),
    (JOB, {"command": "sleep 9"}, "daily-pipeline: command is the work pool's"),
    (JOB, {"task_role_arn": "admin"}, "daily-pipeline: task_role_arn is the work pool's"),
]
LAKE = "parameters: The address in lake holds a password"
SECRETS: list[tuple[str, Any, str]] = [
    (JOB, {"env": {"API_TOKEN": "hush"}}, "API_TOKEN in env is readable by"),
    (JOB, {"env": {1: "x", "DB_PASSWD": "hush"}}, "DB_PASSWD in env is readable by"),
    (JOB, {"env": {"DB": "postgresql://me:hush@example.org/db"}}, "DB in env is readable by"),
    (GIVEN, {"lake": "s3://key:hush@bucket"}, f"daily-pipeline {LAKE}"),
    (GIVEN, {"lake": "s3://key:hu/sh@bucket/prefix"}, f"daily-pipeline {LAKE}"),
    (
        TRIGGER,
        {"parameters": {"lake": "s3://k:hush@bucket"}},
        "report-on-change triggers: The address in lake holds a password",
    ),
]
POOL: list[tuple[str, Any, str]] = [
    ("template.job_configuration", {"vpc": "x"}, "The ECS worker has no setting vpc."),
    (
        "template.job_configuration.task_definition",
        {"memory": "{{ memry }}"},
        "{{ memry }} is no variable",
    ),
    (
        "template.variables.properties",
        {"colour": {"type": "string"}},
        "work_pool.json: The variable colour is used nowhere.",
    ),
]


@pytest.mark.parametrize(
    ("place", "changes", "finding"),
    [*FORMS, *VARIABLES, *NAMES, *STARTS, *JOBS, *SECRETS, *POOL],
)
def test_what_prefect_would_let_pass_is_named_with_what_is_wrong(
    place: str, changes: Any, finding: str
) -> None:
    said = "\n".join(lint(*broken(place, changes)))

    assert finding in said
    assert "hush" not in said


def test_all_that_is_wrong_is_reported_at_once() -> None:
    content, template = broken(JOB, {"cpu": 300})
    at(content, GIVEN)["survey"] = "pr"

    said = "\n".join(lint(content, template))

    assert "no parameter survey" in said
    assert "no task of 300 CPU units" in said


def test_a_variable_that_is_not_set_is_found_where_the_environment_is_checked() -> None:
    content, template = read_project_file(), read_template()
    image = {"IMAGE_REPOSITORY": "example.org/x", "IMAGE_TAG": " "}

    (finding,) = lint(content, template, image)

    assert "It uses $IMAGE_TAG, which is not set" in finding
    assert list(lint(content, template, image | {"IMAGE_TAG": "1.2.3"})) == []


@pytest.mark.parametrize(
    ("old", "again", "key"),
    [
        ("        cpu: 512\n", "        cpu: 1024\n", "cpu"),
        ("pull:\n", "pull: []\n", "pull"),
        ("      <<: *pool\n", "      <<: *image\n", "<<"),
    ],
)
def test_make_lint_refuses_a_key_that_a_yaml_file_has_twice(
    tmp_path: Path, old: str, again: str, key: str
) -> None:
    command = [sys.executable, "-m", "yamllint", "--strict", "-c", str(PROJECT / ".yamllint")]
    file = tmp_path / "prefect.yaml"

    def linted(text: str) -> subprocess.CompletedProcess[str]:
        file.write_text(text)
        return subprocess.run([*command, str(file)], capture_output=True, text=True, check=False)

    text = PROJECT_FILE.read_text()
    assert linted(text).returncode == 0
    twice = linted(text.replace(old, again + old, 1))
    assert twice.returncode == 1
    assert f'duplication of key "{key}" in mapping' in twice.stdout
