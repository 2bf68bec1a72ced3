"""`make deploy`: what is missing is named at once, steps go in order, and again does nothing twice.

Commands are recorded; AWS is moto. The commands themselves have tests of their own: Terraform in
tests/infra, the image in tests/image, the workspace and the worker beside this file.
"""

import json
import re
from pathlib import Path
from typing import Any

import boto3
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate

from blsquest.core.errors import Misuse, QuestError
from deployments import install
from deployments.automations import PREFIX
from deployments.install import STEPS, Installation, check, deploy, undeploy
from tests.deployments.installation import OUTPUTS, applied, as_terraform_prints, declared
from tests.deployments.test_worker import REGION, Account, account
from tests.support.prefect_server import PrefectServer

__all__ = ["account"]

KEY = "pnu_hush"
CLOUD = "https://api.prefect.cloud/api/accounts/a/workspaces/w"


class Person(Installation):
    """Somebody with a checkout, whose commands are only recorded, and end with set codes.

    Attributes:
        done: The commands, and `given` what each was given.
        messages: What the command prints.
        codes: Exit codes other than 0, by a part of the command.
    """

    def __init__(self, folder: Path, outputs: dict[str, Any], **environment: str) -> None:
        self.printed, self.changed = outputs, ""
        self.done, self.messages, self.codes = list[str](), list[str](), dict[str, int]()
        self.given: dict[str, dict[str, str]] = {}
        super().__init__({"PREFECT_API_KEY": KEY, **environment}, self.messages.append, folder)

    def run(self, *words: str, given: str | None = None, **variables: str) -> int:
        command = " ".join(Path(word).name for word in words if not word.startswith("-chdir"))
        command = re.sub(r"^python\S* ", "", command)
        self.done.append(command)
        self.given[command] = variables | ({"given": given} if given else {})
        return next((code for name, code in self.codes.items() if name in command), 0)

    def read(self, *words: str) -> str:
        answers = {
            "output": as_terraform_prints(self.printed),
            "rev-parse": "0123abc\n",
            "status": self.changed,
            "list": "aws_s3_bucket.lake\naws_s3_bucket_policy.lake\naws_vpc.a\n",
        }
        return next(answer for word, answer in answers.items() if word in words)


@pytest.fixture
def person(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Somebody whose tools are there, and whose variables are written."""
    secret = boto3.client("secretsmanager", region_name=REGION).create_secret(Name="api")
    (tmp_path / "terraform.tfvars").write_text(
        f'region = "us-east-1"\nbls_contact = "me@quest.test"\nprefect_api_url = "{CLOUD}"\n'
    )
    monkeypatch.setattr("shutil.which", lambda tool: f"/bin/{tool}")
    monkeypatch.setattr(install, "_answers", lambda _: True)
    monkeypatch.setattr(install, "wait_for_worker", lambda *_: None)
    made = {
        "cluster_arn": account.cluster["clusterArn"],
        "image_repository": account.repository,
        "prefect_api_secret_arn": secret["ARN"],
        "prefect_api_url": CLOUD,
        "cpu_architecture": "ARM64",
    }
    return Person(tmp_path, OUTPUTS | made)


def test_all_steps_go_in_their_order_with_what_terraform_made(
    person: Person, account: Account
) -> None:
    deploy(person, STEPS, yes=True, first_run=True)

    assert person.done == [
        "terraform init -input=false",
        "terraform apply -auto-approve",
        "build",
        "push",
        "-m deployments apply --from -",
        "-m deployments worker --from -",
        "-m prefect deployment run daily-pipeline --watch",
    ]
    assert person.given["build"] == {
        "IMAGE_REPOSITORY": account.repository,
        "IMAGE_TAG": "0123abc",
        "CPU_ARCHITECTURE": "ARM64",
    }
    applied = person.given["-m deployments apply --from -"]
    assert applied["IMAGE_TAG"] == "0123abc"
    assert json.loads(applied["given"])["prefect_api_url"]["value"] == CLOUD
    assert "aws logs tail /bls-data-quest/flows" in person.messages[-1]


def test_the_key_goes_into_the_secret_once_and_is_never_shown(person: Person) -> None:
    deploy(person, ["secret"], yes=True, first_run=False)
    deploy(person, ["secret"], yes=True, first_run=False)

    secrets = boto3.client("secretsmanager", region_name=REGION)
    assert secrets.get_secret_value(SecretId="api")["SecretString"] == KEY
    assert person.messages[-1] == "It is there already."
    assert KEY not in " ".join(person.messages + person.done)


def test_an_image_that_the_registry_has_is_not_built_again(
    person: Person, account: Account
) -> None:
    account.push("0123abc")

    deploy(person, ["image"], yes=True, first_run=False)

    assert person.done == []
    assert person.messages[-1] == f"{account.repository}:0123abc is there already."


def test_all_that_is_missing_is_named_at_once_and_nothing_is_done(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "terraform.tfvars").write_text('# bls_contact = "x"\nregion = "us-east-1"\n')
    monkeypatch.setattr("shutil.which", lambda tool: None if tool == "terraform" else tool)
    monkeypatch.setattr(install, "_answers", lambda _: False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    bare = Person(tmp_path, person.printed, PREFECT_API_KEY="")
    bare.changed = " M Makefile\n"

    with pytest.raises(Misuse) as refusal:
        deploy(bare, STEPS, yes=True, first_run=False)

    for lack in (
        "terraform is not installed: 1.11 or later: https://",
        "bls_contact in deployments/terraform/terraform.tfvars: It is missing.",
        "prefect_api_url in deployments/terraform/terraform.tfvars: It is missing.",
        "AWS credentials are missing",
        "PREFECT_API_KEY (Prefect Cloud",
        "docker does not answer",
        "This checkout differs from its commit",
    ):
        assert lack in refusal.value.what
    assert "region in" not in refusal.value.what
    assert bare.done == []


def test_a_value_that_cannot_be_is_named_before_anything_is_done(
    person: Person, tmp_path: Path
) -> None:
    (tmp_path / "terraform.tfvars").write_text(
        'region = "Virginia"\nbls_contact = "you@example.org" # mine\n'
        'prefect_api_url = "https://api.prefect.cloud"\n'
    )
    given = {"IMAGE_TAG": "latest", "NOTIFY_WEBHOOK_URL": "#hush"}
    wrong = Person(tmp_path, person.printed, **given)

    with pytest.raises(Misuse) as refusal:
        deploy(wrong, STEPS, yes=True, first_run=False)

    for name in ("region in ", "bls_contact in ", "prefect_api_url in ", *given):
        assert f"\n  {name}" in refusal.value.what
    assert "hush" not in refusal.value.what
    assert wrong.done == []


def test_terraform_and_a_server_without_authentication_need_no_key(
    person: Person, tmp_path: Path
) -> None:
    keyless = Person(tmp_path, person.printed, PREFECT_API_KEY="")
    keyless.changed = " M Makefile\n"
    deploy(keyless, ["terraform"], yes=False, first_run=False)
    assert keyless.done == ["terraform init -input=false", "terraform apply"]

    keyless.printed |= {
        "prefect_api_secret_arn": None,
        "prefect_api_url": "http://prefect.internal:4200/api",
    }
    with (tmp_path / "terraform.tfvars").open("a") as file:
        file.write("prefect_api_authentication = false\n")
    deploy(keyless, ["secret", "workspace"], yes=True, first_run=False)
    assert "The Prefect API asks for none." in keyless.messages


def test_a_step_that_fails_ends_it_and_those_after_are_not_begun(person: Person) -> None:
    person.codes = {"deployments apply": 3}

    with pytest.raises(QuestError, match="-m deployments apply --from -` ended with 3"):
        deploy(person, STEPS, yes=True, first_run=True)

    assert person.done[-1] == "-m deployments apply --from -"


def test_check_looks_at_aws_prefect_and_worker_and_changes_nothing(person: Person) -> None:
    for codes in ({}, {"terraform plan": 2}, {"apply --check": 1}):
        person.codes = codes
        person.done.clear()
        assert check(person) is bool(codes)
        assert person.done == [
            "terraform plan -detailed-exitcode -input=false -lock=false",
            "-m deployments apply --check --from -",
            "-m deployments worker --check --from -",
        ]
    # One that could not be made is an error, and no difference.
    person.codes = {"terraform plan": 1}
    with pytest.raises(QuestError, match=r"plan .*` ended with 1"):
        check(person)


def test_undeploy_says_what_goes_needs_the_name_typed_and_leaves_the_lake(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "leave_prefect", lambda *_: person.done.append("prefect"))

    with pytest.raises(Misuse, match="Nothing was removed"):
        undeploy(person, lambda _: "yes")
    assert f"It keeps the lake {OUTPUTS['lake']} with all its rules" in person.messages[0]
    assert person.done == []

    undeploy(person, lambda _: "bls-data-quest")
    assert person.done == [
        "prefect",
        "terraform state rm aws_s3_bucket.lake aws_s3_bucket_policy.lake",
        "terraform destroy -auto-approve",
    ]
    assert "import aws_s3_bucket.lake bls-data-quest-lake" in person.messages[-1]


def test_leaving_prefect_removes_all_that_apply_made_but_blocks(
    workspace: SyncPrefectClient, prefect_api: PrefectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_api.api_url)
    applied(declared("report-on-change"))
    messages: list[str] = []

    install.leave_prefect(prefect_api.api_url, "bls-data-quest", messages.append)
    install.leave_prefect(prefect_api.api_url, "bls-data-quest", messages.append)

    assert messages == [
        "  removed deployment report/report-on-change",
        "  removed work pool bls-data-quest",
    ]
    assert workspace.read_deployments() == []
    assert [a for a in workspace.read_automations() if a.name.startswith(PREFIX)] == []
    assert workspace.read_block_document_by_name("lake", "s3-bucket")


def test_a_worker_that_does_not_poll_is_an_error_that_says_where_to_look(
    workspace: SyncPrefectClient, prefect_api: PrefectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_api.api_url)
    monkeypatch.setattr(install, "POLL_SECONDS", 0.0)
    workspace.create_work_pool(WorkPoolCreate(name="bls-data-quest", type="ecs"))

    with pytest.raises(QuestError, match="has not asked Prefect's pool bls-data-quest"):
        install.wait_for_worker(prefect_api.api_url, "bls-data-quest", polls=2)
    workspace.send_worker_heartbeat("bls-data-quest", "one", heartbeat_interval_seconds=30)
    install.wait_for_worker(prefect_api.api_url, "bls-data-quest", polls=1)
