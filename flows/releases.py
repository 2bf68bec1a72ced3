"""The command `python -m flows.releases`: when BLS changed a survey, and which files.

    python -m flows.releases --survey pr --lake ./lake

What it lists are the states that `--as-of`, `flows.revisions` and the notebook take. A plain
command: it reads the lake and starts no Prefect flow. Exit codes as for `flows.history`.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import typer

from blocks.lake import open_lake
from blsquest.core.clock import time_text
from blsquest.core.errors import QuestError
from blsquest.core.source import source_of
from blsquest.core.text import columns
from blsquest.lake.manifest import FileChange, Manifest, diff
from blsquest.products.history import manifests_of
from flows.options import AsJson, Lake, Survey
from flows.results import complaint

NAMED = 3
"""Changed files that a line names; --json names all."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def releases(lake: Lake = "./lake", survey: Survey = "pr", json_: AsJson = False) -> None:
    """List a survey's generations: when each was committed, and what it changed."""
    try:
        store = open_lake(lake)
        manifests = manifests_of(store, source_of(survey))
    except QuestError as error:
        typer.echo(complaint(error), err=True)
        raise typer.Exit(error.exit_code) from error
    if json_:
        typer.echo(json.dumps(as_json(manifests), indent=2))
    else:
        typer.echo("\n".join(_lines(manifests)))


def as_json(manifests: Sequence[Manifest]) -> list[dict[str, Any]]:
    """Each generation, the oldest first, with every file that it changed."""
    return [
        {
            "generation": manifest.generation,
            "committed": time_text(manifest.committed),
            "sample": manifest.sample,
            "files": len(manifest.files),
            "changes": {change.name: change.change for change in changes},
        }
        for manifest, changes in _steps(manifests)
    ]


def _steps(manifests: Sequence[Manifest]) -> Iterator[tuple[Manifest, tuple[FileChange, ...]]]:
    for earlier, manifest in zip([None, *manifests], manifests, strict=False):
        yield manifest, diff(earlier, manifest)


def _lines(manifests: Sequence[Manifest]) -> Iterator[str]:
    newest = manifests[-1]
    sample = " (generated sample)" if newest.sample else ""
    yield f"{newest.source}{sample}"
    rows = [("generation", "committed (UTC)", "files", "what changed")]
    rows += [
        (
            str(manifest.generation),
            f"{manifest.committed:%Y-%m-%d %H:%M}",
            str(len(manifest.files)),
            _told(changes),
        )
        for manifest, changes in _steps(manifests)
    ]
    yield from columns(rows, numbers={0, 2})


def _told(changes: Sequence[FileChange]) -> str:
    """`3 changed, 5 restamped: pr.data.0.Current, pr.data.1.AllData, pr.series and 5 more`."""
    counted = Counter(change.change for change in changes)
    # What has other bytes is named first: the rest is paperwork.
    names = sorted(changes, key=lambda c: (c.change != "changed", c.change == "restamped", c.name))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(counted.items()))
    return f"{kinds}: {', '.join(change.name for change in names[:NAMED])}{more}"


if __name__ == "__main__":
    app(prog_name="python -m flows.releases")
