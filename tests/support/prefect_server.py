"""A real Prefect server for tests: its own process, port and database, stopped by its own id."""

import math
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import connect
from typing import TypeVar

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_KEY,
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_HOME,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    temporary_settings,
)

from tests.support import HANG

STOP_SECONDS = 15

T = TypeVar("T")

_heard = [""]
"""The server that this process's events and logs go to."""

_OURS = ("PREFECT_", "AWS_", "LAKE", "BLS_", "POPULATION_")


@dataclass(frozen=True)
class PrefectServer:
    """A running server; it asks its clients for `auth_string`, `user:password`, if it has one."""

    api_url: str
    home: Path
    auth_string: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        """For a child process that uses this server, and nothing of this machine's settings."""
        credentials = {"PREFECT_API_AUTH_STRING": self.auth_string} if self.auth_string else {}
        return clean_environment(self.home) | {"PREFECT_API_URL": self.api_url} | credentials

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Use this server for all that this process does with Prefect in the block."""
        settings = {
            PREFECT_API_URL: self.api_url,
            PREFECT_API_KEY: None,
            PREFECT_API_AUTH_STRING: self.auth_string,
            PREFECT_HOME: self.home,
            # The heartbeat's thread takes a second to end, after every flow.
            PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
            PREFECT_SERVER_ANALYTICS_ENABLED: False,
        }
        with temporary_settings(settings):
            if _heard[0] != self.api_url:
                let_go()
                _heard[0] = self.api_url
            yield

    @contextmanager
    def client(self) -> Iterator[SyncPrefectClient]:
        """Open a client."""
        with get_client(sync_client=True) as client:
            yield client


def let_go() -> None:
    """Let the server have what this process still has to say, and nothing that comes later.

    One worker sends all events of a process to the server that was in use when it began.
    """
    APILogWorker.drain_all(timeout=HANG)
    EventsWorker.drain_all(timeout=HANG)


def clean_environment(home: Path) -> dict[str, str]:
    """Return this process's environment without what someone has set for the project."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_OURS)}
    return kept | {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def run_prefect_server(
    home: Path,
    *,
    dashboard: bool = False,
    auth_string: str | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[PrefectServer]:
    """Run the server with all its services; the scheduler looks every second.

    The dashboard is at the root of the same port. `settings` are more of Prefect's, as environment
    variables.
    """
    port = free_port()
    server = PrefectServer(f"http://127.0.0.1:{port}/api", home, auth_string)
    environment = clean_environment(home) | {
        "PREFECT_SERVER_UI_ENABLED": str(dashboard).lower(),
        "PREFECT_UI_API_URL": server.api_url,
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "1",
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "0.5",
        "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
        **(settings or {}),
    }
    if auth_string:
        environment["PREFECT_SERVER_API_AUTH_STRING"] = auth_string
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
    with (home / "server.log").open("wb") as log:
        # A session of its own: the command starts the server as its child.
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=home
        )
        try:
            _wait_until_healthy(server, process)
            yield server
            let_go()
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_SECONDS)


def copy_database(home: Path, target: Path) -> None:
    """Give another Prefect home the database of a running server: making one takes seconds."""
    name = "prefect.db"
    with closing(connect(home / name)) as old, closing(connect(target / name)) as new:
        old.backup(new)


def eventually(look: Callable[[], T | None], what: str, *, seconds: float = HANG) -> T:
    """Call `look` again and again until its answer is truthy, and return that."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            message = f"After {seconds:.0f} s there was still no {what}."
            raise AssertionError(message)
        time.sleep(0.1)
    return found


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(server: PrefectServer, process: subprocess.Popen[bytes]) -> None:
    """Wait as long as the process lives: a busy machine needs minutes."""

    def answer() -> bool:
        if process.poll() is not None:
            log = (server.home / "server.log").read_text()[-2000:]
            message = f"The Prefect server did not start:\n{log}"
            raise RuntimeError(message)
        try:
            with urllib.request.urlopen(f"{server.api_url}/health", timeout=5) as reply:
                return bool(reply.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    eventually(answer, "healthy Prefect server", seconds=math.inf)
