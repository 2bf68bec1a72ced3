"""The command `python -m flows.revisions`: what BLS changed between any two states of a survey.

    python -m flows.revisions --survey pr --from 2025-02-05 --to 2025-02-07 --lake ./lake

A mirror run does this by itself for each generation and its parent. A plain command: it starts no
Prefect flow. Exit codes as for `flows.history`.
"""

import json
from typing import Annotated

import typer

from blocks.lake import open_lake
from blsquest.analytics.report import sections
from blsquest.analytics.report.terminal import terminal
from blsquest.core.clock import utcnow
from blsquest.core.errors import QuestError
from blsquest.lake.as_of import check_known, parse_as_of
from blsquest.lake.log import ManifestLog
from blsquest.products.revisions import revise
from flows.options import AsJson, Lake, Survey
from flows.results import complaint

_STATE = "a generation, a date (its end in UTC) or a time with zone"
Since = Annotated[
    str | None, typer.Option("--from", help=f"The earlier state: {_STATE}. The parent of --to.")
]
Until = Annotated[str | None, typer.Option("--to", help=f"The later state: {_STATE}. The newest.")]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def revisions(
    lake: Lake = "./lake",
    survey: Survey = "pr",
    since: Since = None,
    until: Until = None,
    json_: AsJson = False,
) -> None:
    """Show which observations were added, removed, revised or annotated, and keep them."""
    try:
        store = open_lake(lake)
        log = ManifestLog(store, f"bls/{survey}")
        later = _generation(log, until)
        earlier = None if since is None else _generation(log, since)
        revised = revise(store, log.source, later, earlier)
    except QuestError as error:
        typer.echo(complaint(error), err=True)
        raise typer.Exit(error.exit_code) from error
    if json_:
        typer.echo(json.dumps(revised.as_dict(), indent=2))
    else:
        told = terminal(*sections.revisions(revised.summary))
        typer.echo(f"{told}\n\nKept in {store.url}/{revised.folder}")


def _generation(log: ManifestLog, state: str | None) -> int:
    """The generation that held at a state that a person names; the newest for None."""
    if state is None:
        latest = log.latest()
        if latest is None:
            raise log.empty()
        return latest.manifest.generation
    as_of = parse_as_of(state)
    check_known(as_of, now=utcnow())
    if as_of.generation is not None:
        return as_of.generation
    assert as_of.until is not None  # noqa: S101 - a day or a moment
    return log.at(as_of.until).manifest.generation


if __name__ == "__main__":
    app(prog_name="python -m flows.revisions")
