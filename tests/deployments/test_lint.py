"""Lint is silent on our own files, and names what is wrong with each broken copy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from prefect import flow

from deployments.lint import lint
from deployments.project_file import PROJECT, PROJECT_FILE, read_project_file
from deployments.work_pool import read_template

if TYPE_CHECKING:
    from pathlib import Path

Break = Callable[[dict[str, Any]], object]


@flow(name="spreading")
def spreading(tasks: int = 1) -> int:
    """A flow that starts runs of its own deployment, as its parameter says."""
    return tasks


def said_of(wrong: Break) -> str:
    """What lint says of prefect.yaml after this."""
    content = read_project_file()
    # Anchors make one object of several places.
    content["deployments"] = [deepcopy(deployment) for deployment in content["deployments"]]
    wrong(content)
    return "\n".join(lint(content, read_template()))


def daily(content: dict[str, Any]) -> dict[str, Any]:
    deployment: dict[str, Any] = content["deployments"][0]
    return deployment


def schedule(content: dict[str, Any]) -> dict[str, Any]:
    declared: dict[str, Any] = daily(content)["schedules"][0]
    return declared


def job(content: dict[str, Any]) -> dict[str, Any]:
    variables: dict[str, Any] = daily(content)["work_pool"]["job_variables"]
    return variables


def given(content: dict[str, Any]) -> dict[str, Any]:
    parameters: dict[str, Any] = daily(content)["parameters"]
    return parameters


def report(content: dict[str, Any]) -> dict[str, Any]:
    deployment: dict[str, Any]
    (deployment,) = (d for d in content["deployments"] if d["name"] == "report-on-change")
    return deployment


def trigger(content: dict[str, Any]) -> dict[str, Any]:
    declared: dict[str, Any] = report(content)["triggers"][0]
    return declared


def sets(part: Callable[[dict[str, Any]], dict[str, Any]], **fields: Any) -> Break:
    """Give a part of prefect.yaml other fields."""
    return lambda content: part(content).update(deepcopy(fields))


def pull(content: dict[str, Any], **steps: Any) -> None:
    """Give the one pull step another folder, or add a step."""
    (step,) = content["pull"]
    step.update({f"prefect.deployments.steps.{name}": given for name, given in steps.items()})


def test_nothing_is_found_in_our_own_files() -> None:
    assert lint(read_project_file(), read_template()) == ()


FORMS: list[tuple[Break, str]] = [
    (lambda c: c.update(job={}), "prefect.yaml job: Extra inputs"),
    (sets(daily, schedule={}), "deployments[0].schedule: Extra inputs"),
    (lambda c: daily(c)["work_pool"].update(variables={}), "work_pool.variables: Extra inputs"),
    (
        lambda c: daily(c)["concurrency_limit"].update(collision_strategy="CANCEL"),
        "collision_strategy: Input should be",
    ),
    (lambda c: daily(c).pop("concurrency_limit"), "concurrency_limit: Field required"),
    (sets(daily, description=""), "description: String"),
    (lambda c: c.update(build=[{"x": {}}]), "build: Input should be None"),
    (lambda c: c.update(deployments=[]), "deployments: List should have at least 1 item"),
    (sets(schedule, zone="x"), "schedules[0].zone: Extra inputs"),
    (sets(schedule, timezone=""), "timezone: String should have at least 1 character"),
    (lambda c: schedule(c).pop("timezone"), "schedules[0].timezone: Field required"),
    (lambda c: schedule(c).pop("slug"), "schedules[0].slug: Field required"),
]
VARIABLES: list[tuple[Break, str]] = [
    (sets(job, family="{{ $FAMILY }}"), "{{ $FAMILY }} is not one of IMAGE_REPOSITORY, IMAGE_TAG"),
    (
        sets(job, env={"X": "{{ prefect.blocks.secret.key }}"}),
        "would store the block's secret in the deployment, in plain text",
    ),
    (sets(given, lake="{{ prefect.variables.lake }}"), "is filled in by nothing here"),
    (sets(job, family="bls-{{ $IMAGE_TAG"), "job_variables.family: A {{ without its }}"),
]
NAMES: list[tuple[Break, str]] = [
    (lambda c: c["deployments"].append(deepcopy(daily(c))), "daily-pipeline: Its name is taken"),
    (sets(daily, name="a/b"), "name: String should match"),
    (lambda c: daily(c)["tags"].remove("bls-data-quest"), "Without the tag bls-data-quest"),
    (
        sets(schedule, slug="daily"),
        "The slug daily must be unique, and begin with bls-data-quest-.",
    ),
    (
        lambda c: daily(c)["work_pool"].update(name="other"),
        "There is one work pool, not bls-data-quest and other.",
    ),
    (lambda c: pull(c, set_working_directory={"directory": "app"}), "pull: It is not one step"),
    (lambda c: pull(c, set_working_directory=None), "pull: It is not one step"),
    (lambda c: pull(c, run_shell_script={}), "pull: It is not one step"),
    (sets(given, survey="pr"), "daily-pipeline: The flow has no parameter survey."),
    (sets(given, first_year="two"), "The flow does not take these parameters"),
    (
        sets(daily, entrypoint="flows.pipeline.pipe"),
        "The entrypoint flows.pipeline.pipe does not import",
    ),
    (
        sets(daily, entrypoint="flows.nothing.pipeline"),
        "The entrypoint flows.nothing.pipeline does not import",
    ),
    (sets(daily, entrypoint="flows/pipeline.py:pipeline"), "is not like flows.mirror.mirror"),
    (
        sets(daily, entrypoint=f"{__name__}.spreading", parameters={}),
        "Its runs start others of it, which the limit would cancel",
    ),
]
STARTS: list[tuple[Break, str]] = [
    (
        sets(schedule, cron="50 25 * * *"),
        "pipeline/daily-pipeline bls-data-quest-daily: '50 25 * * *'",
    ),
    (sets(schedule, timezone="America/New York"), "bls-data-quest-daily: 'America/New York'"),
    (
        sets(schedule, cron="0 0 31 2 *"),
        "bls-data-quest-daily: '0 0 31 2 *': This date never comes",
    ),
    (
        lambda c: report(c)["triggers"].append(deepcopy(trigger(c))),
        "is taken: both would run the deployment.",
    ),
    (
        sets(trigger, parameters={"nope": 1}),
        "report/report-on-change triggers: The flow has no parameter nope.",
    ),
    (sets(trigger, matches={}), "An event trigger has no matches"),
    (sets(trigger, name="report"), "Its name must begin with 'BLS Data Quest: '"),
    (lambda c: trigger(c).pop("expect"), "Without expect, any event would run the deployment."),
    (sets(trigger, posture="Sometimes"), "triggers: posture: Input should be"),
]
JOBS: list[tuple[Break, str]] = [
    (sets(job, memory_mb=2048), "The work pool has no variable memory_mb"),
    (sets(job, launch_type="EC2"), "Job variables launch_type: 'EC2' is not one of"),
    (sets(job, cpu=256, memory=4096), "Fargate has no task of 256 CPU units with 4096 MiB."),
    (sets(job, cpu=[512]), "Job variables cpu: [512] is not of type 'integer'"),
    (sets(job, env=None), "Job variables env: None is not of type 'object'"),
    (
        sets(job, image="example.org/bls-data-quest:latest"),
        "Its image is {{ $IMAGE_REPOSITORY }}:{{ $IMAGE_TAG }}",
    ),
    (sets(daily, version="1"), "and its version {{ $IMAGE_TAG }}"),
    (sets(job, family="x"), "Its family is not bls-data-quest-daily-pipeline"),
    (sets(job, command="sleep 9"), "daily-pipeline: command is the work pool's"),
    (
        sets(job, task_role_arn="arn:aws:iam::123456789012:role/admin"),
        "daily-pipeline: task_role_arn is the work pool's",
    ),
]
SECRETS: list[tuple[Break, str]] = [
    (sets(job, env={"API_TOKEN": "hush"}), "API_TOKEN in env is readable by"),
    (sets(job, env={1: "x", "DB_PASSWD": "hush"}), "DB_PASSWD in env is readable by"),
    (sets(job, env={"DB": "postgresql://me:hush@example.org/db"}), "DB in env is readable by"),
    (
        sets(given, lake="s3://key:hush@bucket"),
        "daily-pipeline parameters: The address in lake holds a password",
    ),
    (
        sets(given, lake="s3://key:hu/sh@bucket/prefix"),
        "daily-pipeline parameters: The address in lake holds a password",
    ),
    (
        sets(trigger, parameters={"lake": "s3://k:hush@bucket"}),
        "report-on-change triggers: The address in lake holds a password",
    ),
]


@pytest.mark.parametrize(
    ("wrong", "finding"), [*FORMS, *VARIABLES, *NAMES, *STARTS, *JOBS, *SECRETS]
)
def test_what_prefect_would_let_pass_is_named_with_what_is_wrong(
    wrong: Break, finding: str
) -> None:
    said = said_of(wrong)

    assert finding in said
    assert "hush" not in said


@pytest.mark.parametrize(
    ("wrong", "finding"),
    [
        (
            lambda t: t["job_configuration"].update(vpc="x"),
            "work_pool.json: The ECS worker has no setting vpc.",
        ),
        (
            lambda t: t["job_configuration"]["task_definition"].update(memory="{{ memry }}"),
            "{{ memry }} is no variable",
        ),
        (
            lambda t: t["variables"]["properties"].update(colour={"type": "string"}),
            "The variable colour is used nowhere.",
        ),
    ],
)
def test_a_broken_template_is_named_with_what_is_wrong(wrong: Break, finding: str) -> None:
    template = read_template()
    wrong(template)

    assert finding in "\n".join(lint(read_project_file(), template))


def test_all_that_is_wrong_is_said_at_once() -> None:
    def wrong(content: dict[str, Any]) -> None:
        daily(content)["parameters"]["survey"] = "pr"
        job(content)["cpu"] = 300

    said = said_of(wrong)

    assert "no parameter survey" in said
    assert "no task of 300 CPU units" in said


def test_a_variable_that_is_not_set_is_found_where_the_environment_is_checked() -> None:
    content, template = read_project_file(), read_template()
    image = {"IMAGE_REPOSITORY": "example.org/x", "IMAGE_TAG": " "}

    (finding,) = lint(content, template, image)

    assert "It uses $IMAGE_TAG, which is not set" in finding
    assert lint(content, template, image | {"IMAGE_TAG": "1.2.3"}) == ()


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
