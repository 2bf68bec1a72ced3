"""The Prefect servers that a command starts for itself, and that end with it, however it ends.

A server that Prefect starts stays behind if the command does not end as usual, and prints
tracebacks when it is stopped; to reach it, Prefect imports the whole server here too, which takes
longer than all other imports. This one ends when a pipe is closed, which the system does when the
command ends, and writes its log to a file.
"""

import fcntl
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES
from pathlib import Path

import httpx
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_CSRF_SUPPORT_ENABLED,
    PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED,
    PREFECT_HOME,
    get_current_settings,
    temporary_settings,
)

from blocks.api import OWN, ApiError
from blsquest.core.errors import Misuse
from flows.cli import server_process
from flows.cli.server_process import STOP_SECONDS, Server, start, start_temporary

READY_SECONDS = 120
"""For a start on a busy machine; the first one makes the database."""


def check_home() -> None:
    """Make the folder in which Prefect keeps what its servers know.

    Raises:
        Misuse: It can't be written.
    """
    home = PREFECT_HOME.value()
    try:
        home.mkdir(parents=True, exist_ok=True)
        check_writable(home)
    except OSError as error:
        raise Misuse(
            f"PREFECT_HOME ({home}) can't be used: {error.strerror}.",
            "Set it to a folder that this user can write.",
        ) from error


def check_writable(folder: Path) -> None:
    """Raise PermissionError where this user can make no file in a folder."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(EACCES, os.strerror(EACCES))


@contextmanager
def temporary_server(*, verbose: bool) -> Iterator[None]:
    """Let Prefect in this process use a server of its own within this block.

    Raises:
        ApiError: It did not start.
    """
    server, server_process.early = server_process.early, None
    server = server or start_temporary(_settings(), verbose=verbose)
    settings = {
        PREFECT_API_URL: server.url,
        # It is of this version, and asks for no tokens: each client would find that out anew.
        PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False,
        PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED: False,
    }
    OWN.add(server.url)
    with temporary_settings(settings), _running(server):
        yield


@contextmanager
def whole_server(listener: socket.socket) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server with its schedules, triggers and dashboard within this block.

    It follows Prefect's settings, and writes its warnings to stderr. It answers at the listener,
    which is closed here.

    Raises:
        ApiError: It did not start.
    """
    with listener:
        server = start(listener, _settings())
    with _running(server):
        yield server.process


def _settings() -> dict[str, str]:
    return get_current_settings().to_environment_variables(exclude_unset=True)


@contextmanager
def _alone() -> Iterator[None]:
    """Let servers come up one after the other: of two that make one database, one fails."""
    with (PREFECT_HOME.value() / "starting").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def _running(server: Server) -> Iterator[None]:
    try:
        with _alone():
            server.go()
            _wait_until_ready(server)
        yield
    finally:
        try:
            _send_the_rest(server)
        finally:
            server.process.communicate()  # its stdin closes, and it ends


def _wait_until_ready(server: Server) -> None:
    """Ask once: the socket keeps the request until the server answers, and fails if it ends."""
    try:
        asked = httpx.get(f"{server.url}/health", timeout=READY_SECONDS, trust_env=False)
        asked.raise_for_status()
    except httpx.HTTPError as error:
        output = ""
        if server.log is not None:
            server.log.seek(0)
            output = server.log.read().decode(errors="replace")
        lines = output.strip().splitlines() or [str(error)]
        kind, see = (
            ("temporary Prefect server", "Run again with --verbose to see why")
            if server.log is not None
            else ("Prefect server", "See above what it said")
        )
        raise ApiError(
            f"The {kind} did not start ({lines[-1]}).",
            f"{see}; its data are in PREFECT_HOME (~/.prefect).",
        ) from error


def _send_the_rest(server: Server) -> None:
    """Let the server have the lines of the log and the events that are still under way."""
    if server.process.poll() is None:
        for worker in (APILogWorker, EventsWorker):
            worker.drain_all(timeout=STOP_SECONDS)
