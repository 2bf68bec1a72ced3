"""For GitHub Actions: keep an installation's values out of the log, and pass on what steps need.

Terraform's outputs hold no secret, but a contact address and the account's id, and anybody can read
the log of a public repository. Run it before any of them is used; standard library only:

    TERRAFORM_OUTPUT=… python -m deployments.github_env [KIND]

KIND is the architecture that the runner builds for: another one than Terraform's is refused.
"""

import json
import os
import re
import sys
from pathlib import Path

NEEDED = ("aws_region", "bls_contact", "cluster_arn", "image_repository", "prefect_api_url")
GIVEN_ON = ("AWS_REGION", "CLUSTER_ARN", "CPU_ARCHITECTURE", "IMAGE_REPOSITORY")


def main(runner: str = "") -> int:
    """Print GitHub's masking commands, and write variables for later steps; return the exit code.

    Args:
        runner: X86_64 or ARM64: the architecture of an image built here. Empty: none is built.
    """
    try:
        outputs = json.loads(os.environ.get("TERRAFORM_OUTPUT", ""))
        held = {name: outputs[name]["value"] for name in NEEDED}
        held["cpu_architecture"] = outputs.get("cpu_architecture", {}).get("value", "X86_64")
        # The account's id is the one run of twelve digits in an ARN and in a registry's name.
        account = re.findall(r"\b\d{12}\b", held["cluster_arn"])[0]
        hidden = {account, held["bls_contact"].strip(), held["prefect_api_url"].strip()}
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        # Not a word of what it holds.
        sys.stderr.write(
            "The secret TERRAFORM_OUTPUT is not what `terraform output -json` prints.\n"
            "Set it again: docs/ecs.md, From GitHub Actions.\n"
        )
        return 2
    for value in sorted(hidden):
        sys.stdout.write(f"::add-mask::{value}\n")
    if runner and runner != held["cpu_architecture"]:
        sys.stderr.write(
            f"Terraform's cpu_architecture is {held['cpu_architecture']}, and this runner builds "
            f"for {runner}.\nSet the repository's variable: "
            f"gh variable set CPU_ARCHITECTURE --body {held['cpu_architecture']}\n"
        )
        return 2
    lines = [f"{name}={held[name.lower()]}\n" for name in GIVEN_ON]
    if any(line.count("\n") != 1 for line in lines):
        sys.stderr.write("An output of Terraform has a line break in it. Set the secret again.\n")
        return 2
    with Path(os.environ["GITHUB_ENV"]).open("a", encoding="utf-8") as file:
        file.writelines(lines)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
