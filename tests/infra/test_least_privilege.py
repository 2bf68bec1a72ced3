"""Under the flow's own role, with moto enforcing IAM: the pipeline passes, and nothing else does.

Moto knows actions and S3's resources, but takes a condition that it cannot read for a denial, and
so the name of any other resource: the bucket's own policy, which is all conditions, is put aside
meanwhile, and what the role may do in Glue it may do in any database. What is denied here is denied
by the role alone; test_policies.py asks the same of both policies, names, conditions and all.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.infra.conftest import Stack
from tests.support.prefect_server import clean_environment

pytestmark = pytest.mark.infra

Credentials = dict[str, str]
FLOW = "bls-data-quest-flow"
OTHERS = "somebody-elses-bucket"
DENIED = {"AccessDenied", "AccessDeniedException", "403", "UnauthorizedOperation"}


@pytest.fixture(scope="module")
def flow_role(stack: Stack) -> Iterator[Credentials]:
    """The role's credentials, while IAM is enforced."""
    admin = stack.aws.client("s3")
    admin.create_bucket(Bucket=OTHERS)
    policy = admin.get_bucket_policy(Bucket=stack.bucket)["Policy"]
    admin.delete_bucket_policy(Bucket=stack.bucket)
    iam, inline = stack.aws.client("iam"), {"RoleName": FLOW, "PolicyName": "lake"}
    own = iam.get_role_policy(**inline)["PolicyDocument"]
    statements = [s | ({"Resource": "*"} if s["Sid"] == "Point" else {}) for s in own["Statement"]]
    iam.put_role_policy(**inline, PolicyDocument=json.dumps(own | {"Statement": statements}))
    credentials = stack.aws.assumed(stack.outputs["task_role_arn"])
    with stack.aws.enforcing():
        yield credentials
    admin.put_bucket_policy(Bucket=stack.bucket, Policy=policy)
    iam.put_role_policy(**inline, PolicyDocument=json.dumps(own))


def pipeline(
    stack: Stack, credentials: Credentials, lake: str, home: Path
) -> subprocess.CompletedProcess[str]:
    given = stack.aws.environment(credentials)
    environment = clean_environment(home) | {k: v for k, v in given.items() if k.startswith("AWS_")}
    environment["GLUE_DATABASE"] = stack.outputs["glue_database"]
    command = "flows", "pipeline", "--sample", "1", "--verbose", "--lake", lake
    return subprocess.run(
        [sys.executable, "-m", *command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=540,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prefect's, for all runs: its database takes seconds to make."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def passed(stack: Stack, flow_role: Credentials, home: Path) -> subprocess.CompletedProcess[str]:
    """A run of the pipeline under the role."""
    return pipeline(stack, flow_role, stack.outputs["lake"], home)


def successes(stack: Stack, log: str) -> list[str]:
    """The lines of a log that CloudWatch would count as a success of the pipeline."""
    pattern = stack.resources["aws_cloudwatch_log_metric_filter.success"]["pattern"]
    terms = re.findall(r'"([^"]+)"', pattern)
    assert terms
    return [line for line in log.splitlines() if all(term in line for term in terms)]


def test_the_whole_pipeline_passes_and_writes_every_folder_of_the_lake(
    stack: Stack, flow_role: Credentials, passed: subprocess.CompletedProcess[str]
) -> None:
    assert passed.returncode == 0, passed.stderr
    assert "The answers" in passed.stdout
    assert "were not made" not in passed.stderr
    assert "front page was not made" not in passed.stderr
    listed = stack.aws.client("s3", flow_role).list_objects_v2(Bucket=stack.bucket)["Contents"]
    folders = {found["Key"].split("/")[0] for found in listed}
    assert folders >= {"bls", "census", "analytics", "vintages", "manifests", "state", "tables"}
    assert folders >= {"index.html", "feed.xml"}
    # One line of its log is what the alarm takes for a success.
    assert len(successes(stack, passed.stderr)) == 1, passed.stderr


def test_the_pipeline_sets_the_tables_that_athena_reads(
    stack: Stack, flow_role: Credentials, passed: subprocess.CompletedProcess[str]
) -> None:
    assert "Glue" not in passed.stderr
    glue = stack.aws.client("glue", flow_role)
    for name in ("pr", "pr_series", "pr_files"):
        table = glue.get_table(DatabaseName=stack.outputs["glue_database"], Name=name)["Table"]
        at = table["Parameters"]["metadata_location"]
        assert at.startswith(f"s3://{stack.bucket}/tables/bls/pr/")
        assert at.endswith("/metadata/v1.metadata.json")


def test_a_pipeline_on_another_bucket_is_denied_and_is_no_success(
    stack: Stack, flow_role: Credentials, home: Path
) -> None:
    ended = pipeline(stack, flow_role, f"s3://{OTHERS}", home)
    assert ended.returncode == 1
    assert "access was denied" in ended.stdout
    assert successes(stack, ended.stderr) == []


KEPT = "vintages/bls/pr/pr.class/0"
FORBIDDEN: dict[str, tuple[str, str, dict[str, str]]] = {
    "read another bucket": ("s3", "get_object", {"Bucket": OTHERS, "Key": "bls/a"}),
    "delete a vintage": ("s3", "delete_object", {"Bucket": "{bucket}", "Key": KEPT}),
    "delete a table": (
        "glue",
        "delete_table",
        {"DatabaseName": "{glue_database}", "Name": "pr"},
    ),
    "read the Prefect credential": (
        "secretsmanager",
        "get_secret_value",
        {"SecretId": "{prefect_api_secret_arn}"},
    ),
}
"""A call of some services; test_policies.py has the others."""


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_flow_may_not(what: str, stack: Stack, flow_role: Credentials) -> None:
    service, call, template = FORBIDDEN[what]
    names = {"bucket": stack.bucket, **stack.outputs}
    given = {key: value.format(**names) for key, value in template.items()}
    with pytest.raises(ClientError) as refusal:
        getattr(stack.aws.client(service, flow_role), call)(**given)
    assert refusal.value.response["Error"]["Code"] in DENIED


def test_what_the_flow_may_do_is_not_denied(stack: Stack, flow_role: Credentials) -> None:
    """The denials above are not those of credentials that may do nothing at all."""
    s3 = stack.aws.client("s3", flow_role)
    for folder in ("bls", "census", "analytics", "tables", "state"):
        s3.put_object(Bucket=stack.bucket, Key=f"{folder}/a", Body=b"a")
        s3.delete_object(Bucket=stack.bucket, Key=f"{folder}/a")
    s3.put_object(Bucket=stack.bucket, Key=KEPT, Body=b"a", IfNoneMatch="*")
    assert s3.get_object(Bucket=stack.bucket, Key=KEPT)["Body"].read() == b"a"
    assert s3.list_multipart_uploads(Bucket=stack.bucket).get("Uploads", []) == []
