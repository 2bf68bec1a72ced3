"""The commands of docs/restore.md do what the page says, on a real S3 server."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from blsquest.lake.copy import copy_lake
from blsquest.lake.stores.base import Store
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.lake.stores.s3 import S3Store
from blsquest.products.audit import audit
from blsquest.sources.sample.server import SampleServer
from tests.support.lakes import assert_whole, contents, mirror, small, take_population
from tests.support.prefect_server import PrefectServer
from tests.support.s3_servers import S3Server

PROJECT = Path(__file__).parents[1]
PAGE = (PROJECT / "docs" / "restore.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
COPY, AWS, RCLONE, S5CMD, BACK, ONE, THEN = BLOCKS
WHEN = "2026-11-27T12:00:00Z"
TOOLS = [PROJECT / ".venv/servers/bin", *map(Path, os.get_exec_path())]


@dataclass
class Shell:
    """Runs the page's commands in a folder with a lake, on a bucket that keeps versions."""

    folder: Path
    server: S3Server
    bucket: str
    environment: dict[str, str]

    @property
    def lake(self) -> DirectoryStore:
        """The lake that the page copies."""
        return DirectoryStore(self.folder / "lake")

    def store(self, place: str) -> Store:
        """What the page calls `./place`, or `s3://bucket/place`."""
        if place.startswith("."):
            return DirectoryStore(self.folder / place)
        return S3Store(self.bucket, place, self.server.options)

    def run(self, block: str, *needs: str) -> str:
        """Run a block; skip loudly where a tool is not here."""
        for tool in needs:
            if not any(shutil.which(tool, path=folder) for folder in TOOLS):
                pytest.skip(f"{tool} is not on this machine: its lines in docs/restore.md untested")
        python = f"{sys.executable} -m flows"
        block = block.replace("s3://bucket/", f"s3://{self.bucket}/")
        block = block.replace(":s3:bucket/", f":s3:{self.bucket}/")
        block = block.replace("--bucket bucket", f"--bucket {self.bucket}")
        # The server here has neither AWS's TLS nor its checksums.
        block = block.replace("PROVIDER=AWS", "PROVIDER=SeaweedFS")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.replace(".venv/bin/blsquest", python)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def shell(
    server: SampleServer, prefect_server: PrefectServer, seaweed: S3Server, tmp_path: Path
) -> Shell:
    bucket = seaweed.fresh_bucket()
    seaweed.client().put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    environment = {**prefect_server.environment, **seaweed.environment}
    environment |= {
        "PYTHONPATH": str(PROJECT),
        "PATH": os.pathsep.join(map(str, TOOLS)),
        "S3_ENDPOINT_URL": seaweed.endpoint,
        "RCLONE_S3_ENDPOINT": seaweed.endpoint,
        "RCLONE_CONFIG": os.devnull,
    }
    made = Shell(tmp_path, seaweed, bucket, environment)
    for number in (1, 2):
        server.surveys["pr"] = small(number)
        mirror(server, made.lake)
    take_population(server, made.lake)
    return made


def kept(store: Store) -> dict[str, bytes]:
    return contents(store, "vintages/") | contents(store, "manifests/")


def test_a_lake_is_copied_and_copied_back(shell: Shell, server: SampleServer) -> None:
    assert "Sound" in shell.run(COPY)
    assert kept(shell.store("lake")) == kept(shell.store("./backup")) == kept(shell.lake)
    assert mirror(server, shell.store("./backup")).name == "Unchanged"
    bucket = shell.store("lake")
    for stored in [*bucket.list("manifests/"), *bucket.list("vintages/census/")]:
        bucket.delete(stored.key)
    assert "Sound" in shell.run(BACK)
    assert kept(bucket) == kept(shell.lake)
    assert mirror(server, bucket).name == "Unchanged"


@pytest.mark.parametrize(
    ("block", "tool"), [(AWS, "aws"), (RCLONE, "rclone"), (S5CMD, "s5cmd")], ids=lambda v: v[:6]
)
def test_other_tools_copy_a_lake(shell: Shell, server: SampleServer, block: str, tool: str) -> None:
    shell.run(block, tool)
    for copied in (shell.store(f"by-{tool}"), shell.store(f"./from-{tool}")):
        assert kept(copied) == kept(shell.lake)
        assert mirror(server, copied).name == "Repaired"
        assert not [f for f in audit(copied).findings if f.key.startswith(("bls/", "man", "vin"))]
        assert mirror(server, copied).name == "Unchanged"


def test_one_object_comes_back_from_its_versions(shell: Shell) -> None:
    bucket = shell.store("lake")
    copy_lake(shell.lake, bucket)
    bucket.delete("manifests/bls/pr/00000002.json")
    shell.run(ONE, "aws")
    assert kept(bucket) == kept(shell.lake)


def test_a_lake_comes_back_as_it_was_at_a_time(shell: Shell, server: SampleServer) -> None:
    bucket, client = shell.store("lake"), shell.server.client()
    copy_lake(shell.lake, bucket)

    def clock() -> str:
        """The server's, which counts in seconds: that of an object just put."""
        client.put_object(Bucket=shell.bucket, Key="clock", Body=b"")
        put = client.head_object(Bucket=shell.bucket, Key="clock")["LastModified"]
        return f"{put:%Y-%m-%dT%H:%M:%SZ}"

    then = clock()
    while clock() == then:
        pass
    for stored in bucket.list(""):
        if not stored.key.startswith("state/"):
            bucket.delete(stored.key)
    assert "Sound" in shell.run(THEN.replace(WHEN, then), "rclone")
    assert kept(bucket) == kept(shell.lake)
    assert_whole(bucket)
    assert mirror(server, bucket).name == "Unchanged"
