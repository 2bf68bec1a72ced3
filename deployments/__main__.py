"""`python -m deployments`: make a Prefect workspace what the repository declares.

Exit codes: 0 done or as declared, 1 differs, failed or has findings, 2 usage.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from blsquest.core.errors import QuestError

if TYPE_CHECKING:
    from collections.abc import Mapping

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)

From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="FILE",
        help="Settings from what `terraform output -json` printed; - reads it from stdin.",
    ),
]
Env = Annotated[
    bool, typer.Option("--env", help="Also the variables that prefect.yaml uses must be set here.")
]
Check = Annotated[
    bool, typer.Option("--check", help="Change nothing; print what differs, and exit 1 if it does.")
]


@app.command()
def apply(from_: From = None, check: Check = False) -> None:
    """Create, update and remove what the repository declares: pool, blocks, deployments, watch.

    Settings come from the environment or from Terraform. Without them the command names each, and
    what it is for. Doing it again changes nothing.
    """
    try:
        _apply(from_, check=check)
    except QuestError as error:
        _leave(error)


@app.command()
def lint(env: Env = False) -> None:
    """Find what Prefect lets pass: unknown keys, unset variables, illegal sizes. Offline; exit 1.

    Run it before `prefect deploy`. `apply` does by itself.
    """
    try:
        _read_files(os.environ if env else None)
    except QuestError as error:
        _leave(error)
    typer.echo("prefect.yaml and work_pool.json: nothing found.")


def _read_files(environment: Mapping[str, str] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """prefect.yaml and work_pool.json, in which lint finds nothing."""
    from deployments.lint import lint as findings_of
    from deployments.project_file import read_project_file
    from deployments.work_pool import read_template

    content, template = read_project_file(), read_template()
    findings = findings_of(content, template, environment)
    if findings:
        raise QuestError(
            "\n".join(finding.sentence() for finding in findings),
            f"{len(findings)} to correct (nothing was deployed).",
        )
    return content, template


def _apply(source: str | None, *, check: bool) -> None:
    from deployments.reading import read_settings, terraform_outputs

    outputs = terraform_outputs(_text(source)) if source else {}
    settings = read_settings(os.environ, outputs)
    # Prefect and its AWS part take seconds to import: a mistake in the settings shows at once.
    from prefect.client.orchestration import get_client

    from blocks.api import explain_api
    from deployments.apply import apply as make
    from deployments.apply import drift
    from deployments.declared import declare
    from deployments.webhook import told

    declared = declare(settings, os.environ, *_read_files(None))
    with explain_api() as address:
        typer.echo(f"Prefect API: {address}, work pool: {settings.work_pool}")
        with get_client(sync_client=True) as client:
            if notices := told(client, declared.notify):
                typer.echo(notices)
        differs = False
        for change in drift(declared) if check else make(declared):
            differs = True
            typer.echo(f"  {change.sentence()}")
    if not differs:
        typer.echo("All is as declared.")
    elif check:
        typer.echo(
            "The workspace differs; .venv/bin/python -m deployments apply makes it as declared."
        )
        raise typer.Exit(1)


def _leave(error: QuestError) -> NoReturn:
    typer.echo(f"{error.what}\n{error.remedy}", err=True)
    raise typer.Exit(error.exit_code) from error


def _text(source: str) -> str:
    from blsquest.core.errors import Misuse

    try:
        return sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misuse(f"{source} cannot be read: {error}", "Name a file, or - for stdin.") from error


if __name__ == "__main__":
    app(prog_name="python -m deployments")
