"""Lint is silent on our own files, and speaks up on each broken copy."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from deployments.lint import lint
from deployments.project_file import read_project_file
from deployments.work_pool import read_template
from flows.lake.model import Misuse

if TYPE_CHECKING:
    from pathlib import Path

Break = Callable[[dict[str, Any]], object]


def said(content: dict[str, Any], template: dict[str, Any]) -> str:
    return "\n".join(finding.sentence() for finding in lint(content, template))


def daily(content: dict[str, Any]) -> dict[str, Any]:
    deployment: dict[str, Any] = content["deployments"][0]
    return deployment


def job(content: dict[str, Any]) -> dict[str, Any]:
    variables: dict[str, Any] = daily(content)["work_pool"]["job_variables"]
    return variables


def report(content: dict[str, Any]) -> dict[str, Any]:
    deployment: dict[str, Any] = content["deployments"][3]
    return deployment


def test_nothing_is_found_in_our_own_files() -> None:
    assert said(read_project_file(), read_template()) == ""


@pytest.mark.parametrize(
    ("wrong", "finding"),
    [
        pytest.param(lambda c: c.update(job={}), "prefect.yaml job: Extra inputs", id="top key"),
        pytest.param(
            lambda c: daily(c).update(schedule={}),
            "deployments[0].schedule: Extra inputs",
            id="deployment key",
        ),
        pytest.param(
            lambda c: daily(c)["work_pool"].update(variables={}),
            "work_pool.variables: Extra inputs",
            id="pool key",
        ),
        pytest.param(
            lambda c: daily(c)["schedules"][0].update(zone="x"),
            "schedules[0].zone: Extra inputs",
            id="schedule key",
        ),
        pytest.param(
            lambda c: daily(c)["schedules"][0].pop("timezone"),
            "schedules[0].timezone: Field required",
            id="no time zone",
        ),
        pytest.param(
            lambda c: daily(c)["schedules"][0].pop("slug"),
            "schedules[0].slug: Field required",
            id="no slug",
        ),
        pytest.param(
            lambda c: daily(c)["concurrency_limit"].update(collision_strategy="CANCEL"),
            "collision_strategy: Input should be",
            id="strategy",
        ),
        pytest.param(
            lambda c: daily(c).update(description=""), "description: String", id="no description"
        ),
        pytest.param(
            lambda c: c.update(build=[{"x": {}}]), "build: Input should be None", id="build"
        ),
        pytest.param(
            lambda c: job(c).update(family="{{ $FAMILY }}"),
            "{{ $FAMILY }} is not one of IMAGE_REPOSITORY, IMAGE_TAG",
            id="variable that apply does not ask for",
        ),
        pytest.param(
            lambda c: job(c).update(env={"X": "{{ prefect.blocks.secret.key }}"}),
            "would store the block's secret in the deployment, in plain text",
            id="secret's template",
        ),
        pytest.param(
            lambda c: daily(c)["parameters"].update(lake="{{ prefect.variables.lake }}"),
            "is filled in by nothing here",
            id="prefect variable",
        ),
        pytest.param(
            lambda c: job(c).update(env={"API_TOKEN": "hush"}),
            "API_TOKEN in env is readable by whoever may describe tasks",
            id="secret in env",
        ),
        pytest.param(
            lambda c: daily(c)["parameters"].update(survey="pr"),
            "pipeline/daily: The flow has no parameter survey.",
            id="parameter",
        ),
        pytest.param(
            lambda c: daily(c)["parameters"].update(first_year="two"),
            "The flow does not take these parameters",
            id="parameter's type",
        ),
        pytest.param(
            lambda c: job(c).update(memory_mb=2048),
            "The work pool has no variable memory_mb",
            id="job variable",
        ),
        pytest.param(
            lambda c: job(c).update(launch_type="EC2"),
            "Job variables launch_type: 'EC2' is not one of",
            id="job variable's value",
        ),
        pytest.param(
            lambda c: job(c).update(cpu=256, memory=4096),
            "Fargate has no task of 256 CPU units with 4096 MiB.",
            id="size",
        ),
        pytest.param(
            lambda c: job(c).update(image="example.org/bls-data-quest:latest"),
            "Its image is {{ $IMAGE_REPOSITORY }}:{{ $IMAGE_TAG }}",
            id="mutable image",
        ),
        pytest.param(
            lambda c: job(c).update(cpu=[512]),
            "Job variables cpu: [512] is not of type 'integer'",
            id="size of another type",
        ),
        pytest.param(
            lambda c: job(c).update(env=None),
            "Job variables env: None is not of type 'object'",
            id="env of another type",
        ),
        pytest.param(
            lambda c: job(c).update(env={1: "x", "DB_PASSWD": "hush"}),
            "DB_PASSWD in env is readable by whoever may describe tasks",
            id="another secret in env",
        ),
        pytest.param(
            lambda c: job(c).update(env={"DB": "postgresql://me:hush@example.org/db"}),
            "DB in env is readable by whoever may describe tasks",
            id="secret in an address in env",
        ),
        pytest.param(
            lambda c: c.update(deployments=[]),
            "deployments: List should have at least 1 item",
            id="no deployments",
        ),
        pytest.param(
            lambda c: daily(c).update(name="a/b"), "name: String should match", id="name's form"
        ),
        pytest.param(
            lambda c: daily(c)["schedules"][0].update(timezone=""),
            "timezone: String should have at least 1 character",
            id="empty zone",
        ),
        pytest.param(
            lambda c: daily(c).update(version="1"), "and its version {{ $IMAGE_TAG }}", id="version"
        ),
        pytest.param(
            lambda c: daily(c)["schedules"][0].update(cron="50 25 * * *"),
            "pipeline/daily bls-data-quest-daily: '50 25 * * *'",
            id="cron",
        ),
        pytest.param(
            lambda c: daily(c)["schedules"][0].update(timezone="America/New York"),
            "pipeline/daily bls-data-quest-daily: 'America/New York'",
            id="zone",
        ),
        pytest.param(
            lambda c: daily(c).update(entrypoint="flows.pipeline.pipe"),
            "The entrypoint flows.pipeline.pipe does not import",
            id="no such flow",
        ),
        pytest.param(
            lambda c: daily(c).update(entrypoint="flows.nothing.pipeline"),
            "The entrypoint flows.nothing.pipeline does not import",
            id="no such module",
        ),
        pytest.param(
            lambda c: daily(c).update(entrypoint="flows/pipeline.py:pipeline"),
            "is not like flows.mirror.mirror",
            id="entrypoint by file",
        ),
        pytest.param(
            lambda c: c["deployments"].append(deepcopy(daily(c))),
            "pipeline/daily: Its name is taken",
            id="name",
        ),
        pytest.param(
            lambda c: daily(c)["tags"].remove("bls-data-quest"),
            "Without the tag bls-data-quest",
            id="tag",
        ),
        pytest.param(
            lambda c: job(c).update(family="prefect"),
            "Its family is not bls-data-quest-pipeline-daily",
            id="family",
        ),
        pytest.param(
            lambda c: daily(c)["schedules"][0].update(slug="daily"),
            "The slug daily must be unique, and begin with bls-data-quest-.",
            id="slug",
        ),
        pytest.param(
            lambda c: daily(c).update(
                work_pool={"name": "other", "job_variables": deepcopy(job(c))}
            ),
            "There is one work pool, not bls-data-quest and other.",
            id="pool",
        ),
        pytest.param(
            lambda c: c["pull"][0].update({next(iter(c["pull"][0])): {"directory": "app"}}),
            "prefect.yaml pull: It is not one step",
            id="relative folder",
        ),
        pytest.param(
            lambda c: c["pull"][0].update({next(iter(c["pull"][0])): None}),
            "prefect.yaml pull: It is not one step",
            id="no folder",
        ),
        pytest.param(
            lambda c: c["pull"][0].update({"prefect.deployments.steps.run_shell_script": {}}),
            "prefect.yaml pull: It is not one step",
            id="second step",
        ),
        pytest.param(
            lambda c: report(c)["triggers"].append(deepcopy(report(c)["triggers"][0])),
            "is taken: both would run the deployment.",
            id="trigger twice",
        ),
        pytest.param(
            lambda c: report(c)["triggers"][0].update(parameters={"nope": 1}),
            "report/on-change triggers: The flow has no parameter nope.",
            id="trigger's parameter",
        ),
        pytest.param(
            lambda c: report(c)["triggers"][0].update(matches={}),
            "An event trigger has no matches",
            id="trigger's key",
        ),
        pytest.param(
            lambda c: report(c)["triggers"][0].update(name="report"),
            "Its name must begin with 'BLS Data Quest: '",
            id="trigger's name",
        ),
        pytest.param(
            lambda c: report(c)["triggers"][0].pop("expect"),
            "Without expect, any event would run the deployment.",
            id="trigger without event",
        ),
        pytest.param(
            lambda c: report(c)["triggers"][0].update(posture="Sometimes"),
            "report/on-change triggers: posture: Input should be",
            id="trigger's posture",
        ),
    ],
)
def test_a_broken_deployment_is_named_with_what_is_wrong(wrong: Break, finding: str) -> None:
    content = deepcopy(read_project_file())
    # Anchors make one object of several places.
    content["deployments"] = [deepcopy(deployment) for deployment in content["deployments"]]
    wrong(content)

    assert finding in said(content, read_template())


@pytest.mark.parametrize(
    ("wrong", "finding"),
    [
        pytest.param(
            lambda t: t["job_configuration"].update(vpc="x"),
            "work_pool.json: The ECS worker has no setting vpc.",
            id="setting",
        ),
        pytest.param(
            lambda t: t["job_configuration"]["task_definition"].update(memory="{{ memry }}"),
            "{{ memry }} is no variable",
            id="placeholder",
        ),
        pytest.param(
            lambda t: t["variables"]["properties"].update(colour={"type": "string"}),
            "The variable colour is used nowhere.",
            id="variable",
        ),
    ],
)
def test_a_broken_template_is_named_with_what_is_wrong(wrong: Break, finding: str) -> None:
    template = read_template()
    wrong(template)

    assert finding in said(read_project_file(), template)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"job_configuration": {}}', '{"job_configuration": 1, "variables": 2}']
)
def test_a_file_that_is_no_template_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "work_pool.json"
    file.write_text(text)

    with pytest.raises(Misuse, match=r"work_pool\.json is no job template"):
        read_template(file)


def test_all_that_is_wrong_is_said_at_once() -> None:
    content = deepcopy(read_project_file())
    daily(content)["parameters"]["survey"] = "pr"
    job(content)["cpu"] = 300

    found = said(content, read_template())

    assert "no parameter survey" in found
    assert "no task of 300 CPU units" in found


def test_a_variable_that_is_not_set_is_found_where_it_is_asked() -> None:
    content, template = read_project_file(), read_template()
    image = {"IMAGE_REPOSITORY": "example.org/x", "IMAGE_TAG": " "}

    (finding,) = lint(content, template, image)

    assert "It uses $IMAGE_TAG, which is not set" in finding.sentence()
    assert lint(content, template, image | {"IMAGE_TAG": "1.2.3"}) == ()
