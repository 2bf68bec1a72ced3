"""The container's health check: exit code 0 is well, 1 is not, and one line says why.

A worker is well while it asks Prefect for runs: its own health server, which
`prefect worker start --with-healthcheck` opens on loopback, answers 503 if it has not recently.

A flow run has nothing to ask: the container lives exactly as long as its process, and the Prefect
API learns from its heartbeat, which an automation watches, whether the process still works.

Standard library only: this runs every half minute, beside the work.
"""

import http.client
import os
import sys
from collections.abc import Iterator
from pathlib import Path

SECONDS = 3.0
"""For connecting and for the answer: below the health command's own time limit."""

_PORT = "PREFECT_WORKER_WEBSERVER_PORT"
_DEFAULT_PORT = 8080
"""Prefect's."""


def main(proc: Path = Path("/proc")) -> int:
    """Print how the container is; the exit code."""
    workers = [command for command in commands(proc) if is_worker(command)]
    if not workers:
        return _say(well=True, why="no worker here; a run's heartbeat tells Prefect how it is")
    if not any("--with-healthcheck" in command for command in workers):
        return _say(
            well=False, why="nothing to ask: start the worker with `--with-healthcheck` as well"
        )
    return _ask(int(os.environ.get(_PORT) or _DEFAULT_PORT))


def commands(proc: Path) -> Iterator[list[str]]:
    """Yield the command line of each process of this container, as a list of words."""
    for path in proc.glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue  # it ended meanwhile, or is another user's
        yield line.decode(errors="replace").rstrip("\0").split("\0")


def is_worker(command: list[str]) -> bool:
    """Return whether a command line is a Prefect worker's, with or without an interpreter."""
    words = command[1:] if Path(command[0]).name.startswith("python") else command
    return [Path(word).name for word in words[:3]] == ["prefect", "worker", "start"]


def _ask(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", "/health")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return _say(well=False, why=f"the worker's health server does not answer: {error}")
    finally:
        connection.close()
    if status != http.HTTPStatus.OK:
        return _say(well=False, why=f"the worker does not ask for runs any more (HTTP {status})")
    return _say(well=True, why="the worker asks for runs")


def _say(*, well: bool, why: str) -> int:
    print("well:" if well else "not well:", why)  # noqa: T201  a health command's output is its log
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
