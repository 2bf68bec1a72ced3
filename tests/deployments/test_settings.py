"""The settings of an installation, read without a Prefect API."""

import pytest
from pydantic import SecretStr

from blsquest.core.errors import Misuse
from deployments.settings import Cluster, Settings, purpose, read_settings, terraform_outputs
from tests.deployments.installation import (
    CLOUD,
    ENVIRONMENT,
    OUTPUTS,
    as_terraform_prints,
    settings,
)


def problem(**environment: str) -> str:
    with pytest.raises(Misuse) as found:
        settings(**environment)
    assert found.value.exit_code == 2
    return f"{found.value}"


def test_every_missing_setting_is_named_at_once_with_what_it_is_for() -> None:
    with pytest.raises(Misuse) as found:
        read_settings(Settings, {}, {})

    required = [name.upper() for name, f in Settings.model_fields.items() if f.is_required()]
    assert len(required) > 10
    for name in required:
        assert len(purpose(name)) > 20
        assert f"  {name}: It is missing.\n    {purpose(name)}" in found.value.what
    assert "nothing was changed" in found.value.remedy


def test_terraforms_outputs_and_the_environment_make_the_settings() -> None:
    unset = {"capacity_provider", "cpu_architecture", "work_pool"}
    outputs = {name: value for name, value in OUTPUTS.items() if name not in unset}
    read = read_settings(Settings, ENVIRONMENT, terraform_outputs(as_terraform_prints(outputs)))

    assert read == settings(), "defaults"
    assert read.subnets == ("subnet-0a", "subnet-0b")
    assert read.assign_public_ip is True
    assert read.image_repository == OUTPUTS["image_repository"]
    assert read.image_tag == "0123abc"
    assert (read.capacity_provider, read.cpu_architecture) == ("FARGATE", "X86_64")
    assert read.work_pool == "bls-data-quest"
    assert read.notify_webhook_url is None
    # Lists and truths can come from the environment too.
    given = {name.upper(): str(value) for name, value in OUTPUTS.items()}
    given |= {"SUBNETS": "subnet-0a, subnet-0b", "SECURITY_GROUPS": "sg-0a"}
    assert read_settings(Settings, ENVIRONMENT | given, {}) == read


def test_a_webhook_is_an_address_or_none_or_unsaid() -> None:
    given = settings(NOTIFY_WEBHOOK_URL="https://hooks.example.org/hush").notify_webhook_url

    assert isinstance(given, SecretStr)
    assert given.get_secret_value() == "https://hooks.example.org/hush"
    assert settings(NOTIFY_WEBHOOK_URL="none").notify_webhook_url == "none"
    assert settings(NOTIFY_WEBHOOK_URL="").notify_webhook_url is None


def test_a_tag_that_may_name_another_image_tomorrow_is_refused() -> None:
    for tag in ("0123abc", "0123456789" * 4, "1.2.3", "v1.2.3-rc.1"):
        assert settings(IMAGE_TAG=tag).image_tag == tag
    for tag in ("latest", "main", "dev", "0123ab", "0123ABC", "1.2", "1.2.3+x", "x"):
        assert f"IMAGE_TAG: '{tag}' may name another image tomorrow." in problem(IMAGE_TAG=tag)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_REGION", "Virginia"),
        ("CLUSTER_ARN", "bls-data-quest"),
        ("CLUSTER_ARN", "arn:aws:iam::123456789012:role/x"),
        ("CLUSTER_ARN", "arn:aws:ecs:eu-central-1:123456789012:cluster/elsewhere"),
        ("SUBNETS", "10.0.0.0/24"),
        ("SUBNETS", "[]"),
        ("SECURITY_GROUPS", "subnet-0a"),
        ("ASSIGN_PUBLIC_IP", "perhaps"),
        ("EXECUTION_ROLE_ARN", "bls-data-quest-execution"),
        ("TASK_ROLE_ARN", "arn:aws:iam::12:role/x"),
        ("LOG_GROUP", "a group"),
        ("IMAGE_REPOSITORY", "example.org/bls-data-quest:latest"),
        ("LAKE", "./lake"),
        ("LAKE", "s3-bucket/lake"),
        ("PREFECT_API_SECRET_ARN", "hush"),
        ("LAKE_ENCRYPTION", "rot13"),
        ("BLS_CONTACT", "nobody"),
        ("BLS_CONTACT", "you@example.org"),  # out of a document
        ("CAPACITY_PROVIDER", "EC2"),
        ("CPU_ARCHITECTURE", "arm64"),
        ("WORK_POOL", "a/b"),
        ("WORK_POOL", "Prefect runs"),
        ("PREFECT_API_URL", "127.0.0.1:4200"),
        ("PREFECT_API_URL", "http://127.0.0.1:4200"),
        ("PREFECT_API_URL", "https://api.prefect.cloud/api"),
        ("PREFECT_API_URL", "http://127.0.0.1:99999/api"),
        ("PREFECT_API_URL", "http://127.0.0.1:port/api"),
        ("PREFECT_API_URL", "http://[::1/api"),
        ("NOTIFY_WEBHOOK_URL", "#channel"),
    ],
)
def test_what_cannot_be_is_named(name: str, value: str) -> None:
    assert f"  {name}: " in problem(**{name: value})


def test_prefect_cloud_asks_for_a_key_and_for_the_secret_that_holds_it() -> None:
    assert settings(**CLOUD).api_is_cloud
    assert "PREFECT_API_KEY: It is missing" in problem(PREFECT_API_URL=CLOUD["PREFECT_API_URL"])
    assert "PREFECT_API_SECRET_ARN: It is missing" in problem(**CLOUD, PREFECT_API_SECRET_ARN="")


def test_only_a_server_without_authentication_needs_no_secret() -> None:
    assert settings(PREFECT_API_SECRET_ARN="").prefect_api_secret_arn is None
    printed = as_terraform_prints(OUTPUTS | {"prefect_api_secret_arn": None})
    read = read_settings(Settings, ENVIRONMENT, terraform_outputs(printed))
    assert read.prefect_api_secret_arn is None
    said = problem(PREFECT_API_SECRET_ARN="", PREFECT_API_AUTH_STRING="me:hush")
    assert "PREFECT_API_SECRET_ARN: It is missing" in said
    assert "hush" not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PREFECT_API_URL", "https://me:hush@example.org/api"),
        ("NOTIFY_WEBHOOK_URL", "hooks.example.org/hush"),
        ("LAKE", "s3://me:hush@bucket"),
    ],
)
def test_a_secret_in_a_wrong_value_is_not_shown(name: str, value: str) -> None:
    assert "hush" not in problem(**{name: value})


@pytest.mark.parametrize("text", ["", "[]", "{", '{"aws_region": "us-east-1"}', "null"])
def test_what_terraform_did_not_print_is_refused_and_other_outputs_are_passed_over(
    text: str,
) -> None:
    with pytest.raises(Misuse, match="not what `terraform output -json` prints"):
        terraform_outputs(text)
    # Its other outputs bring no setting.
    printed = as_terraform_prints({"image_tag": "latest", "queue": "x", "log_group": "/x"})
    assert terraform_outputs(printed) == {"LOG_GROUP": "/x"}


def test_the_prefect_api_is_set_once_in_terraform_and_never_twice_in_two_ways() -> None:
    there = "https://prefect.example.org/api"
    outputs = terraform_outputs(as_terraform_prints(OUTPUTS | {"prefect_api_url": there}))

    said_once = read_settings(Settings, {"IMAGE_TAG": "0123abc"}, outputs)
    with pytest.raises(Misuse) as refusal:
        read_settings(Settings, ENVIRONMENT, outputs)

    assert said_once.prefect_api_url == there
    assert "PREFECT_API_URL: The environment names another one" in refusal.value.what


def test_where_the_worker_runs_needs_no_other_settings() -> None:
    given = {"AWS_REGION": "us-east-1", "CLUSTER_ARN": OUTPUTS["cluster_arn"]}

    assert read_settings(Cluster, given, {}).cluster_arn == OUTPUTS["cluster_arn"]
    with pytest.raises(Misuse, match="CLUSTER_ARN: It is missing"):
        read_settings(Cluster, {"AWS_REGION": "eu-central-1"}, {})
