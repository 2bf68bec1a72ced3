"""The command line."""

import os
import signal
import sys


def main() -> None:
    """Run the command that the process's arguments name; never returns.

    The imports take a second. Until something has been started, Ctrl-C ends the process at once:
    there is nothing to undo, and nothing to say but the exit code.
    """
    signal.signal(signal.SIGINT, lambda number, _: os._exit(128 + number))
    from flows.cli.server_process import start_early

    start_early(sys.argv[1:])
    from flows.cli.app import main as run

    run()
