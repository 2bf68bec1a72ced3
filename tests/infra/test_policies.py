"""What the roles' and the bucket's policies say, conditions included: AWS's rules, offline.

`answer.mjs` asks the simulator that package.json pins (its data are AWS's service authorization
reference); `npm ci` in tests/infra/iam installs it.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.infra.conftest import Stack

pytestmark = pytest.mark.infra

FOLDER = Path(__file__).parent / "iam"
ACCOUNT = "123456789012"
OVER_TLS = {"aws:SecureTransport": "true"}

KEY_POLICY = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "kms:*",
        "Resource": "*",
    },
}
"""A key's usual one: it leaves it to the account's own policies."""

Who = Literal["flow", "worker", "execution", "ci[0]", "admin"]


@dataclass(frozen=True)
class Question:
    """May this role do this?

    Attributes:
        who: The role as Terraform names it, or somebody whose own policy allows everything.
        action: `service:Action`.
        resource: An ARN, in which `{…}` are Terraform's outputs, `bucket` and `account`.
        context: Condition keys of the request, beside TLS; their values may hold the same.
    """

    who: Who
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


VINTAGE = "arn:aws:s3:::{bucket}/vintages/bls/pr/pr.class/0"
MANIFEST = "arn:aws:s3:::{bucket}/manifests/bls/pr/00000001.json"
VIEW = "arn:aws:s3:::{bucket}/bls/pr/pr.class"
PAGES = [f"arn:aws:s3:::{{bucket}}/{key}" for key in ("index.html", "feed.xml")]
OBJECT = {"s3:ObjectCreationOperation": "true"}
PART = {"s3:ObjectCreationOperation": "false"}
IF_NEW = {"s3:if-none-match": "*"}
FAMILY = "arn:aws:ecs:{aws_region}:{account}:task-definition/bls-data-quest-daily-pipeline:7"
OTHER_FAMILY = "arn:aws:ecs:{aws_region}:{account}:task-definition/payroll:1"
TASK = "arn:aws:ecs:{aws_region}:{account}:task/bls-data-quest/0123"
OTHER_TASK = "arn:aws:ecs:{aws_region}:{account}:task/payroll/0123"
HERE = {"ecs:cluster": "{cluster_arn}"}
ELSEWHERE = {"ecs:cluster": "arn:aws:ecs:us-east-1:123456789012:cluster/payroll"}
WORKER_FAMILY = "arn:aws:ecs:{aws_region}:{account}:task-definition/bls-data-quest-worker:7"
TO_WORKER_FAMILY = {"ecs:task-definition": WORKER_FAMILY}
TO_OTHER_FAMILY = {"ecs:task-definition": OTHER_FAMILY}
OTHER_SERVICE = "arn:aws:ecs:{aws_region}:{account}:service/payroll/worker"
SERVICE = "arn:aws:ecs:{aws_region}:{account}:service/bls-data-quest/worker"
TO_EC2 = {"iam:PassedToService": "ec2.amazonaws.com"}
TO_TASKS = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
STREAM = "arn:aws:logs:{aws_region}:{account}:log-group:{log_group}:log-stream:a"
WORKER_STREAM = "arn:aws:logs:{aws_region}:{account}:log-group:/bls-data-quest/worker:log-stream:a"
QUEUE = "arn:aws:sqs:{aws_region}:{account}:bls-data-quest-task-events"
OTHER_SECRET = "arn:aws:secretsmanager:{aws_region}:{account}:secret:payroll-AbCdEf"
REPOSITORY = "arn:aws:ecr:{aws_region}:{account}:repository/bls-data-quest"
OTHER_REPOSITORY = "arn:aws:ecr:{aws_region}:{account}:repository/payroll"
ROLE = "arn:aws:iam::{account}:role"
ROLES_OF_TASKS, OTHER_ROLES = ("task", "execution"), ("bls-data-quest-worker", "admin")
EVERYBODY: tuple[Who, ...] = ("admin", "flow")
GLUE = "arn:aws:glue:{aws_region}:{account}"
CATALOG, DATABASE = f"{GLUE}:catalog", f"{GLUE}:database/{{glue_database}}"
BUCKET = "arn:aws:s3:::{bucket}"
BY_S3 = {"kms:ViaService": "s3.{aws_region}.amazonaws.com"}
PLAIN = {"aws:SecureTransport": "false"}
TABLE = f"{GLUE}:table/{{glue_database}}/pr_files"

Row = tuple[Who, str, str] | tuple[Who, str, str, dict[str, str]]
"""Who, one or several actions of a service, on what, and with which condition keys."""

ALLOWED: list[Row] = [
    # The flow: create what is for ever, derive the rest.
    *(("flow", "s3:PutObject", kept, OBJECT | IF_NEW) for kept in (VINTAGE, MANIFEST)),
    ("flow", "s3:PutObject", VINTAGE, PART),
    ("flow", "s3:AbortMultipartUpload GetObject", VINTAGE),
    *(("flow", "s3:PutObject", derived, OBJECT) for derived in (VIEW, *PAGES)),
    ("flow", "s3:DeleteObject", VIEW),
    *(("flow", "s3:GetObject", page) for page in PAGES),
    ("flow", "s3:ListBucket", BUCKET),
    ("flow", "kms:GenerateDataKey Decrypt", "{lake_kms_key}", BY_S3),
    *(
        ("flow", "glue:GetTable CreateTable UpdateTable", resource)
        for resource in (CATALOG, DATABASE, TABLE)
    ),
    # The worker: run, watch and stop this project's tasks in its cluster.
    ("worker", "ecs:RegisterTaskDefinition", FAMILY),
    ("worker", "ecs:DescribeTaskDefinition", "*"),
    ("worker", "ecs:RunTask", FAMILY, HERE),
    ("worker", "ecs:TagResource", TASK, {"ecs:CreateAction": "RunTask"}),
    ("worker", "ecs:DescribeTasks StopTask", TASK, HERE),
    *(("worker", "iam:PassRole", f"{{{role}_role_arn}}", TO_TASKS) for role in ROLES_OF_TASKS),
    ("worker", "sqs:GetQueueUrl ReceiveMessage DeleteMessage ChangeMessageVisibility", QUEUE),
    ("worker", "logs:GetLogEvents", STREAM),
    # ECS, to start a task.
    ("execution", "ecr:GetAuthorizationToken", "*"),
    ("execution", "ecr:BatchGetImage GetDownloadUrlForLayer", REPOSITORY),
    ("execution", "logs:CreateLogStream PutLogEvents", STREAM),
    ("execution", "logs:PutLogEvents", WORKER_STREAM),
    ("execution", "secretsmanager:GetSecretValue", "{prefect_api_secret_arn}"),
    # CI: push, and bring the worker there.
    ("ci[0]", "ecr:GetAuthorizationToken", "*"),
    (
        "ci[0]",
        "ecr:PutImage UploadLayerPart DescribeImageScanFindings StartImageScan",
        REPOSITORY,
    ),
    ("ci[0]", "ecs:DescribeServices", SERVICE),
    ("ci[0]", "ecs:DescribeTaskDefinition", "*"),
    ("ci[0]", "ecs:RegisterTaskDefinition", WORKER_FAMILY),
    ("ci[0]", "ecs:UpdateService", SERVICE, TO_WORKER_FAMILY),
    ("ci[0]", "iam:PassRole", f"{ROLE}/bls-data-quest-worker", TO_TASKS),
    ("ci[0]", "iam:PassRole", "{execution_role_arn}", TO_TASKS),
]
DENIED: list[Row] = [
    ("flow", "glue:DeleteTable", TABLE),
    ("flow", "glue:UpdateTable", f"{GLUE}:table/payroll/pr"),
    ("flow", "glue:CreateTable", f"{GLUE}:database/payroll"),
    ("flow", "glue:UpdateDatabase", DATABASE),
    ("flow", "glue:GetTable", f"{GLUE}:table/payroll/staff"),
    ("worker", "glue:UpdateTable", TABLE),
    ("flow", "kms:Decrypt", "{lake_kms_key}"),
    ("flow", "kms:Decrypt", "arn:aws:kms:{aws_region}:{account}:key/payroll", BY_S3),
    ("flow", "kms:ScheduleKeyDeletion", "{lake_kms_key}", BY_S3),
    ("worker", "kms:Decrypt", "{lake_kms_key}", BY_S3),
    ("flow", "s3:PutObject", f"{BUCKET}/elsewhere", OBJECT | IF_NEW),
    *(("flow", "s3:PutObject", f"{page}/a", OBJECT) for page in PAGES),
    *(("worker", "s3:PutObject", page, OBJECT) for page in PAGES),
    ("flow", "s3:PutObject", "arn:aws:s3:::another/index.html", OBJECT),
    ("flow", "s3:GetObject", "arn:aws:s3:::another/bls/pr/pr.class"),
    ("flow", "s3:PutObject", "arn:aws:s3:::another/bls/pr/pr.class", OBJECT | IF_NEW),
    ("flow", "s3:ListBucket", "arn:aws:s3:::another"),
    ("flow", "s3:PutObjectRetention", VINTAGE),
    ("flow", "s3:DeleteObjectVersion", VIEW),
    ("flow", "s3:DeleteBucket PutBucketVersioning", BUCKET),
    ("flow", "s3:GetBucketPolicy PutBucketPolicy DeleteBucketPolicy", BUCKET),
    ("flow", "s3:PutBucketPublicAccessBlock PutLifecycleConfiguration", BUCKET),
    ("flow", "iam:PassRole", "{task_role_arn}", TO_TASKS),
    ("flow", "secretsmanager:GetSecretValue", "{prefect_api_secret_arn}"),
    ("flow", "ecs:RunTask", FAMILY, HERE),
    ("flow", "ecs:StopTask", TASK, HERE),
    ("flow", "ecs:RegisterTaskDefinition", FAMILY),
    ("flow", "sqs:GetQueueUrl ReceiveMessage", QUEUE),
    ("flow", "iam:PutRolePolicy", f"{ROLE}/bls-data-quest-flow"),
    ("flow", "logs:GetLogEvents", STREAM),
    ("flow", "ecr:PutImage", REPOSITORY),
    ("flow", "iam:CreateUser", "arn:aws:iam::{account}:user/a"),
    ("flow", "sts:AssumeRole", "{execution_role_arn}"),
    ("worker", "ecs:RunTask", FAMILY, ELSEWHERE),
    ("worker", "ecs:RunTask", OTHER_FAMILY, HERE),
    ("worker", "ecs:RegisterTaskDefinition", OTHER_FAMILY),
    ("worker", "ecs:StopTask", OTHER_TASK, ELSEWHERE),
    ("worker", "ecs:TagResource", TASK, {"ecs:CreateAction": "CreateService"}),
    ("worker", "iam:PassRole", "{task_role_arn}", TO_EC2),
    *(("worker", "iam:PassRole", f"{ROLE}/{role}", TO_TASKS) for role in OTHER_ROLES),
    ("worker", "s3:GetObject", VIEW),
    ("worker", "secretsmanager:GetSecretValue", "{prefect_api_secret_arn}"),
    ("worker", "sqs:ReceiveMessage", f"{QUEUE}-dead"),
    ("worker", "logs:GetLogEvents", WORKER_STREAM),
    ("execution", "s3:GetObject", VIEW),
    ("execution", "ecr:PutImage", REPOSITORY),
    ("execution", "secretsmanager:GetSecretValue", OTHER_SECRET),
    ("ci[0]", "ecr:PutImage DescribeImageScanFindings", OTHER_REPOSITORY),
    ("ci[0]", "ecr:BatchDeleteImage", REPOSITORY),
    ("ci[0]", "ecs:UpdateService DeleteService", SERVICE),
    ("ci[0]", "ecs:UpdateService", SERVICE, TO_OTHER_FAMILY),
    ("ci[0]", "ecs:UpdateService", OTHER_SERVICE, TO_WORKER_FAMILY),
    ("ci[0]", "ecs:RegisterTaskDefinition", FAMILY),
    ("ci[0]", "ecs:RegisterTaskDefinition", OTHER_FAMILY),
    ("ci[0]", "ecs:RunTask", WORKER_FAMILY, HERE),
    ("ci[0]", "iam:PassRole", "{task_role_arn}", TO_TASKS),
    ("ci[0]", "iam:PassRole", f"{ROLE}/bls-data-quest-worker", TO_EC2),
    ("ci[0]", "iam:PassRole", f"{ROLE}/admin", TO_TASKS),
    ("ci[0]", "secretsmanager:GetSecretValue", "{prefect_api_secret_arn}"),
    ("ci[0]", "s3:GetObject", VIEW),
]
DENIED_THOUGH_ANOTHER_STATEMENT_ALLOWS_IT: list[Row] = [
    ("worker", "ecs:RegisterTaskDefinition", WORKER_FAMILY),
    # By the bucket, to everybody.
    *((who, "s3:PutObject", kept, OBJECT) for who in EVERYBODY for kept in (VINTAGE, MANIFEST)),
    *((who, "s3:DeleteObject", kept) for who in EVERYBODY for kept in (VINTAGE, MANIFEST)),
    ("admin", "s3:DeleteObjectVersion", MANIFEST),
    ("flow", "s3:GetObject", VIEW, PLAIN),
    ("admin", "s3:ListBucket", BUCKET, PLAIN),
]
EXPECTED = [
    (Question(who, f"{service}:{action}", resource, *context), answer)
    for rows, answer in (
        (ALLOWED, "Allowed"),
        (DENIED, "ImplicitlyDenied"),
        (DENIED_THOUGH_ANOTHER_STATEMENT_ALLOWS_IT, "ExplicitlyDenied"),
    )
    for who, actions, resource, *context in rows
    for service, _, names in [actions.partition(":")]
    for action in names.split()
]


def answers(questions: Sequence[Question], stack: Stack) -> list[str]:
    """For each question `Allowed`, `ImplicitlyDenied`, `ExplicitlyDenied`, or why it has no sense.

    S3's are put to the bucket's policy too, KMS's to a key's usual one.
    """
    if shutil.which("node") is None or not (FOLDER / "node_modules").is_dir():
        pytest.skip("NOT TESTED: IAM's conditions. node, or npm ci, is missing: make infra-test")
    asked = json.dumps([_simulation(question, stack) for question in questions])
    said = subprocess.run(
        ["node", "answer.mjs"], cwd=FOLDER, input=asked, capture_output=True, text=True, check=True
    )
    found: list[str] = json.loads(said.stdout)
    return found


def _simulation(question: Question, stack: Stack) -> dict[str, Any]:
    names = {"bucket": stack.bucket, "account": ACCOUNT, **stack.outputs}
    context = OVER_TLS | {k: v.format(**names) for k, v in question.context.items()}
    simulation: dict[str, Any] = {
        "request": {
            "principal": f"arn:aws:iam::{ACCOUNT}:role/{question.who.partition('[')[0]}",
            "action": question.action,
            "resource": {"resource": question.resource.format(**names), "accountId": ACCOUNT},
            "contextVariables": context,
        },
        "identityPolicies": [{"name": "own", "policy": _own_policy(question.who, stack)}],
        "serviceControlPolicies": [],
        "resourceControlPolicies": [],
    }
    if question.action.startswith("s3:"):
        simulation["resourcePolicy"] = json.loads(
            stack.resources["aws_s3_bucket_policy.lake"]["policy"]
        )
    if question.action.startswith("kms:"):
        simulation["resourcePolicy"] = KEY_POLICY
    return simulation


def _own_policy(who: Who, stack: Stack) -> Any:
    if who == "admin":
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        return {"Version": "2012-10-17", "Statement": [everything]}
    name, _, index = who.partition("[")
    address = f"aws_iam_role_policy.{name}" + (f"[{index}" if index else "")
    return json.loads(stack.resources[address]["policy"])


@pytest.fixture(scope="module")
def said(stack: Stack) -> dict[str, str]:
    """The answers by question, from one run of the simulator."""
    questions = [question for question, _ in EXPECTED]
    return dict(zip(map(repr, questions), answers(questions, stack), strict=True))


@pytest.mark.parametrize(
    ("question", "expected"),
    EXPECTED,
    ids=[f"{q.who} {q.action} {q.resource}" for q, _ in EXPECTED],
)
def test_a_role_may_do_what_it_needs_and_nothing_else(
    question: Question, expected: str, said: dict[str, str]
) -> None:
    assert said[repr(question)] == expected
