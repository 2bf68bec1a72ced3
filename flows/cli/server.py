"""The Prefect server that a command starts for itself, and that ends with it, however it ends.

One that Prefect starts stays behind whenever the command does not end as usual, and prints what it
thinks of being stopped. This one ends when a pipe is closed, which the system does with the
command, and writes what it says to a file.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

import httpx
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import get_current_settings

from blocks.api import ApiError
from flows.cli import server_process

if TYPE_CHECKING:
    from collections.abc import Iterator

READY_SECONDS = 120
"""For a start on a busy machine; the first one makes the database."""


@contextmanager
def temporary_server(*, verbose: bool) -> Iterator[None]:
    """Let Prefect in this process use a server of its own within this block.

    Args:
        verbose: Let it write to stderr.

    Raises:
        ApiError: It did not start.
    """
    with TemporaryFile() as log:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            process = _start(listener, None if verbose else log)
            port = listener.getsockname()[1]
        # Prefect finds running what it would start now.
        ours = SubprocessASGIServer()
        ours.port, ours.server_process, ours.running = port, process, True
        try:
            _wait_until_ready(f"{ours.api_url}/health", log)
            yield
        finally:
            try:
                _tell_the_rest(process)
            finally:
                ours.stop()
                process.communicate()


def _start(listener: socket.socket, log: IO[bytes] | None) -> subprocess.Popen[bytes]:
    number = listener.fileno()
    ephemeral = {"PREFECT_UI_ENABLED": "0"}
    ephemeral |= {"PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}
    return subprocess.Popen(  # noqa: S603 - this interpreter and a file of ours
        # -P: that file's folder is not where to import from.
        [sys.executable, "-P", str(Path(server_process.__file__)), str(number)],
        env=os.environ
        | ephemeral
        | get_current_settings().to_environment_variables(exclude_unset=True),
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        pass_fds=[number],
        start_new_session=True,  # Ctrl-C at a terminal is for the command
    )


def _wait_until_ready(url: str, log: IO[bytes]) -> None:
    """Ask once: the socket keeps the request until the server answers, and fails if it ends."""
    try:
        httpx.get(url, timeout=READY_SECONDS, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        log.seek(0)
        lines = log.read().decode(errors="replace").strip().splitlines() or [str(error)]
        raise ApiError(
            f"The temporary Prefect server did not start ({lines[-1]}).",
            "Run again with --verbose to see why; its data are in PREFECT_HOME (~/.prefect).",
        ) from error


def _tell_the_rest(process: subprocess.Popen[bytes]) -> None:
    """Let the server have the lines of the log and the events that are still under way."""
    if process.poll() is None:
        for worker in (APILogWorker, EventsWorker):
            worker.drain_all(timeout=server_process.STOP_SECONDS)
