"""`python -m deployments`: make a Prefect workspace what the repository declares.

Exit codes: 0 done or as declared, 1 differs, failed or has findings, 2 usage, 3 the lake's
storage can't hold a lake.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from blsquest.core.errors import Misuse, QuestError
from deployments import install
from deployments.settings import Cluster, S, Settings, Target, read_settings, terraform_outputs

say = partial(print, flush=True)  # a change is shown when it is made, also into a pipe

_HERE = install.Installation(os.environ, say)

app = App(
    name="python -m deployments",
    help="Make a Prefect workspace what the repository declares.",
    version_flags=[],
)


From = Annotated[
    str | None,
    Parameter(
        "--from",
        allow_leading_hyphen=True,
        help="A file with what `terraform output -json` printed, for settings; - reads stdin.",
    ),
]
Flag = Annotated[bool, Parameter(negative=())]
Check = Annotated[
    Flag, Parameter(help="Change nothing; print what differs, and exit 1 if anything does.")
]


@app.command
def apply(*, from_: From = None, check: Check = False) -> int:
    """Create, update and remove what the repository declares: pool, blocks, deployments, watch.

    Settings come from the environment or from Terraform. Without them the command names each, and
    what it is for. Doing it again changes nothing.
    """
    settings = _settings(Settings, from_)
    # Terraform may have said it: Prefect's client reads the environment alone.
    os.environ["PREFECT_API_URL"] = settings.prefect_api_url
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
            if sentence := notices(client, declared.notify):
                say(sentence)
        changes = drift(declared) if check else make(declared)
        differs = _printed(change.sentence() for change in changes)
    if not differs:
        say("All is as declared.")
    elif check:
        say("The workspace differs; .venv/bin/python -m deployments apply makes it as declared.")
    return int(differs and check)


@app.command
def worker(*, from_: From = None, check: Check = False) -> int:
    """Bring the worker on ECS to the image IMAGE_TAG, and wait until it is steady.

    It is registered as a revision of what Terraform made; ECS goes back by itself where the image
    does not start. Doing it again changes nothing.
    """
    from boto3 import Session

    from deployments.worker import bring, differences, explain_aws

    target = _settings(Target, from_)
    with explain_aws():
        aws = Session(region_name=target.aws_region)
        ecs = aws.client("ecs")
        differs = _printed(
            differences(ecs, target) if check else bring(ecs, aws.client("ecr"), target)
        )
    if not (differs and check):
        say(f"The worker runs {target.image}.")
    return int(differs and check)


@app.command
def findings(*, from_: From = None) -> int:
    """Say what the registry's scan finds in the image that the worker runs; exit 1 if it is grave.

    Grave is CRITICAL or HIGH, unless deployments/accepted_findings.txt accepts it today.
    """
    from boto3 import Session

    from deployments.findings import ACCEPTED, grave, image_of_the_worker, read_accepted, scanned
    from deployments.worker import explain_aws

    accepted = read_accepted(ACCEPTED.read_text(encoding="utf-8"), datetime.now(UTC).date())
    at = _settings(Cluster, from_)
    with explain_aws():
        aws = Session(region_name=at.aws_region)
        repository, tag = image_of_the_worker(aws.client("ecs"), at.cluster_arn)
        found = scanned(aws.client("ecr"), repository, tag)
    bad = grave(found, accepted)
    say(f"{repository}:{tag}: {len(found)} findings, {len(bad)} of them to look at.")
    for each in bad:
        say(f"  {each.severity} {each.name} in {each.package}")
    if bad:
        say(
            "Build anew (a newer base image, `make lock`), or accept what can't be helped in "
            f"deployments/{ACCEPTED.name}."
        )
    return int(bool(bad))


@app.command
def deploy(
    *,
    step: Annotated[list[install.Step] | None, Parameter(negative=())] = None,
    yes: Flag = False,
    run: Flag = False,
    check: Flag = False,
) -> int:
    """Do all of docs/ecs.md, or single steps of it.

    Names first all that is missing. Doing it again does only what is not done yet.

    Args:
        step: Only this one; may be given several times.
        yes: Terraform does what it plans without asking.
        run: Start the first run in the end, and wait for it.
        check: Change nothing; print how AWS and Prefect differ, and exit 1 if they do.
    """
    if check:
        return int(install.check(_HERE))
    install.deploy(_HERE, step or install.STEPS, yes=yes, first_run=run)
    return 0


@app.command
def undeploy() -> None:
    """Remove from Prefect and AWS all but the lake, after saying what, and asking."""
    install.undeploy(_HERE, input)


@app.command
def lint(*, env: Flag = False) -> int:
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
    if findings := list(find(content, template, environment)):
        raise QuestError("\n".join(findings), f"{len(findings)} to correct (nothing was deployed).")
    return content, template


def _printed(steps: Iterable[str]) -> bool:
    """Print each step as it is made; return whether there was any."""
    any_step = False
    for step in steps:
        say(f"  {step}")
        any_step = True
    return any_step


def _settings(kind: type[S], source: str | None) -> S:
    outputs = {}
    if source:
        try:
            text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            remedy = "Name a file, or - for stdin."
            raise Misuse(f"{source} cannot be read: {error}", remedy) from error
        outputs = terraform_outputs(text)
    return read_settings(kind, os.environ, outputs)


def main() -> int:
    """Run the command; the exit code."""
    try:
        return int(app(result_action="return_value") or 0)  # nothing of --help
    except QuestError as error:
        sys.stderr.write(f"{error.what}\n{error.remedy}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
