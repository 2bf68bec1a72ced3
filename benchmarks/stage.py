"""Where the peers meet: the publisher, a real S3 server, and what both of them counted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from blsquest.sources.sample.pages import ROOT
from tests.support.s3_servers import S3Server, run_seaweed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_COUNTED = re.compile(r'^SeaweedFS_s3_request_total\{.*type="(\w+)".*\} (\d+)', re.MULTILINE)


@dataclass(frozen=True)
class Stage:
    """A running publisher and S3 server.

    Attributes:
        folder: For the peers' own files; it goes with the stage.
        origin: The publisher's URL.
        s3: The S3 server.
    """

    folder: Path
    origin: str
    s3: S3Server

    @property
    def url(self) -> str:
        """The root that holds the survey folders."""
        return f"{self.origin}{ROOT}"

    def publish(self, **orders: Any) -> dict[str, Any]:
        """Set the publisher's latency, sickness, site or releases; its counts until now."""
        asked = Request(f"{self.origin}/control", json.dumps(orders).encode())  # noqa: S310 - ours
        with urlopen(asked) as answer:  # noqa: S310 - ours
            told: dict[str, Any] = json.load(answer)
        return told

    def stored(self) -> Counter[str]:
        """Requests that the S3 server has had since its start, by method."""
        with urlopen(self.s3.metrics) as page:  # noqa: S310 - ours
            found = _COUNTED.findall(page.read().decode())
        counts: Counter[str] = Counter()
        for kind, number in found:
            counts[kind] += int(number)
        return counts

    def empty(self, bucket: str) -> None:
        """Remove a bucket with all that it holds: the disk is bounded."""
        client = self.s3.client()
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            found = [{"Key": each["Key"]} for each in page.get("Contents", ())]
            if found:
                client.delete_objects(Bucket=bucket, Delete={"Objects": found})
        client.delete_bucket(Bucket=bucket)


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Start both; stop both at the end."""
    command = [sys.executable, "-m", "benchmarks.publisher", "1", "1", "10000"]
    with (
        contextmanager(run_seaweed)(folder) as s3,
        subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as publisher,
    ):
        assert publisher.stdout is not None  # noqa: S101 - it is a pipe
        try:
            yield Stage(folder, publisher.stdout.readline().strip(), s3)
        finally:
            publisher.kill()
