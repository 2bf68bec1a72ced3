"""Addresses at which no publisher is: one that refuses, one that lies about who it is."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING

from tests.support.certificates import self_signed

if TYPE_CHECKING:
    from tests.support.stage import Stage


def nobody(stage: Stage) -> str:
    """A port that refuses connections for as long as the stage lasts."""
    held = stage.closing.enter_context(socket.socket())
    held.bind(("127.0.0.1", 0))
    return f"127.0.0.1:{held.getsockname()[1]}"


def impostor(stage: Stage) -> str:
    """A TLS server whose certificate nobody vouches for."""
    folder = stage.closing.enter_context(TemporaryDirectory())
    context = self_signed(Path(folder) / "impostor.pem")
    listener = stage.closing.enter_context(socket.create_server(("127.0.0.1", 0)))

    def serve() -> None:
        with suppress(OSError):  # the stage is over
            while True:
                connection, _ = listener.accept()
                with suppress(OSError), connection:
                    connection.settimeout(5)
                    context.wrap_socket(connection, server_side=True).recv(1)

    stage.closing.callback(_hang_up, listener)
    Thread(target=serve, daemon=True).start()
    return f"127.0.0.1:{listener.getsockname()[1]}"


def _hang_up(listener: socket.socket) -> None:
    """Closing alone wakes no thread that waits in accept."""
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
