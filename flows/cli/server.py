"""The Prefect servers that a command starts for itself, and that end with it, however it ends.

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
    ephemeral = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1"}
    with TemporaryFile() as log:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            process = _start(listener, None if verbose else log, ephemeral)
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


@contextmanager
def whole_server(listener: socket.socket) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server with its schedules, triggers and dashboard within this block.

    It is as Prefect's settings say, and writes its warnings to stderr.

    Args:
        listener: Where it answers; closed here.

    Raises:
        ApiError: It did not start.
    """
    host, port = listener.getsockname()
    with listener:
        process = _start(listener, None, {})
    try:
        _wait_until_ready(f"http://{host}:{port}/api/health")
        yield process
    finally:
        try:
            _tell_the_rest(process)
        finally:
            process.communicate()  # its stdin closes, and it ends


def _start(
    listener: socket.socket, log: IO[bytes] | None, own: dict[str, str]
) -> subprocess.Popen[bytes]:
    number = listener.fileno()
    return subprocess.Popen(  # noqa: S603 - this interpreter and a file of ours
        # -P: that file's folder is not where to import from.
        [sys.executable, "-P", str(Path(server_process.__file__)), str(number)],
        env=os.environ
        | {"PREFECT__SERVER_FINAL": "1", **own}
        | get_current_settings().to_environment_variables(exclude_unset=True),
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        pass_fds=[number],
        start_new_session=True,  # Ctrl-C at a terminal is for the command
    )


def _wait_until_ready(url: str, log: IO[bytes] | None = None) -> None:
    """Ask once: the socket keeps the request until the server answers, and fails if it ends."""
    try:
        httpx.get(url, timeout=READY_SECONDS, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        said = ""
        if log is not None:
            log.seek(0)
            said = log.read().decode(errors="replace")
        lines = said.strip().splitlines() or [str(error)]
        kind, see = (
            ("temporary Prefect server", "Run again with --verbose to see why")
            if log is not None
            else ("Prefect server", "See above what it said")
        )
        raise ApiError(
            f"The {kind} did not start ({lines[-1]}).",
            f"{see}; its data are in PREFECT_HOME (~/.prefect).",
        ) from error


def _tell_the_rest(process: subprocess.Popen[bytes]) -> None:
    """Let the server have the lines of the log and the events that are still under way."""
    if process.poll() is None:
        for worker in (APILogWorker, EventsWorker):
            worker.drain_all(timeout=server_process.STOP_SECONDS)
