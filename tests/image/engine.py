"""Docker's command line, or podman's, which takes the same words."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import uuid4

COMMAND_SECONDS = 480
GRACE_SECONDS = 30
"""How long a stopped container has before it is killed: ECS's default."""

LOCKED_DOWN = (
    "--init",  # as ECS's initProcessEnabled
    "--read-only",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--memory=1g",
)
"""How the image is run wherever a test does not say otherwise: with less than ECS gives it."""


@dataclass(frozen=True)
class Engine:
    """What builds and runs images: `docker` or `podman`."""

    name: str
    environment: Mapping[str, str] = field(repr=False)

    def __call__(self, *words: str) -> str:
        """Run one of its commands; what it printed, or an error with what it complained of."""
        done = self.attempt(*words)
        if done.returncode:
            said = f"{done.stdout}\n{done.stderr}"[-3000:]
            message = f"{self.name} {' '.join(words)}: exit code {done.returncode}\n{said}"
            raise RuntimeError(message)
        return done.stdout

    def attempt(
        self, *words: str, seconds: float = COMMAND_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run one of its commands, whatever comes of it."""
        return subprocess.run(
            [self.name, *words],
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    @property
    def read_only(self) -> tuple[str, ...]:
        """Podman puts temporary file systems over a read-only root; nobody else does."""
        return ("--read-only-tmpfs=false", "--no-healthcheck") if self.name == "podman" else ()

    def config(self, image: str) -> dict[str, Any]:
        """An image's configuration, as Docker names its parts."""
        described: dict[str, Any] = json.loads(self("image", "inspect", image))[0]
        # Podman keeps the health command beside it.
        beside = {key: described[key] for key in ("Healthcheck",) if key in described}
        return {**described["Config"], **beside}

    def megabytes(self, image: str) -> float | None:
        """An image's size, unpacked; None for one that is not kept here."""
        size = self.attempt("image", "inspect", image, "--format", "{{.Size}}")
        return None if size.returncode else int(size.stdout) / 1e6


@dataclass(frozen=True)
class Ended:
    """How a container or a command ended; the seconds are of it all, or from the signal on."""

    code: int
    said: str
    seconds: float


class Container:
    """A container that runs in the background, locked down; removed with its volumes at the end."""

    def __init__(
        self,
        engine: Engine,
        image: str,
        *command: str,
        options: tuple[str, ...] = ("--network=none",),
    ) -> None:
        self._engine = engine
        self.name = f"quest-{uuid4().hex[:12]}"
        self._began = time.monotonic()
        # Reaching a server on this machine's loopback takes `options` with the host's network.
        engine(
            *("run", "--detach", f"--name={self.name}", *LOCKED_DOWN, *engine.read_only),
            *(*options, image, *command),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine("rm", "--force", "--volumes", self.name)

    def execute(self, *command: str) -> Ended:
        """Run a further command in it, as its user."""
        began = time.monotonic()
        done = self._engine.attempt("exec", self.name, *command)
        return Ended(done.returncode, done.stdout + done.stderr, time.monotonic() - began)

    def stopped(self) -> Ended:
        """Have it stopped as ECS does, by SIGTERM and, if need be, SIGKILL; the time from there."""
        self._began = time.monotonic()
        self._engine("stop", "-t", str(GRACE_SECONDS), self.name)
        return self.ended()

    def ended(self) -> Ended:
        """Wait until it has ended."""
        code = int(self._engine("wait", self.name))
        seconds = time.monotonic() - self._began
        logs = self._engine.attempt("logs", self.name)
        return Ended(code, logs.stdout + logs.stderr, seconds)


def docker_answers() -> bool:
    """Whether there is a Docker engine, and not its command alone."""
    if not shutil.which("docker"):
        return False
    docker = Engine("docker", os.environ)
    return docker.attempt("info", seconds=20).returncode == 0
