"""What the roles' and the bucket's policies say, conditions included: AWS's rules, offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.infra.iam_questions import Question, answers

if TYPE_CHECKING:
    from tests.infra.conftest import Stack

pytestmark = pytest.mark.infra

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
DEAD = f"{QUEUE}-dead"
REPOSITORY = "arn:aws:ecr:{aws_region}:{account}:repository/bls-data-quest"
OTHER_REPOSITORY = "arn:aws:ecr:{aws_region}:{account}:repository/payroll"
ROLE = "arn:aws:iam::{account}:role"
GLUE = "arn:aws:glue:{aws_region}:{account}"
CATALOG, DATABASE = f"{GLUE}:catalog", f"{GLUE}:database/{{glue_database}}"

BY_S3 = {"kms:ViaService": "s3.{aws_region}.amazonaws.com"}

ALLOWED = [
    # The flow: create what is for ever, derive the rest.
    Question("flow", "s3:PutObject", VINTAGE, OBJECT | IF_NEW),
    Question("flow", "s3:PutObject", MANIFEST, OBJECT | IF_NEW),
    Question("flow", "s3:PutObject", VINTAGE, PART),
    Question("flow", "s3:AbortMultipartUpload", VINTAGE),
    Question("flow", "s3:GetObject", VINTAGE),
    Question("flow", "s3:PutObject", VIEW, OBJECT),
    Question("flow", "s3:DeleteObject", VIEW),
    *(Question("flow", "s3:PutObject", page, OBJECT) for page in PAGES),
    *(Question("flow", "s3:GetObject", page) for page in PAGES),
    Question("flow", "s3:ListBucket", "arn:aws:s3:::{bucket}"),
    Question("flow", "kms:GenerateDataKey", "{lake_kms_key}", BY_S3),
    Question("flow", "kms:Decrypt", "{lake_kms_key}", BY_S3),
    *(
        Question("flow", f"glue:{action}", resource)
        for action in ("GetTable", "CreateTable", "UpdateTable")
        for resource in (CATALOG, DATABASE, f"{GLUE}:table/{{glue_database}}/pr_files")
    ),
    # The worker: run, watch and stop this project's tasks in its cluster.
    Question("worker", "ecs:RegisterTaskDefinition", FAMILY),
    Question("worker", "ecs:DescribeTaskDefinition", "*"),
    Question("worker", "ecs:RunTask", FAMILY, HERE),
    Question("worker", "ecs:TagResource", TASK, {"ecs:CreateAction": "RunTask"}),
    Question("worker", "ecs:DescribeTasks", TASK, HERE),
    Question("worker", "ecs:StopTask", TASK, HERE),
    Question("worker", "iam:PassRole", "{task_role_arn}", TO_TASKS),
    Question("worker", "iam:PassRole", "{execution_role_arn}", TO_TASKS),
    Question("worker", "sqs:GetQueueUrl", QUEUE),
    Question("worker", "sqs:ReceiveMessage", QUEUE),
    Question("worker", "sqs:DeleteMessage", QUEUE),
    Question("worker", "sqs:ChangeMessageVisibility", QUEUE),
    Question("worker", "logs:GetLogEvents", STREAM),
    # ECS, to start a task.
    Question("execution", "ecr:GetAuthorizationToken", "*"),
    Question("execution", "ecr:BatchGetImage", REPOSITORY),
    Question("execution", "ecr:GetDownloadUrlForLayer", REPOSITORY),
    Question("execution", "logs:CreateLogStream", STREAM),
    Question("execution", "logs:PutLogEvents", STREAM),
    Question("execution", "logs:PutLogEvents", WORKER_STREAM),
    Question("execution", "secretsmanager:GetSecretValue", "{prefect_api_secret_arn}"),
    # CI: push, and bring the worker there.
    Question("ci[0]", "ecr:GetAuthorizationToken", "*"),
    Question("ci[0]", "ecr:PutImage", REPOSITORY),
    Question("ci[0]", "ecr:UploadLayerPart", REPOSITORY),
    Question("ci[0]", "ecr:DescribeImageScanFindings", REPOSITORY),
    Question("ci[0]", "ecr:StartImageScan", REPOSITORY),
    Question("ci[0]", "ecs:DescribeServices", SERVICE),
    Question("ci[0]", "ecs:DescribeTaskDefinition", "*"),
    Question("ci[0]", "ecs:RegisterTaskDefinition", WORKER_FAMILY),
    Question("ci[0]", "ecs:UpdateService", SERVICE, TO_WORKER_FAMILY),
    Question("ci[0]", "iam:PassRole", f"{ROLE}/bls-data-quest-worker", TO_TASKS),
    Question("ci[0]", "iam:PassRole", "{execution_role_arn}", TO_TASKS),
]

DENIED = [
    Question("flow", "glue:DeleteTable", f"{GLUE}:table/{{glue_database}}/pr"),
    Question("flow", "glue:UpdateTable", f"{GLUE}:table/payroll/pr"),
    Question("flow", "glue:CreateTable", f"{GLUE}:database/payroll"),
    Question("flow", "glue:UpdateDatabase", DATABASE),
    Question("flow", "glue:GetTable", f"{GLUE}:table/payroll/staff"),
    Question("worker", "glue:UpdateTable", f"{GLUE}:table/{{glue_database}}/pr"),
    Question("flow", "kms:Decrypt", "{lake_kms_key}"),
    Question("flow", "kms:Decrypt", "arn:aws:kms:{aws_region}:{account}:key/payroll", BY_S3),
    Question("flow", "kms:ScheduleKeyDeletion", "{lake_kms_key}", BY_S3),
    Question("worker", "kms:Decrypt", "{lake_kms_key}", BY_S3),
    Question("flow", "s3:PutObject", "arn:aws:s3:::{bucket}/elsewhere", OBJECT | IF_NEW),
    *(Question("flow", "s3:PutObject", f"{page}/a", OBJECT) for page in PAGES),
    *(Question("worker", "s3:PutObject", page, OBJECT) for page in PAGES),
    Question("flow", "s3:PutObject", "arn:aws:s3:::another/index.html", OBJECT),
    Question("flow", "s3:GetObject", "arn:aws:s3:::another/bls/pr/pr.class"),
    Question("flow", "s3:PutObject", "arn:aws:s3:::another/bls/pr/pr.class", OBJECT | IF_NEW),
    Question("flow", "s3:ListBucket", "arn:aws:s3:::another"),
    Question("flow", "s3:PutObjectRetention", VINTAGE),
    Question("flow", "s3:DeleteObjectVersion", VIEW),
    Question("flow", "s3:DeleteBucket", "arn:aws:s3:::{bucket}"),
    Question("flow", "s3:GetBucketPolicy", "arn:aws:s3:::{bucket}"),
    Question("flow", "s3:PutBucketPolicy", "arn:aws:s3:::{bucket}"),
    Question("flow", "s3:PutBucketPublicAccessBlock", "arn:aws:s3:::{bucket}"),
    Question("flow", "s3:PutLifecycleConfiguration", "arn:aws:s3:::{bucket}"),
    Question("flow", "s3:PutBucketVersioning", "arn:aws:s3:::{bucket}"),
    Question("flow", "iam:PassRole", "{task_role_arn}", TO_TASKS),
    Question("flow", "secretsmanager:GetSecretValue", "{prefect_api_secret_arn}"),
    Question("flow", "ecs:RunTask", FAMILY, HERE),
    Question("flow", "ecs:StopTask", TASK, HERE),
    Question("flow", "ecs:RegisterTaskDefinition", FAMILY),
    Question("flow", "sqs:ReceiveMessage", QUEUE),
    Question("flow", "logs:GetLogEvents", STREAM),
    Question("flow", "ecr:PutImage", REPOSITORY),
    Question("flow", "iam:CreateUser", "arn:aws:iam::{account}:user/a"),
    Question("flow", "sts:AssumeRole", "{execution_role_arn}"),
    Question("worker", "ecs:RunTask", FAMILY, ELSEWHERE),
    Question("worker", "ecs:RunTask", OTHER_FAMILY, HERE),
    Question("worker", "ecs:RegisterTaskDefinition", OTHER_FAMILY),
    Question("worker", "ecs:StopTask", OTHER_TASK, ELSEWHERE),
    Question("worker", "ecs:TagResource", TASK, {"ecs:CreateAction": "CreateService"}),
    Question("worker", "iam:PassRole", "{task_role_arn}", TO_EC2),
    Question("worker", "iam:PassRole", f"{ROLE}/bls-data-quest-worker", TO_TASKS),
    Question("worker", "iam:PassRole", f"{ROLE}/admin", TO_TASKS),
    Question("worker", "s3:GetObject", VIEW),
    Question("worker", "secretsmanager:GetSecretValue", "{prefect_api_secret_arn}"),
    Question("worker", "sqs:ReceiveMessage", DEAD),
    Question("worker", "logs:GetLogEvents", WORKER_STREAM),
    Question("execution", "s3:GetObject", VIEW),
    Question("execution", "ecr:PutImage", REPOSITORY),
    Question(
        "execution",
        "secretsmanager:GetSecretValue",
        "arn:aws:secretsmanager:{aws_region}:{account}:secret:payroll-AbCdEf",
    ),
    Question("ci[0]", "ecr:PutImage", OTHER_REPOSITORY),
    Question("ci[0]", "ecr:BatchDeleteImage", REPOSITORY),
    Question("ci[0]", "ecr:DescribeImageScanFindings", OTHER_REPOSITORY),
    Question("ci[0]", "ecs:UpdateService", SERVICE),
    Question("ci[0]", "ecs:UpdateService", SERVICE, TO_OTHER_FAMILY),
    Question("ci[0]", "ecs:UpdateService", OTHER_SERVICE, TO_WORKER_FAMILY),
    Question("ci[0]", "ecs:DeleteService", SERVICE),
    Question("ci[0]", "ecs:RegisterTaskDefinition", FAMILY),
    Question("ci[0]", "ecs:RegisterTaskDefinition", OTHER_FAMILY),
    Question("ci[0]", "ecs:RunTask", WORKER_FAMILY, HERE),
    Question("ci[0]", "iam:PassRole", "{task_role_arn}", TO_TASKS),
    Question("ci[0]", "iam:PassRole", f"{ROLE}/bls-data-quest-worker", TO_EC2),
    Question("ci[0]", "iam:PassRole", f"{ROLE}/admin", TO_TASKS),
    Question("ci[0]", "secretsmanager:GetSecretValue", "{prefect_api_secret_arn}"),
    Question("ci[0]", "s3:GetObject", VIEW),
]

DENIED_THOUGH_ANOTHER_STATEMENT_ALLOWS_IT = [
    Question("worker", "ecs:RegisterTaskDefinition", WORKER_FAMILY),
]

DENIED_TO_EVERYBODY = [
    Question("admin", "s3:PutObject", VINTAGE, OBJECT),
    Question("admin", "s3:PutObject", MANIFEST, OBJECT),
    Question("admin", "s3:DeleteObject", VINTAGE),
    Question("admin", "s3:DeleteObject", MANIFEST),
    Question("admin", "s3:DeleteObjectVersion", MANIFEST),
    Question("flow", "s3:PutObject", VINTAGE, OBJECT),
    Question("flow", "s3:PutObject", MANIFEST, OBJECT),
    Question("flow", "s3:DeleteObject", VINTAGE),
    Question("flow", "s3:DeleteObject", MANIFEST),
    Question("flow", "s3:GetObject", VIEW, {"aws:SecureTransport": "false"}),
    Question("admin", "s3:ListBucket", "arn:aws:s3:::{bucket}", {"aws:SecureTransport": "false"}),
]

EXPECTED = (
    [(question, "Allowed") for question in ALLOWED]
    + [(question, "ImplicitlyDenied") for question in DENIED]
    + [
        (question, "ExplicitlyDenied")
        for question in (*DENIED_THOUGH_ANOTHER_STATEMENT_ALLOWS_IT, *DENIED_TO_EVERYBODY)
    ]
)


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
