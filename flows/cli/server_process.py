"""The process of `flows.cli.server`: a Prefect server on a given socket, until stdin closes.

Run by its path, so that nothing else of the project is imported.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from threading import Thread

STOP_SECONDS = 5


def _end_with_the_command() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    Thread(target=_end_with_the_command, daemon=True).start()

    import uvicorn

    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        fd=int(sys.argv[1]),
        log_level="error",
        lifespan="on",
    )
