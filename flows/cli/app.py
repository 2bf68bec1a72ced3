"""The commands of `blsquest`. What a command needs is imported when it is called."""

import os
import sys
from errno import ENOSPC, EPIPE

from cyclopts import App, Group, Parameter

from blsquest import __version__

RUN = Group("Run a flow", sort_key=1)
READ = Group("Work on a lake, without Prefect", sort_key=2)

EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, 2 usage error, 3 refused by a guard, 130 and 143 stopped "
    "(Ctrl-C, SIGTERM)."
)

app = App(
    name="blsquest",
    help="An exact, versioned mirror of BLS time series and the US population, with answers.",
    help_epilogue=EXIT_CODES,
    help_format="plaintext",
    version=__version__,
    group_commands=Group("More", sort_key=3),
    default_parameter=Parameter(negative_bool=(), negative_iterable=(), negative_none=()),
)

_COMMANDS = {
    "pipeline": (RUN, "Mirror BLS surveys and the population, then report where one is due."),
    "mirror": (RUN, "Mirror BLS surveys: one, some by patterns, or all."),
    "population": (RUN, "Mirror the US population by year."),
    "report": (RUN, "Answer the three questions from one state of the lake."),
    "audit": (RUN, "Check that the lake is what its manifests say."),
    "serve": (RUN, "Run the pipeline every day on this machine, until Ctrl-C."),
    "status": (READ, "Show how fresh and how large the lake is, and whether a report is due."),
    "releases": (READ, "List a survey's generations, and what each changed."),
    "revisions": (READ, "Show which values changed between two states of a survey."),
    "history": (READ, "Show every value that one observation ever had."),
    "series": (READ, "Find series by words."),
    "tables": (READ, "Make the lake's Iceberg tables, for all generations if wished."),
    "copy": (READ, "Copy a lake to another folder or bucket, each vintage checked."),
}

for _name, (_group, _help) in _COMMANDS.items():
    _module = "flow_commands" if _group == RUN else "lake_commands"
    _module = "serve" if _name == "serve" else _module
    _epilogue = EXIT_CODES if _group == RUN else None
    app.command(
        f"flows.cli.{_module}:{_name}",
        name=_name,
        help=_help,
        group=_group,
        help_epilogue=_epilogue,
    )

app.register_install_completion_command(help="Install tab completion for your shell.")


def main() -> None:
    """Run the command that the process's arguments name; never returns."""
    if any(argument != argument.encode(errors="replace").decode() for argument in sys.argv):
        print("Error: An argument is not UTF-8 text. Rename the file or folder.", file=sys.stderr)
        sys.exit(2)
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in {EPIPE, ENOSPC}:
            raise
        if error.errno == ENOSPC:  # with EPIPE whoever read it has seen enough
            print(f"Failed: The output can't be written: {error.strerror}.", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
