"""Large lakes: what grows with them, what does not, and where the limits are."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from time import perf_counter

import pytest

from blsquest.core.source import Listing, RemoteFile
from blsquest.lake.log import ManifestLog
from blsquest.lake.manifest import Entry, Generation, advance, decode, encode
from blsquest.lake.plan import plan
from blsquest.lake.stores.base import Store
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.sample.pages import PublishedFile, published
from blsquest.sources.sample.server import SampleServer
from tests.reliability.figures import SOAK, tell
from tests.support.lakes import (
    LONG_AGO,
    PR,
    Clock,
    assert_whole,
    kinds,
    mirror,
    recorded,
    small,
    survey,
)
from tests.support.manifests import kept
from tests.support.s3_servers import S3Server

GIB = 1 << 30
PROJECT = Path(__file__).resolve().parents[2]


def test_a_survey_of_a_thousand_files_is_mirrored_and_one_change_costs_one_file(
    server: SampleServer, tmp_path: Path
) -> None:
    lake = DirectoryStore(tmp_path / "lake")
    server.surveys["pr"] = small(1, 1_000)
    mirror(server, lake)
    server.surveys["pr"]["pr.data.7.Some"] = published(b"other bytes", LONG_AGO, generated=True)
    asked, calls_before = len(server.requests), lake.meter.requests.total()
    assert kinds(mirror(server, lake)) == {"pr.data.7.Some": "changed"}
    assert len(server.requests) - asked == 3
    assert lake.meter.requests.total() - calls_before == 14
    assert_whole(lake)
    watched, unchanged = recorded(lake)
    assert mirror(server, watched).name == "Unchanged"
    assert sorted(verb for verb, _ in unchanged) == ["list", "list", "read", "read"]


def long_log(store: Store, generations: int) -> ManifestLog:
    """A log of so many generations, a day apart, as runs would have committed them."""
    log = ManifestLog(store, PR)
    parent: Generation | None = None
    for number in range(generations):
        moment = LONG_AGO + timedelta(days=number)
        file = entry("pr.data.0.Some", number)
        listing = Listing((RemoteFile(file.name, file.size, file.stamp),), sample=True)
        manifest = advance(
            parent, listing, [file], source=PR, layout="flat", now=moment, run=f"{number}"
        )
        assert manifest is not None
        parent = log.commit(manifest)
        assert parent is not None
    return log


def entry(name: str, number: int, size: int = 7) -> Entry:
    """A file whose content and stamp are those of a number."""
    digest = f"{number:064x}"
    return kept(name, size, f"{number}", sha256=digest, identity=digest)


def test_a_run_over_a_log_of_a_hundred_generations_costs_what_it_costs_over_one(
    server: SampleServer, tmp_path: Path
) -> None:
    lake = DirectoryStore(tmp_path / "lake")
    long_log(lake, 100)
    server.surveys["pr"] = small(1, 1)
    mirror(server, lake, now=Clock())
    watched, calls = recorded(lake)
    assert mirror(server, watched, now=Clock()).generation == 101
    assert sorted(verb for verb, _ in calls) == ["list", "list", "read", "read"]


def test_a_listing_of_fifty_thousand_names_is_read_planned_and_recorded(
    server: SampleServer,
) -> None:
    """No file is fetched here: what grows with names alone is the page, the plan, the manifest."""
    names = 50_000
    body = b"x" * 100
    server.surveys["pr"] = {
        f"pr.data.{n}.Some": PublishedFile(body, "2/6/2025 8:30 AM", None) for n in range(names)
    }
    began = perf_counter()
    listing = survey(server).list()
    listed = perf_counter() - began
    assert len(listing.files) == names
    began = perf_counter()
    assert len(plan(listing, None, now=LONG_AGO).ask) == names
    entries = [entry(f.name, n, size=100) for n, f in enumerate(listing.files)]
    manifest = advance(None, listing, entries, source=PR, layout="flat", now=LONG_AGO, run="one")
    assert manifest is not None
    stored = encode(manifest)
    assert decode(stored).manifest == manifest
    decided = perf_counter() - began
    tell(
        f"50,000 names: listing {listed:.1f} s, plan and manifest {decided:.1f} s, manifest "
        f"{len(stored) / 1e6:.0f} MB"
    )


@pytest.mark.skipif(not SOAK, reason="takes minutes: make soak")
@pytest.mark.parametrize("kind", ["directory", "seaweed"])
def test_a_file_of_a_gigabyte_is_mirrored_in_bounded_memory(
    server: SampleServer, tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    large = b"".join(number.to_bytes(4, "big") * (1 << 18) for number in range(GIB >> 20))
    server.surveys["pr"] = {"pr.data.0.Large": published(large, LONG_AGO, generated=True)}
    lake, environment = f"{tmp_path}/lake", dict(os.environ)
    if kind == "seaweed":
        s3: S3Server = request.getfixturevalue("seaweed")
        lake, environment = f"s3://{s3.fresh_bucket()}/lake", environment | s3.environment
    command = [sys.executable, "-m", "benchmarks.worker", server.bls_url, lake]
    process = subprocess.Popen(command, env=environment, cwd=PROJECT)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    peak = used.ru_maxrss >> 10
    assert peak < 300
    tell(f"a file of 1 GiB, {kind}: peak {peak} MiB")
