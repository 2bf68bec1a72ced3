"""Lint is silent on our own files, and speaks up on each broken copy."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import pytest

from blsquest.core.errors import Misuse
from deployments.lint import lint
from deployments.project_file import PROJECT_FILE, read_project_file
from deployments.work_pool import read_template
from tests.deployments.broken import Break, daily, job, said, said_of

if TYPE_CHECKING:
    from pathlib import Path


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
            lambda c: c.update(deployments=[]),
            "deployments: List should have at least 1 item",
            id="no deployments",
        ),
        pytest.param(
            lambda c: job(c).update(family="bls-{{ $IMAGE_TAG"),
            "job_variables.family: A {{ without its }}",
            id="template that does not end",
        ),
    ],
)
def test_a_file_of_another_form_is_named_with_what_is_wrong(wrong: Break, finding: str) -> None:
    assert finding in said_of(wrong)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(
            "        cpu: 512\n",
            "        cpu: 512\n        cpu: 1024\n",
            "The key cpu stands in line {line} already",
            id="job variable",
        ),
        pytest.param(
            "pull:\n",
            "pull: []\npull:\n",
            "The key pull stands in line {line} already",
            id="top key",
        ),
        pytest.param(
            "      <<: *pool\n",
            "      <<: *pool\n      <<: *image\n",
            "The key << stands in line {line} already",
            id="merge key",
        ),
    ],
)
def test_a_key_that_stands_twice_is_refused_with_both_its_lines(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    text = PROJECT_FILE.read_text()
    line = text[: text.index(old)].count("\n") + 1
    file = tmp_path / "prefect.yaml"
    file.write_text(text.replace(old, new, 1))

    with pytest.raises(Misuse) as found:
        read_project_file(file)

    assert found.value.what.startswith(f"prefect.yaml line {line + 1}: {said.format(line=line)}")
    assert "Keep one of each" in found.value.remedy


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
