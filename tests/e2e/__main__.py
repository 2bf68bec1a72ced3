"""`python -m tests.e2e`: everything running on this machine, to look at it in the dashboard.

Without AWS and the internet: sample publishers, the ECS stand-in, Prefect's server, its worker, and
the project deployed. Ctrl-C ends it all.
"""

import logging
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from tests.e2e.ecs_standin.container import why_no_containers
from tests.e2e.runs import start
from tests.e2e.stage import AUTH_STRING, on_stage


def main() -> int:
    """Run the pipeline once, say where the dashboard is, and wait for Ctrl-C."""
    lacking = why_no_containers()
    if lacking:
        sys.stderr.write(f"This {lacking}.\n")
        return 1
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # moto's requests, one a line
    with (
        TemporaryDirectory(prefix="quest-e2e-") as folder,
        suppress(KeyboardInterrupt),
        on_stage(Path(folder), dashboard=True) as stage,
    ):
        start("pipeline/daily-pipeline")
        address = stage.server.api_url.removesuffix("/api")
        sys.stdout.write(f"dashboard   {address}\nauth string {AUTH_STRING}\nCtrl-C ends it.\n")
        sys.stdout.flush()
        Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
