"""The image, built once and removed in the end; and the figures that are printed.

    engine   Docker, or podman with storage of its own (session)
    image    the image under test (session): the one that `deployments/image/build` makes; or
             $IMAGE, which $DOCKER has already

These tests take minutes, so that they run only when they are named: `make image-test`.
"""

import os
import platform
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.engine import Engine, docker_answers
from tests.image.podman import BASE, make_base, own_podman

PROJECT = Path(__file__).resolve().parents[2]
TAG = "0.0.0-test"

_figures: list[str] = []


def tell(line: str) -> None:
    """Have a line printed at the end of the test run."""
    _figures.append(line)


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave this folder out, unless it is named on the command line."""
    named = any("tests/image" in word for word in config.invocation_params.args)
    return None if named else True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures."""
    if _figures:
        terminalreporter.section("image")
        for line in _figures:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """What builds and runs images here."""
    if os.environ.get("IMAGE") or docker_answers():
        yield Engine(os.environ.get("DOCKER", "docker"), os.environ)
        return
    with own_podman() as podman:
        began = time.monotonic()
        make_base(podman, tmp_path_factory.mktemp("base"))
        tell(f"base image made here instead of pulled: {time.monotonic() - began:.0f} s")
        yield podman


@pytest.fixture(scope="session")
def image(engine: Engine) -> str:
    """The image under test."""
    if given := os.environ.get("IMAGE"):
        return given
    began = time.monotonic()
    name = {"IMAGE_REPOSITORY": "bls-data-quest", "IMAGE_TAG": TAG, "DOCKER": engine.name}
    # Of this machine's own kind: it is run here.
    own = "ARM64" if platform.machine() in {"aarch64", "arm64"} else "X86_64"
    name["CPU_ARCHITECTURE"] = own
    done = subprocess.run(
        [PROJECT / "deployments" / "image" / "build"],
        env={**engine.environment, **name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    built = f"bls-data-quest:{TAG}"
    seconds = time.monotonic() - began
    whole, base = engine.megabytes(built), engine.megabytes(BASE)
    tell(
        f"built in {seconds:.0f} s; {whole or 0:.0f} MB unpacked, of which the base {base or 0:.0f}"
    )
    return built
