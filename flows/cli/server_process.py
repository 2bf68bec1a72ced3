"""A Prefect server's process: how a command starts it, and, run by its path, the process itself.

Its imports take as long as the command's own, so they begin first and run in parallel: this module
needs only the standard library. The server itself starts, and makes or checks its database, only on
demand. It ends when its standard input closes, which the system does when the command ends, however
that happens.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from tempfile import TemporaryFile
from threading import Event, Thread
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

STOP_SECONDS = 5

TEMPORARY = {
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT_UI_ENABLED": "0",
    # Block types are registered by `python -m blocks` and by every other server: the check takes
    # this one a second, three the first time.
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "0",
    "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "0",
    # Automations are for a server that stays: to run them, this one would set itself up twice more,
    # and end before that is done.
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "0",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "0",
}
"""The environment of a server that serves one command."""

FLOWS = ("pipeline", "mirror", "population", "report", "audit")
"""The commands that run a flow."""

_GO = b"\n"


@dataclass(frozen=True)
class Server:
    """A process that waits for `go` before it serves.

    Attributes:
        process: Its process.
        url: Where its API answers; who asks before it does is kept waiting.
        log: What it said; None where that goes to stderr.
    """

    process: subprocess.Popen[bytes]
    url: str
    log: IO[bytes] | None

    def go(self) -> None:
        """Let it come up."""
        assert self.process.stdin is not None  # noqa: S101 - `start` makes it
        try:
            self.process.stdin.write(_GO)
            self.process.stdin.flush()
        except BrokenPipeError:  # it ended: the next request to it says so
            return


early: Server | None = None
"""The one that was started before the command's imports, until somebody takes it."""


def start(
    listener: socket.socket, settings: Mapping[str, str], *, log: IO[bytes] | None = None
) -> Server:
    """Start the process, which does not serve yet; the listener may be closed afterwards.

    `settings` overrides this process's environment; without a log the server writes to stderr.
    """
    host, port = listener.getsockname()
    process = subprocess.Popen(  # noqa: S603 - this interpreter and this file
        # -P: this file's folder is not where to import from.
        [sys.executable, "-P", __file__, str(listener.fileno())],
        env=os.environ | {"PREFECT__SERVER_FINAL": "1", **settings},
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        pass_fds=[listener.fileno()],
        start_new_session=True,  # Ctrl-C at a terminal is for the command
    )
    return Server(process, f"http://{host}:{port}/api", log)


def start_temporary(settings: Mapping[str, str], *, verbose: bool) -> Server:
    """Start the process of a server that serves one command, at a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        log = None if verbose else TemporaryFile()  # noqa: SIM115 - it lives as long as the server
        return start(listener, {**settings, **TEMPORARY}, log=log)


def start_early(arguments: list[str]) -> None:
    """Print at once that a flow starts, and start its server in parallel with the imports.

    If the arguments turn out to be wrong, or Prefect's settings name a server, the process ends
    without having served.
    """
    global early  # noqa: PLW0603 - one command a process
    asks = {"-h", "--help", "--version", "--sums"}.intersection(arguments)
    if asks or not arguments or arguments[0] not in FLOWS:
        return
    verbose = not {"-v", "--verbose"}.isdisjoint(arguments)
    if sys.stderr.isatty() and not verbose and "--json" not in arguments:
        print(f"  {arguments[0]}: starting", file=sys.stderr)
    if not os.getenv("PREFECT_API_URL"):
        early = start_temporary({}, verbose=verbose)


def _end_with_the_command(stopping: Event) -> None:
    while os.read(sys.stdin.fileno(), 1):
        stopping.set()
    if not stopping.is_set():
        os._exit(0)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    go_ahead = Event()
    Thread(target=_end_with_the_command, args=(go_ahead,), daemon=True).start()

    gc.disable()  # what is imported stays: looking through it for rubbish is a third of the work
    import prefect.server.api.server
    import uvicorn

    gc.freeze()
    gc.enable()
    go_ahead.wait()
    uvicorn.run(
        prefect.server.api.server.create_app,
        factory=True,
        fd=int(sys.argv[1]),
        log_level="error",
        lifespan="on",
    )
