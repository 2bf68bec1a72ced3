"""The command line."""

import os
import signal
import sys


def _open_what_the_caller_closed() -> None:
    """Let no file or socket take the place of a standard stream that is closed (`2>&-`)."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # The lowest free number: this stream's.
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(number, "w" if number else "r"))


def main() -> None:
    """Run the command that the process's arguments name; never returns.

    The imports take a second. Until something has been started, Ctrl-C ends the process at once:
    there is nothing to undo, and nothing to say but the exit code.
    """
    signal.signal(signal.SIGINT, lambda number, _: os._exit(128 + number))
    _open_what_the_caller_closed()
    from flows.cli.server_process import start_early

    start_early(sys.argv[1:])
    from flows.cli.app import main as run

    run()
