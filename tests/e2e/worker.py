"""The real ECS worker, in a container of the project's image as its ECS service runs it."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

from tests.e2e.ecs_standin.container import Container

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.e2e.ecs_standin.container import Image

POOL = "bls-data-quest"
COMMAND = (
    *("prefect", "worker", "start", "--pool", POOL, "--type", "ecs", "--name", POOL),
    *("--no-create-pool-if-not-found", "--install-policy", "never"),
)
"""As Terraform has it, but for its health check, whose port is not free on a shared machine."""
QUICK = {"PREFECT_WORKER_QUERY_SECONDS": "1", "PREFECT_WORKER_PREFETCH_SECONDS": "1"}


class Worker:
    """A worker that can be stopped and started."""

    def __init__(self, image: Image, environment: Mapping[str, str], log: Path) -> None:
        """Nothing runs before `start`.

        Args:
            image: The project's.
            environment: All that it is told.
            log: Where its output goes.
        """
        self._image, self._environment, self._log = image, {**environment, **QUICK}, log
        self._running: Container | None = None

    @property
    def said(self) -> str:
        """All its output."""
        return self._log.read_text()

    def start(self) -> None:
        """Start it; returns at once."""
        self._running = Container(self._image, COMMAND, self._environment, init=True)
        threading.Thread(target=self._keep, args=(self._running,), daemon=True).start()

    def kill(self) -> None:
        """End it at once."""
        if self._running is not None:
            self._running.signal(signal.SIGKILL)
            self._running.wait()
            self._running = None

    def _keep(self, container: Container) -> None:
        with self._log.open("ab") as log:
            for line in container.output:
                log.write(line)
                log.flush()
