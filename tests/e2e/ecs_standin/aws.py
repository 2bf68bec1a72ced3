"""AWS on loopback: moto's server in this process, and what tasks need of its back ends."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from moto.events.models import events_backends
from moto.logs.models import logs_backends
from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.ecs_standin.asked import Asked

ACCOUNT = "123456789012"
"""moto's own."""
REGION = "us-east-1"


@dataclass(frozen=True)
class Aws:
    """A running AWS.

    Attributes:
        endpoint: The URL of all its services.
    """

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """What a task must be told beyond what ECS tells it: where AWS is."""
        return {"AWS_ENDPOINT_URL": self.endpoint, "AWS_EC2_METADATA_DISABLED": "true"}

    def client(self, service: str) -> Any:
        """A boto3 client of that service."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def put_event(self, detail_type: str, detail: dict[str, Any]) -> None:
        """Put an event of ECS's own on the default bus, which no client may do."""
        entry = {"Source": "aws.ecs", "DetailType": detail_type, "Detail": json.dumps(detail)}
        events_backends[ACCOUNT][REGION].put_events([entry])

    def log(self, task: Asked, line: str) -> None:
        """Put a line where the awslogs driver would."""
        group, stream = log_stream(task)
        logs = logs_backends[ACCOUNT][task.region]
        if stream not in logs.groups[group].streams:
            logs.create_log_stream(group, stream)
        said = {"timestamp": int(time.time() * 1000), "message": line}
        logs.put_log_events(group, stream, [said])

    def log_lines(self, task: Asked) -> list[str]:
        """All that a task has logged."""
        group, stream = log_stream(task)
        streams = logs_backends[ACCOUNT][task.region].groups[group].streams
        return [event.message for event in streams[stream].events] if stream in streams else []


def log_stream(task: Asked) -> tuple[str, str]:
    """Group and stream of a task's output.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-log-config.html
    """
    prefix = task.logs["awslogs-stream-prefix"]
    return task.logs["awslogs-group"], f"{prefix}/{task.container}/{task.id}"


def run_aws() -> Iterator[Aws]:
    """Moto's server on a free port."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Aws(f"http://{host}:{port}")
    finally:
        server.stop()
