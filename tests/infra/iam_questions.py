"""Questions to IAM that no server here can answer: what do these policies say, conditions and all?

`answer.mjs` asks the simulator that package.json pins (its data are AWS's service authorization
reference); `npm ci` in tests/infra/iam installs it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.infra.conftest import Stack

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
