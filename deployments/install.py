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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blsquest.core.errors import Misuse, QuestError
from deployments.project_file import PROJECT
from deployments.settings import SETTINGS
from deployments.worker import explain_aws

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from subprocess import CompletedProcess

STEPS = ("terraform", "secret", "image", "workspace", "worker")
FOLDER: Path = PROJECT / "deployments" / "terraform"
VARIABLES = "deployments/terraform/terraform.tfvars"
FIRST_RUN = "pipeline/daily-pipeline"

TOOLS = {
    "terraform": "1.11 or later: https://developer.hashicorp.com/terraform/install",
    "aws": "the AWS command line: https://docs.aws.amazon.com/cli/",
    "git": "https://git-scm.com",
}
GIVEN = {"region": "AWS_REGION", "bls_contact": "BLS_CONTACT", "prefect_api_url": "PREFECT_API_URL"}
"""Terraform's variables without a default, and the settings that they become."""

POLL_SECONDS = 5.0
POLLS = 60
"""How often Prefect is asked for a worker that polls: five minutes."""


@dataclass(frozen=True, slots=True)
class Installation:
    """A checkout, and what the person has set.

    Attributes:
        environment: Of every command.
        say: Tells the person something.
        run: Runs a command with these words and this input, in the checkout; its exit code. What
            it prints, the person sees.
        read: The same; what it printed is returned, and a failure is an error.
        folder: The Terraform module.
    """

    environment: Mapping[str, str]
    say: Callable[[str], None]
    run: Callable[..., int]
    read: Callable[..., str]
    folder: Path = FOLDER

    @property
    def tag(self) -> str:
        """The image's: IMAGE_TAG, or this commit."""
        named = self.environment.get("IMAGE_TAG", "")
        return named or self.read("git", "rev-parse", "HEAD").strip()

    def terraform(self, *words: str) -> int:
        """Run Terraform on the project's module."""
        return self.run("terraform", f"-chdir={self.folder}", *words)

    def outputs(self) -> str:
        """Return what `terraform output -json` prints.

        Raises:
            Misuse: Nothing has been applied.
        """
        printed = self.read("terraform", f"-chdir={self.folder}", "output", "-json")
        if printed.strip() in {"", "{}"}:
            raise Misuse("Terraform has made nothing yet.", "Do its step first: make deploy")
        return printed

    def given(self) -> dict[str, Any]:
        """Return Terraform's outputs by name."""
        return {name: each["value"] for name, each in json.loads(self.outputs()).items()}


def run(*words: str, given: str | None = None, **variables: str) -> int:
    """Run a command in the checkout, on this terminal; its exit code."""
    return _run(words, variables, input=given).returncode


def read(*words: str, **variables: str) -> str:
    """Run a command in the checkout, and return what it printed.

    Raises:
        QuestError: It failed.
    """
    done = _run(words, variables, capture_output=True)
    if done.returncode:
        raise QuestError(
            f"`{' '.join(words)}` failed ({done.returncode}):\n{done.stderr[-1500:]}",
            "Correct what it names and run again: what is done is not done twice.",
        )
    return done.stdout


def _run(words: Sequence[str], variables: Mapping[str, str], **how: Any) -> CompletedProcess[str]:
    env = {**os.environ, **variables}
    return subprocess.run(words, cwd=PROJECT, env=env, text=True, check=False, **how)  # noqa: S603 - our own words, and no shell


def missing(at: Installation, steps: Sequence[str]) -> list[str]:
    """Return all that these steps lack, each with where to get it; changes nothing."""
    from boto3 import Session

    env = at.environment
    lacks = [f"{tool} is not installed: {TOOLS[tool]}" for tool in TOOLS if not shutil.which(tool)]
    written = "\n".join(
        path.read_text(encoding="utf-8") for path in sorted(at.folder.glob("*.tfvars"))
    )
    named = dict(re.findall(r'^\s*(\w+)\s*=\s*"?([^"\s]*)', written, re.MULTILINE))
    named |= {name[7:]: value for name, value in env.items() if name.startswith("TF_VAR_")}
    asked = [
        (f"{name} in {VARIABLES}", SETTINGS[of], named.get(name)) for name, of in GIVEN.items()
    ]
    asked += [(n, SETTINGS[n], env[n]) for n in ("IMAGE_TAG", "NOTIFY_WEBHOOK_URL") if env.get(n)]
    for where, setting, text in asked:
        try:
            setting.check(text) if text else lacks.append(f"{where} is not set: {setting.purpose}")
        except Misuse as error:
            lacks.append(f"{where}: {error.what}")
    if Session().get_credentials() is None:
        lacks.append("AWS credentials are missing: aws configure, or AWS_PROFILE=…")
    secrets = ("PREFECT_API_KEY", "PREFECT_API_AUTH_STRING")
    asks = named.get("prefect_api_authentication") != "false"
    if {"secret", "workspace", "worker"} & {*steps} and asks and not any(map(env.get, secrets)):
        lacks.append(
            "PREFECT_API_KEY (Prefect Cloud: your profile, API keys) or PREFECT_API_AUTH_STRING (a "
            "server of your own: user:password) is not set: read -rs PREFECT_API_KEY; export "
            "PREFECT_API_KEY"
        )
    if "image" in steps:
        docker = env.get("DOCKER") or "docker"
        if not shutil.which(docker) or not _answers(docker):
            lacks.append(f"{docker} does not answer: https://docs.docker.com/get-docker/, started")
        if shutil.which("git") and not env.get("IMAGE_TAG") and at.read("git", "status", "-s"):
            lacks.append("This checkout differs from its commit, which names the image: commit it")
    return lacks


def _answers(docker: str) -> bool:
    command = [docker, "info"]
    return not subprocess.run(command, capture_output=True, check=False).returncode  # noqa: S603


def deploy(at: Installation, steps: Sequence[str], *, yes: bool, first_run: bool) -> None:
    """Do these steps, in their order.

    Args:
        at: Where, and with what.
        steps: Of `STEPS`.
        yes: Whether Terraform shall not ask before it does what it plans.
        first_run: Whether to start a run in the end, and wait for it.

    Raises:
        Misuse: Something is missing: everything is named, and nothing was done.
        QuestError: A step failed; those before it are done.
    """
    if unknown := [step for step in steps if step not in STEPS]:
        raise Misuse(f"There is no step {unknown[0]}.", f"The steps are: {', '.join(STEPS)}.")
    if lacks := missing(at, steps):
        raise Misuse(
            "Before anything can be deployed:\n" + "\n".join(f"  {each}" for each in lacks),
            "Then run it again (nothing was changed).",
        )
    for number, step in enumerate(STEPS, 1):
        if step in steps:
            at.say(f"-- {number}. {step}")
            _DO[step](at, yes)
    if "worker" in steps:
        _tell(at, first_run=first_run)


def _terraform(at: Installation, yes: bool) -> None:
    _must(at.terraform("init", "-input=false"), "terraform init")
    _must(at.terraform("apply", *(["-auto-approve"] if yes else [])), "terraform apply")


def _secret(at: Installation, _yes: bool) -> None:
    outputs = at.given()
    arn = outputs.get("prefect_api_secret_arn")
    if not arn:
        at.say("The Prefect API asks for none.")
        return
    cloud = str(outputs["prefect_api_url"]).startswith("https://api.prefect.cloud/")
    name = "PREFECT_API_KEY" if cloud else "PREFECT_API_AUTH_STRING"
    value = at.environment.get(name)
    if not value:
        raise Misuse(
            f"{name} is not set, and {outputs['prefect_api_url']} asks for it.",
            f"Set it in the environment: read -rs {name}; export {name}",
        )
    import boto3

    with explain_aws():
        secrets = boto3.client("secretsmanager", region_name=outputs["aws_region"])
        try:
            held = secrets.get_secret_value(SecretId=arn)["SecretString"]
        except secrets.exceptions.ResourceNotFoundException:
            held = None
        if held == value:
            at.say("It is there already.")
            return
        secrets.put_secret_value(SecretId=arn, SecretString=value)
    at.say(f"{name} went into AWS Secrets Manager, and nowhere else.")


def _image(at: Installation, _yes: bool) -> None:
    outputs = at.given()
    import boto3

    with explain_aws():
        ecr = boto3.client("ecr", region_name=outputs["aws_region"])
        repository = outputs["image_repository"].partition("/")[2]
        which = {"repositoryName": repository, "imageIds": [{"imageTag": at.tag}]}
        there = bool(ecr.batch_get_image(**which)["images"])
    if there:
        at.say(f"{outputs['image_repository']}:{at.tag} is there already.")
        return
    names = {
        "IMAGE_REPOSITORY": outputs["image_repository"],
        "IMAGE_TAG": at.tag,
        "CPU_ARCHITECTURE": outputs["cpu_architecture"],
    }
    for script in ("build", "push"):
        _must(at.run(f"deployments/image/{script}", **names), f"deployments/image/{script}")


def _workspace(at: Installation, _yes: bool) -> None:
    _deployments(at, "apply")


def _worker(at: Installation, _yes: bool) -> None:
    _deployments(at, "worker")


def _deployments(at: Installation, *words: str) -> None:
    command = [sys.executable, "-m", "deployments", *words, "--from", "-"]
    _must(at.run(*command, given=at.outputs(), IMAGE_TAG=at.tag), f"deployments {words[0]}")


_DO: dict[str, Callable[[Installation, bool], None]] = {
    "terraform": _terraform,
    "secret": _secret,
    "image": _image,
    "workspace": _workspace,
    "worker": _worker,
}


def _must(code: int, what: str) -> None:
    if code:
        raise QuestError(
            f"`{what}` ended with {code}; what it printed says why.",
            "Correct it and run again: what is done is not done twice.",
        )


def _tell(at: Installation, *, first_run: bool) -> None:
    """Wait until the worker polls, start the first run if asked, and say where to look."""
    outputs = at.given()
    wait_for_worker(outputs["prefect_api_url"], outputs["work_pool"])
    at.say(f"The worker polls the pool {outputs['work_pool']}.")
    if first_run:
        words = (sys.executable, "-m", "prefect", "deployment", "run", FIRST_RUN, "--watch")
        _must(at.run(*words, PREFECT_API_URL=outputs["prefect_api_url"]), "the first run")
    at.say(
        f"The first run now: make deploy ARGS='--step worker --run'\n"
        f"Its output:        aws logs tail {outputs['log_group']} --follow\n"
        f"The lake:          aws s3 ls {outputs['lake']}/\n"
        f"What differs:      make deploy-check"
    )


def wait_for_worker(api: str, pool: str, *, polls: int = POLLS) -> None:
    """Wait until a worker asks the pool for runs.

    Raises:
        QuestError: None does, for five minutes.
    """
    os.environ["PREFECT_API_URL"] = api
    from prefect.client.orchestration import get_client

    from blocks.api import explain_api

    with explain_api(), get_client(sync_client=True) as client:
        for _ in range(polls):
            if any(w.status == "ONLINE" for w in client.read_workers_for_work_pool(pool)):
                return
            time.sleep(POLL_SECONDS)
    raise QuestError(
        f"The worker runs on ECS, and has not asked Prefect's pool {pool} for runs.",
        "Look at its log group (…/worker): most often the secret is another server's.",
    )


def check(at: Installation) -> bool:
    """Say how AWS and Prefect differ from what is declared; whether they do. Changes nothing.

    Raises:
        Misuse: Something that it needs is missing: everything is named.
    """
    if lacks := missing(at, ("terraform", "workspace", "worker")):
        raise Misuse(
            "Before anything can be compared:\n" + "\n".join(f"  {each}" for each in lacks),
            "Then run it again.",
        )
    words = ("plan", "-detailed-exitcode", "-input=false", "-lock=false")
    planned = at.terraform(*words)
    if planned not in {0, 2}:
        _must(planned, "terraform plan")
    codes = [planned]
    for command in ("apply", "worker"):
        line = [sys.executable, "-m", "deployments", command, "--check", "--from", "-"]
        codes.append(at.run(*line, given=at.outputs(), IMAGE_TAG=at.tag))
        if codes[-1] not in {0, 1}:
            _must(codes[-1], f"deployments {command} --check")
    return any(codes)


def undeploy(at: Installation, confirm: Callable[[str], str]) -> None:
    """Remove all but the lake, once the person has typed the installation's name.

    Raises:
        Misuse: Something else was typed.
    """
    outputs = at.given()
    name = outputs["cluster_arn"].rpartition("/")[2]
    at.say(
        f"This removes, in Prefect: the pool {outputs['work_pool']}, the deployments, schedules "
        "and automations. (Let runs that are under way end first.)\n"
        f"In AWS: the cluster {name} and its worker, the network, the roles, the registry with "
        "all images, the secret, the logs, the alarms, the table of Athena's catalogue.\n"
        f"It keeps the lake {outputs['lake']} with all its rules; the history of runs; blocks."
    )
    if confirm(f"Type {name} to do so: ") != name:
        raise Misuse("Nothing was removed.", f"Type {name}, and nothing else, to remove it all.")
    leave_prefect(outputs["prefect_api_url"], outputs["work_pool"], at.say)
    listed = at.read("terraform", f"-chdir={at.folder}", "state", "list").split()
    if lake := [each for each in listed if each.startswith("aws_s3_bucket")]:
        _must(at.terraform("state", "rm", *lake), "terraform state rm")
    _must(at.terraform("destroy", "-auto-approve"), "terraform destroy")
    bucket = outputs["lake"].removeprefix("s3://").partition("/")[0]
    at.say(
        "Gone. To deploy again onto the same lake, first: terraform "
        f"-chdir=deployments/terraform import aws_s3_bucket.lake {bucket}"
    )


def leave_prefect(api: str, pool: str, say: Callable[[str], None]) -> None:
    """Remove the project's automations, deployments and pool; blocks and history stay."""
    os.environ["PREFECT_API_URL"] = api
    from prefect.client.orchestration import get_client

    from blocks.api import explain_api
    from deployments.workspace import read_workspace

    with explain_api(), get_client(sync_client=True) as client:
        there = read_workspace(client, pool)
        for watcher in there.watchers.values():
            client.delete_automation(watcher.id)
        for full_name, deployment in there.deployments.items():
            client.delete_resource_owned_automations(f"prefect.deployment.{deployment.id}")
            client.delete_deployment(deployment.id)
            say(f"  removed deployment {full_name}")
        if there.pool is not None:
            client.delete_work_pool(pool)
            say(f"  removed work pool {pool}")
