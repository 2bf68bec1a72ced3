"""`python -m deployments`: make a Prefect workspace what the repository declares.

Exit codes: 0 done or as declared, 1 differs, failed or has findings, 2 usage, 3 the lake's
storage is none for a lake.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from blsquest.core.errors import Misuse, QuestError

if TYPE_CHECKING:
    from collections.abc import Mapping

say = partial(print, flush=True)  # a change is shown when it is made, also into a pipe

app = App(
    name="python -m deployments",
    help="Make a Prefect workspace what the repository declares.",
    version_flags=[],
)


@app.command
def apply(
    *,
    from_: Annotated[str | None, Parameter("--from", allow_leading_hyphen=True)] = None,
    check: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Create, update and remove what the repository declares: pool, blocks, deployments, watch.

    Settings come from the environment or from Terraform. Without them the command names each, and
    what it is for. Doing it again changes nothing.

    Args:
        from_: A file with what `terraform output -json` printed, for settings; - reads stdin.
        check: Change nothing; print what differs, and exit 1 if anything does.
    """
    from deployments.settings import read_settings, terraform_outputs

    settings = read_settings(os.environ, terraform_outputs(_text(from_)) if from_ else {})
    # Prefect and its AWS part take seconds to import: a mistake in the settings shows at once.
    from prefect.client.orchestration import get_client

    from blocks.api import explain_api
    from blocks.register import prove_storage
    from deployments.apply import apply as make
    from deployments.apply import declare, drift, notices

    declared = declare(settings, os.environ, *_read_files(None))
    if not check and (unproven := prove_storage(declared.blocks)):
        say(unproven)
    with explain_api() as address:
        say(f"Prefect API: {address}, work pool: {settings.work_pool}")
        with get_client(sync_client=True) as client:
            if said := notices(client, declared.notify):
                say(said)
        differs = False
        for change in drift(declared) if check else make(declared):
            differs = True
            say(f"  {change.sentence()}")
    if not differs:
        say("All is as declared.")
    elif check:
        say("The workspace differs; .venv/bin/python -m deployments apply makes it as declared.")
    return int(differs and check)


@app.command
def lint(*, env: Annotated[bool, Parameter(negative=())] = False) -> int:
    """Find what Prefect lets pass: unknown keys, unset variables, illegal sizes. Offline; exit 1.

    Run it before `prefect deploy`. `apply` does by itself.

    Args:
        env: Also the variables that prefect.yaml uses must be set here.
    """
    _read_files(os.environ if env else None)
    say("prefect.yaml and work_pool.json: nothing found.")
    return 0


def _read_files(environment: Mapping[str, str] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return prefect.yaml and work_pool.json, in which lint finds nothing."""
    from deployments.lint import lint as find
    from deployments.project_file import read_project_file
    from deployments.work_pool import read_template

    content, template = read_project_file(), read_template()
    if findings := find(content, template, environment):
        raise QuestError("\n".join(findings), f"{len(findings)} to correct (nothing was deployed).")
    return content, template


def _text(source: str) -> str:
    try:
        return sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misuse(f"{source} cannot be read: {error}", "Name a file, or - for stdin.") from error


def main() -> int:
    """Run the command; the exit code."""
    try:
        return int(app(result_action="return_value") or 0)  # nothing of --help
    except QuestError as error:
        sys.stderr.write(f"{error.what}\n{error.remedy}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
