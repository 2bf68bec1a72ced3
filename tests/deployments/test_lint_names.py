"""Lint of names: what tells the project's things apart, and what they refer to."""

from __future__ import annotations

from copy import deepcopy

import pytest

from tests.deployments.broken import Break, daily, everything, job, said_of


@pytest.mark.parametrize(
    ("wrong", "finding"),
    [
        pytest.param(
            lambda c: c["deployments"].append(deepcopy(daily(c))),
            "pipeline/daily: Its name is taken",
            id="name",
        ),
        pytest.param(
            lambda c: daily(c).update(name="a/b"), "name: String should match", id="name's form"
        ),
        pytest.param(
            lambda c: daily(c)["tags"].remove("bls-data-quest"),
            "Without the tag bls-data-quest",
            id="tag",
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
            lambda c: everything(c)["parameters"].update(deployment="surveys/groups"),
            "surveys/all: It starts runs of surveys/groups, which is none of audit/weekly, ",
            id="deployment that runs are started of",
        ),
    ],
)
def test_a_name_that_is_taken_or_leads_nowhere_is_named_with_what_is_wrong(
    wrong: Break, finding: str
) -> None:
    assert finding in said_of(wrong)
