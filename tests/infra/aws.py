"""AWS for tests: moto's server in a process of its own, which can enforce IAM for a while."""

import os
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

REGION = "us-east-1"
ANYBODY = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
ANSWER_SECONDS = 60
NEVER = 10**9
"""More requests than any test makes."""


@dataclass(frozen=True)
class Aws:
    """A running moto."""

    endpoint: str

    def environment(self, credentials: Mapping[str, str] = ANYBODY) -> dict[str, str]:
        """For a process that knows of no other AWS."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_"))}
        return kept | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            **credentials,
        }

    def client(self, service: str, credentials: Mapping[str, str] = ANYBODY) -> Any:
        """A boto3 client."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=credentials.get("AWS_SESSION_TOKEN"),
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def assumed(self, role: str) -> dict[str, str]:
        """Credentials of a role, as ECS gives them to a task: environment variables."""
        given = self.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }

    @contextmanager
    def enforcing(self) -> Iterator[None]:
        """Requests within need credentials that IAM knows, and that may do what they ask."""
        self._enforce_after(0)
        try:
            yield
        finally:
            self._enforce_after(NEVER)

    def _enforce_after(self, requests: int) -> None:
        url, body = f"{self.endpoint}/moto-api/reset-auth", str(requests).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "text/plain"})
        urllib.request.urlopen(request, timeout=ANSWER_SECONDS).close()
