"""What Terraform makes in an AWS account, as far as runs need it, made with boto3 in the stand-in.

Terraform itself is tested against moto apart from this (deployments/terraform).
"""

import json

from tests.e2e.ecs_standin.aws import ACCOUNT, REGION, Aws

NAME = "bls-data-quest"
REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{NAME}"
TAG = "0123abc"
QUEUE = f"{NAME}-ecs-events"
LOG_GROUP = f"/{NAME}/flows"
LAKE = f"{NAME}-lake"


def provision(aws: Aws, *, auth_string: str) -> dict[str, str]:
    """Make a cluster, its network, a bucket, a secret, a log group and the events' way.

    Return Terraform's outputs, their names in capitals, for `python -m deployments apply`;
    `auth_string` is the Prefect server's, for the secret.
    """
    cluster = aws.client("ecs").create_cluster(clusterName=NAME)["cluster"]["clusterArn"]
    aws.client("s3").create_bucket(Bucket=LAKE)
    aws.client("logs").create_log_group(logGroupName=LOG_GROUP)
    secret = aws.client("secretsmanager").create_secret(
        Name=f"{NAME}/prefect-api", SecretString=auth_string
    )
    ec2 = aws.client("ec2")
    subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"][:2]]
    group = ec2.create_security_group(GroupName=NAME, Description="Nothing comes in")["GroupId"]
    _events_to_queue(aws, cluster)
    return {
        "AWS_REGION": REGION,
        "CLUSTER_ARN": cluster,
        "SUBNETS": json.dumps(subnets),
        "SECURITY_GROUPS": json.dumps([group]),
        "ASSIGN_PUBLIC_IP": "true",
        "EXECUTION_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/{NAME}-execution",
        "TASK_ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/{NAME}-flow",
        "LOG_GROUP": LOG_GROUP,
        "IMAGE_REPOSITORY": REPOSITORY,
        "LAKE": f"s3://{LAKE}/quest",
        "PREFECT_API_SECRET_ARN": secret["ARN"],
    }


def _events_to_queue(aws: Aws, cluster: str) -> None:
    """Lead each change of a task of this cluster to the observer: EventBridge → SQS."""
    sqs, events = aws.client("sqs"), aws.client("events")
    queue = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    pattern = {
        "source": ["aws.ecs"],
        "detail-type": ["ECS Task State Change"],
        "detail": {"clusterArn": [cluster]},
    }
    events.put_rule(Name=QUEUE, EventPattern=json.dumps(pattern))
    target = {"Id": "queue", "Arn": arn["Attributes"]["QueueArn"]}
    events.put_targets(Rule=QUEUE, Targets=[target])
