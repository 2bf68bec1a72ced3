"""The command line."""

import os
import signal


def main() -> None:
    """Run the command that the process's arguments name; never returns.

    The imports take a second. Until something has been started, Ctrl-C ends the process at once:
    there is nothing to undo, and nothing to say but the exit code.
    """
    signal.signal(signal.SIGINT, lambda number, _: os._exit(128 + number))
    from flows.cli.app import main as run

    run()
