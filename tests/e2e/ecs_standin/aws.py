"""AWS on loopback: moto's server in this process, and what tasks need of its back ends."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from moto.events.models import events_backends
from moto.logs.models import logs_backends
from moto.server import ThreadedMotoServer

ACCOUNT = "123456789012"
"""moto's own."""
REGION = "us-east-1"


@dataclass(frozen=True)
class Aws:
    """A running AWS, all of whose services are at one endpoint."""

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """What a task needs beyond what ECS sets: where AWS is."""
        return {"AWS_ENDPOINT_URL": self.endpoint, "AWS_EC2_METADATA_DISABLED": "true"}

    def client(self, service: str) -> Any:
        """Return a boto3 client of that service."""
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

    def log(self, group: str, stream: str, line: str) -> None:
        """Put a line where the awslogs driver would."""
        logs = logs_backends[ACCOUNT][REGION]
        if stream not in logs.groups[group].streams:
            logs.create_log_stream(group, stream)
        said = {"timestamp": int(time.time() * 1000), "message": line}
        logs.put_log_events(group, stream, [said])

    def log_lines(self, group: str, stream: str) -> list[str]:
        """Return all that was logged there."""
        streams = logs_backends[ACCOUNT][REGION].groups[group].streams
        return [event.message for event in streams[stream].events] if stream in streams else []


@contextmanager
def running_aws() -> Iterator[Aws]:
    """Run moto's server on a free port."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Aws(f"http://{host}:{port}")
    finally:
        server.stop()
