"""From a clone to a daily run on AWS, and back: `make deploy`, `deploy-check`, `undeploy`.

Each step is a command that docs/ecs.md explains, can be done alone, and done again changes nothing.
What Terraform made is read from its outputs; nothing is asked for twice.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from blsquest.core.errors import Misuse, QuestError
from deployments.project_file import PROJECT
from deployments.settings import Settings, problems, purpose
from deployments.worker import explain_aws, find_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from subprocess import CompletedProcess

    from prefect.client.orchestration import SyncPrefectClient

Step = Literal["terraform", "secret", "image", "workspace", "worker"]
STEPS: tuple[Step, ...] = get_args(Step)
FOLDER: Path = PROJECT / "deployments" / "terraform"
FIRST_RUN = "pipeline/daily-pipeline"
TOOLS = {
    "terraform": "1.11 or later: https://developer.hashicorp.com/terraform/install",
    "aws": "the AWS command line: https://docs.aws.amazon.com/cli/",
    "git": "https://git-scm.com",
}
REQUIRED = {
    "region": "AWS_REGION",
    "bls_contact": "BLS_CONTACT",
    "prefect_api_url": "PREFECT_API_URL",
}
"""Terraform's variables without a default, and the settings that they become."""

POLL_SECONDS = 5.0
POLLS = 60
"""How often Prefect is asked for a worker that polls: five minutes."""
AGAIN = "Correct it and run again: what is done is not done twice."


@dataclass(frozen=True)
class Installation:
    """A checkout, its Terraform module, and what the person has set."""

    environment: Mapping[str, str]
    say: Callable[[str], None]
    folder: Path = FOLDER

    def run(self, *words: str, given: str | None = None, **variables: str) -> int:
        """Run a command with this input in the checkout, on this terminal; its exit code."""
        return self._run(words, variables, input=given).returncode

    def read(self, *words: str) -> str:
        """Run a command in the checkout, and return what it printed.

        Raises:
            QuestError: It failed.
        """
        done = self._run(words, {}, capture_output=True)
        if done.returncode:
            output = done.stderr[-1500:]
            raise QuestError(f"`{' '.join(words)}` failed ({done.returncode}):\n{output}", AGAIN)
        return done.stdout

    def _run(
        self, words: Sequence[str], variables: Mapping[str, str], **how: Any
    ) -> CompletedProcess[str]:
        env = {**self.environment, **variables}
        return subprocess.run(words, cwd=PROJECT, env=env, text=True, check=False, **how)  # noqa: S603 - our own words, and no shell

    @property
    def tag(self) -> str:
        """The image's: IMAGE_TAG, or this commit."""
        named = self.environment.get("IMAGE_TAG", "")
        return named or self.read("git", "rev-parse", "HEAD").strip()

    def do(self, *words: str, well: Sequence[int] = (0,), **how: str) -> int:
        """Run a command that must end with one of these exit codes, and return it."""
        code = self.run(*words, **how)
        if code not in well:
            raise QuestError(
                f"`{' '.join(words)}` ended with {code}; what it printed says why.", AGAIN
            )
        return code

    def terraform(self, *words: str, well: Sequence[int] = (0,)) -> int:
        """Run Terraform on the project's module."""
        return self.do("terraform", f"-chdir={self.folder}", *words, well=well)

    def deployments(self, *words: str, well: Sequence[int] = (0,)) -> int:
        """Run `python -m deployments` with Terraform's outputs."""
        command = (sys.executable, "-m", "deployments", *words, "--from", "-")
        return self.do(*command, well=well, given=self.outputs(), IMAGE_TAG=self.tag)

    def outputs(self) -> str:
        """Return what `terraform output -json` prints.

        Raises:
            Misuse: Nothing has been applied.
        """
        printed = self.read("terraform", f"-chdir={self.folder}", "output", "-json")
        if printed.strip() in {"", "{}"}:
            raise Misuse("Terraform has made nothing yet.", "Do its step first: make deploy")
        return printed

    def made(self) -> dict[str, Any]:
        """Return Terraform's outputs by name."""
        return {name: each["value"] for name, each in json.loads(self.outputs()).items()}


def prepare(at: Installation, steps: Sequence[Step]) -> None:
    """Look for all that these steps need; change nothing.

    Raises:
        Misuse: Something is missing, or can't be right: everything is named, with where to get it.
    """
    if lacks := list(_missing(at, steps)):
        raise Misuse(
            "Before anything can be done:\n" + "\n".join(f"  {each}" for each in lacks),
            "Then run it again (nothing was changed).",
        )


def _missing(at: Installation, steps: Sequence[Step]) -> Iterator[str]:
    from boto3 import Session

    env = at.environment
    yield from (
        f"{tool} is not installed: {TOOLS[tool]}" for tool in TOOLS if not shutil.which(tool)
    )
    written = "\n".join(
        path.read_text(encoding="utf-8") for path in sorted(at.folder.glob("*.tfvars"))
    )
    named = dict(re.findall(r'^\s*(\w+)\s*=\s*"?([^"\s]*)', written, re.MULTILINE))
    named |= {name[7:]: value for name, value in env.items() if name.startswith("TF_VAR_")}
    given = {setting: named.get(name, "") for name, setting in REQUIRED.items()}
    given |= {name: env[name] for name in ("IMAGE_TAG", "NOTIFY_WEBHOOK_URL") if env.get(name)}
    where = {s: f"{n} in deployments/terraform/terraform.tfvars" for n, s in REQUIRED.items()}
    for name, what in problems(Settings, given).items():
        if name in given:
            yield f"{where.get(name, name)}: {what} {purpose(name)}"
    if Session().get_credentials() is None:
        yield "AWS credentials are missing: aws configure, or AWS_PROFILE=…"
    secrets = ("PREFECT_API_KEY", "PREFECT_API_AUTH_STRING")
    asks = named.get("prefect_api_authentication") != "false"
    if {"secret", "workspace", "worker"} & {*steps} and asks and not any(map(env.get, secrets)):
        yield (
            "PREFECT_API_KEY (Prefect Cloud: your profile, API keys) or PREFECT_API_AUTH_STRING (a "
            "server of your own: user:password) is not set: read -rs PREFECT_API_KEY; export "
            "PREFECT_API_KEY"
        )
    if "image" in steps:
        docker = env.get("DOCKER") or "docker"
        if not shutil.which(docker) or not _answers(docker):
            yield f"{docker} does not answer: https://docs.docker.com/get-docker/, started"
        if shutil.which("git") and not env.get("IMAGE_TAG") and at.read("git", "status", "-s"):
            yield "This checkout differs from its commit, which names the image: commit it"


def _answers(docker: str) -> bool:
    command = [docker, "info"]
    return not subprocess.run(command, capture_output=True, check=False).returncode  # noqa: S603


def deploy(at: Installation, steps: Sequence[Step], *, yes: bool, first_run: bool) -> None:
    """Run these steps, in the order of `STEPS`.

    Args:
        at: The installation.
        steps: The steps to run.
        yes: Whether Terraform applies its plan without asking.
        first_run: Whether to start a run at the end, and wait for it.

    Raises:
        Misuse: Something is missing: everything is named, and nothing was done.
        QuestError: A step failed; those before it are done.
    """
    prepare(at, steps)
    for number, step in enumerate(STEPS, 1):
        if step not in steps:
            continue
        at.say(f"-- {number}. {step}")
        match step:
            case "terraform":
                at.terraform("init", "-input=false")
                at.terraform("apply", *(["-auto-approve"] if yes else []))
            case "secret":
                _secret(at)
            case "image":
                _image(at)
            case "workspace":
                at.deployments("apply")
            case "worker":
                at.deployments("worker")
                _show_what_is_left(at, first_run=first_run)


def _secret(at: Installation) -> None:
    made = at.made()
    arn, api = made.get("prefect_api_secret_arn"), str(made["prefect_api_url"])
    if not arn:
        at.say("The Prefect API asks for none.")
        return
    cloud = api.startswith("https://api.prefect.cloud/")
    name = "PREFECT_API_KEY" if cloud else "PREFECT_API_AUTH_STRING"
    value = at.environment.get(name)
    if not value:
        raise Misuse(
            f"{name} is not set, and {api} asks for it.",
            f"Set it in the environment: read -rs {name}; export {name}",
        )
    import boto3

    with explain_aws():
        secrets = boto3.client("secretsmanager", region_name=made["aws_region"])
        try:
            held = secrets.get_secret_value(SecretId=arn)["SecretString"]
        except secrets.exceptions.ResourceNotFoundException:
            held = None
        if held == value:
            at.say("It is there already.")
            return
        secrets.put_secret_value(SecretId=arn, SecretString=value)
    at.say(f"{name} went into AWS Secrets Manager, and nowhere else.")


def _image(at: Installation) -> None:
    made, tag = at.made(), at.tag
    import boto3

    with explain_aws():
        ecr = boto3.client("ecr", region_name=made["aws_region"])
        repository = made["image_repository"].partition("/")[2]
        there = find_image(ecr, repository, tag)
    if there:
        at.say(f"{made['image_repository']}:{tag} is there already.")
        return
    names = {name: made[name.lower()] for name in ("IMAGE_REPOSITORY", "CPU_ARCHITECTURE")}
    for script in ("build", "push"):
        at.do(f"deployments/image/{script}", **names, IMAGE_TAG=tag)


def _show_what_is_left(at: Installation, *, first_run: bool) -> None:
    """Wait until the worker polls, start the first run if asked, and say where to look."""
    made = at.made()
    wait_for_worker(made["prefect_api_url"], made["work_pool"])
    at.say(f"The worker polls the pool {made['work_pool']}.")
    if first_run:
        words = (sys.executable, "-m", "prefect", "deployment", "run", FIRST_RUN, "--watch")
        at.do(*words, PREFECT_API_URL=made["prefect_api_url"])
    at.say(
        f"The first run now: make deploy ARGS='--step worker --run'\n"
        f"Its output:        aws logs tail {made['log_group']} --follow\n"
        f"The lake:          aws s3 ls {made['lake']}/\n"
        f"What differs:      make deploy-check"
    )


def wait_for_worker(api: str, pool: str, *, polls: int = POLLS) -> None:
    """Wait until a worker asks the pool for runs.

    Raises:
        QuestError: None does, for five minutes.
    """
    with _prefect(api) as client:
        for _ in range(polls):
            if any(w.status == "ONLINE" for w in client.read_workers_for_work_pool(pool)):
                return
            time.sleep(POLL_SECONDS)
    raise QuestError(
        f"The worker runs on ECS, and has not asked Prefect's pool {pool} for runs.",
        "Look at its log group (…/worker): most often the secret is another server's.",
    )


@contextmanager
def _prefect(api: str) -> Iterator[SyncPrefectClient]:
    os.environ["PREFECT_API_URL"] = api
    from prefect.client.orchestration import get_client

    from blocks.api import explain_api

    with explain_api(), get_client(sync_client=True) as client:
        yield client


def check(at: Installation) -> bool:
    """Print how AWS and Prefect differ from what is declared; return if they do. Change nothing.

    Raises:
        Misuse: Something that it needs is missing: everything is named.
    """
    prepare(at, ("terraform", "workspace", "worker"))
    words = ("plan", "-detailed-exitcode", "-input=false", "-lock=false")
    codes = [at.terraform(*words, well=(0, 2))]
    codes += [at.deployments(name, "--check", well=(0, 1)) for name in ("apply", "worker")]
    return any(codes)


def undeploy(at: Installation, confirm: Callable[[str], str]) -> None:
    """Remove all but the lake, once the person has typed the installation's name.

    Raises:
        Misuse: Something else was typed.
    """
    made = at.made()
    name = made["cluster_arn"].rpartition("/")[2]
    at.say(
        f"This removes, in Prefect: the pool {made['work_pool']}, the deployments, schedules "
        "and automations. (Let runs that are under way end first.)\n"
        f"In AWS: the cluster {name} and its worker, the network, the roles, the registry with "
        "all images, the secret, the logs, the alarms, the table of Athena's catalogue.\n"
        f"It keeps the lake {made['lake']} with all its rules; the history of runs; blocks."
    )
    if confirm(f"Type {name} to do so: ") != name:
        raise Misuse("Nothing was removed.", f"Type {name}, and nothing else, to remove it all.")
    leave_prefect(made["prefect_api_url"], made["work_pool"], at.say)
    listed = at.read("terraform", f"-chdir={at.folder}", "state", "list").split()
    if lake := [each for each in listed if each.startswith("aws_s3_bucket")]:
        at.terraform("state", "rm", *lake)
    at.terraform("destroy", "-auto-approve")
    bucket = made["lake"].removeprefix("s3://").partition("/")[0]
    at.say(
        "Gone. To deploy again onto the same lake, first: terraform "
        f"-chdir=deployments/terraform import aws_s3_bucket.lake {bucket}"
    )


def leave_prefect(api: str, pool: str, say: Callable[[str], None]) -> None:
    """Remove the project's automations, deployments and pool; blocks and history stay."""
    with _prefect(api) as client:
        from deployments.workspace import read_workspace, remove_deployment

        there = read_workspace(client, pool)
        for watcher in there.watchers.values():
            client.delete_automation(watcher.id)
        for full_name, deployment in there.deployments.items():
            remove_deployment(client, deployment)
            say(f"  removed deployment {full_name}")
        if there.pool is not None:
            client.delete_work_pool(pool)
            say(f"  removed work pool {pool}")
