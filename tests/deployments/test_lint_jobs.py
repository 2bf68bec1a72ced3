"""Lint of job variables: what the pool knows, what Fargate sells, what nobody may read."""

from __future__ import annotations

import pytest

from tests.deployments.broken import Break, daily, job, report, said_of


@pytest.mark.parametrize(
    ("wrong", "finding"),
    [
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
            lambda c: daily(c).update(version="1"), "and its version {{ $IMAGE_TAG }}", id="version"
        ),
        pytest.param(
            lambda c: job(c).update(family="prefect"),
            "Its family is not bls-data-quest-pipeline-daily",
            id="family",
        ),
        pytest.param(
            lambda c: job(c).update(env={"API_TOKEN": "hush"}),
            "API_TOKEN in env is readable by whoever may describe tasks",
            id="secret in env",
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
            lambda c: job(c).update(command="sleep infinity"),
            "pipeline/daily: command is the work pool's",
            id="command",
        ),
        pytest.param(
            lambda c: job(c).update(task_role_arn="arn:aws:iam::123456789012:role/admin"),
            "pipeline/daily: task_role_arn is the work pool's",
            id="role",
        ),
        pytest.param(
            lambda c: job(c).update(execution_role_arn="arn:aws:iam::123456789012:role/admin"),
            "pipeline/daily: execution_role_arn is the work pool's",
            id="execution role",
        ),
        pytest.param(
            lambda c: daily(c)["parameters"].update(lake="s3://key:hush@bucket"),
            "pipeline/daily parameters: The address in lake holds a password",
            id="password in the lake's address",
        ),
        pytest.param(
            lambda c: daily(c)["parameters"].update(lake="s3://key:hu/sh@bucket/prefix"),
            "pipeline/daily parameters: The address in lake holds a password",
            id="password with a slash",
        ),
        pytest.param(
            lambda c: report(c)["triggers"][0].update(parameters={"lake": "s3://k:hush@bucket"}),
            "report/on-change triggers: The address in lake holds a password",
            id="password in a trigger's parameters",
        ),
    ],
)
def test_a_job_that_cannot_run_as_written_is_named_with_what_is_wrong(
    wrong: Break, finding: str
) -> None:
    assert finding in said_of(wrong)
