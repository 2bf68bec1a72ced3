"""Tearing down, as docs/ecs.md says: everything goes but the lake, which keeps its rules."""

import pytest

from tests.infra.conftest import Stack

pytestmark = pytest.mark.infra


def test_tearing_down_leaves_the_lake_with_its_rules_and_nothing_else(stack: Stack) -> None:
    s3 = stack.aws.client("s3")
    rules = s3.get_bucket_policy(Bucket=stack.bucket)["Policy"]
    # Moto takes the policy's conditions for denials: it is put aside to write and to read.
    s3.delete_bucket_policy(Bucket=stack.bucket)
    s3.put_object(Bucket=stack.bucket, Key="manifests/bls/pr/1", Body=b"kept")
    s3.put_bucket_policy(Bucket=stack.bucket, Policy=rules)
    terraform = stack.terraform
    kept = [a for a in terraform.run("state", "list").split() if a.startswith("aws_s3_bucket")]
    terraform.run("state", "rm", *kept)
    said = terraform.run("destroy", "-no-color", "-input=false", "-auto-approve")
    assert "Destroy complete!" in said
    assert terraform.run("state", "list") == ""
    assert s3.get_bucket_policy(Bucket=stack.bucket)["Policy"] == rules
    assert "VintagesAndManifestsAreNeverDeleted" in rules
    s3.delete_bucket_policy(Bucket=stack.bucket)
    assert s3.get_object(Bucket=stack.bucket, Key="manifests/bls/pr/1")["Body"].read() == b"kept"
    assert s3.get_bucket_versioning(Bucket=stack.bucket)["Status"] == "Enabled"
    named = [{"Name": "tag:Name", "Values": ["bls-data-quest*"]}]
    assert stack.aws.client("ec2").describe_vpcs(Filters=named)["Vpcs"] == []
    roles = stack.aws.client("iam").list_roles()["Roles"]
    assert [role["RoleName"] for role in roles if role["RoleName"].startswith("bls")] == []
