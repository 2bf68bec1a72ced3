"""What is in the image, what is not, and what its user may do there."""

import subprocess
from collections.abc import Iterator

import pytest

import blsquest
from tests.image.conftest import PROJECT
from tests.image.engine import Container, Engine

PARTS = ("blocks", "blsquest", "flows", "deployments/__init__.py", "deployments/image/*.py")
HOME, SPOOL = "/home/quest", "/tmp"  # noqa: S108  places in the image
DEBIANS = "/var/tmp", "/run/lock"  # noqa: S108  writable by anyone on any Debian
UNCOMPILED = """
import os, sys
import flows.audit, flows.pipeline, prefect.cli.worker, prefect_aws.workers
cached = [getattr(module, "__cached__", None) for module in list(sys.modules.values())]
assert len(cached) > 1000
print([name for name in cached if name and not os.path.exists(name)])
"""


@pytest.fixture(scope="module")
def idle(engine: Engine, image: str) -> Iterator[Container]:
    """A container that waits, to be looked around in."""
    with Container(engine, image, "sleep", "infinity") as container:
        yield container


@pytest.fixture(scope="module")
def writable(engine: Engine, image: str) -> Iterator[Container]:
    """The same with a root file system that is not read-only: what the user may do is its own."""
    options = ("--network=none", "--read-only=false")
    with Container(engine, image, "sleep", "infinity", options=options) as container:
        yield container


def test_it_runs_as_user_10001_with_no_capability_to_gain(idle: Container) -> None:
    assert idle.execute("id", "-u").said.strip() == "10001"
    assert idle.execute("id", "-G").said.strip() == "10001"
    status = idle.execute("cat", "/proc/self/status").said
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status


def test_its_user_can_write_nothing_but_its_home_and_temporary_files(writable: Container) -> None:
    find = "find / -xdev -writable ! -type l ! -path '/proc/*' ! -path '/dev/*' 2>/dev/null"

    assert set(writable.execute("sh", "-c", find).said.split()) == {HOME, SPOOL, *DEBIANS}
    for place in (HOME, SPOOL):
        assert writable.execute("touch", f"{place}/x").code == 0
    for place in ("/app", "/app/flows", "/app/.venv/bin", "/usr/local/lib", "/etc"):
        refused = writable.execute("touch", f"{place}/x")
        assert (refused.code, "Permission denied" in refused.said) == (1, True), place


def test_with_a_read_only_root_its_home_and_temporary_files_can_still_be_written(
    idle: Container,
) -> None:
    assert "Read-only file system" in idle.execute("touch", f"{DEBIANS[0]}/x").said
    assert idle.execute("touch", f"{HOME}/x", f"{SPOOL}/x").code == 0


def test_nothing_that_installs_or_compiles_is_in_it(idle: Container) -> None:
    for tool in ("pip", "pip3", "uv", "gcc", "cc", "make", "git", "curl", "wget"):
        assert idle.execute("sh", "-c", f"command -v {tool}").code != 0, tool
    for python in ("/app/.venv/bin/python", "/usr/local/bin/python"):
        for module in ("pip", "ensurepip", "pytest"):
            missing = idle.execute(python, "-c", f"import {module}")
            assert "ModuleNotFoundError" in missing.said, (python, module)


def test_of_the_checkout_only_what_runs_is_in_it(idle: Container) -> None:
    kept = "find /app -path /app/.venv -prune -o -type f ! -name '*.pyc' -print"
    files = idle.execute("sh", "-c", kept).said.split()
    tracked = subprocess.run(
        ["git", "ls-files", *PARTS],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()

    assert set(files) == {f"/app/{name}" for name in tracked}


def test_everything_that_it_imports_is_compiled(idle: Container) -> None:
    assert idle.execute("python", "-c", UNCOMPILED).said.strip() == "[]"


def test_it_says_which_version_and_commit_it_is_of(engine: Engine, image: str) -> None:
    labels = engine.config(image)["Labels"]
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=PROJECT, check=True, capture_output=True, text=True
    ).stdout.strip()

    assert labels["org.opencontainers.image.version"] == blsquest.__version__
    assert labels["org.opencontainers.image.revision"] == head
    assert labels["org.opencontainers.image.title"] == "BLS Data Quest"


def test_it_takes_the_whole_command_that_ecs_sends(engine: Engine, image: str) -> None:
    config = engine.config(image)

    assert not config.get("Entrypoint")
    assert config["WorkingDir"] == "/app"
    assert config["User"] == "10001:10001"
    assert config["StopSignal"] in {"SIGTERM", "15"}
    assert set(config["Volumes"]) == {HOME, SPOOL}
    assert config["Healthcheck"]["Test"] == ["CMD", "python", "-m", "deployments.image.health"]
