"""The findings of the registry's scan of the image in use, and those that need a person."""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from blsquest.core.errors import Misuse, QuestError
from deployments.worker import find_image, image_in_use, read_service

ACCEPTED = Path(__file__).with_name("accepted_findings.txt")
GRAVE = ("CRITICAL", "HIGH")
POLL_SECONDS = 10.0
POLLS = 60

_DONE = ("COMPLETE", "ACTIVE")
"""Of a scan by ECR itself, and of Amazon Inspector's, which goes on."""
_LINE = re.compile(r"(?P<name>\S+) until (?P<until>\d{4}-\d{2}-\d{2}): (?P<why>\S.*)")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A known vulnerability (a CVE, for the most part) of a package, with ECR's severity."""

    severity: str
    name: str
    package: str


def grave(findings: Iterable[Finding], accepted: Iterable[str]) -> list[Finding]:
    """Return the findings that need a person: CRITICAL or HIGH, and not accepted. Pure."""
    names = set(accepted)
    return sorted({f for f in findings if f.severity in GRAVE and f.name not in names})


def read_accepted(text: str, today: date) -> list[str]:
    """Return the names of the findings that are accepted on a day. Pure.

    Args:
        text: A line for each: `CVE-2026-1234 until 2027-01-31: why`; comments begin with #.
        today: Of those that are accepted until an earlier day nothing is returned.

    Raises:
        Misuse: A line is not like that.
    """
    names = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line.strip())
        try:
            until = date.fromisoformat(found["until"]) if found else None
        except ValueError:
            until = None
        if found is None or until is None:
            raise Misuse(
                f"{ACCEPTED.name}, line {number} is not like "
                "`CVE-2026-1234 until 2027-01-31: why`.",
                "Correct it: each that is accepted says until when, and why.",
            )
        if until >= today:
            names.append(found["name"])
    return names


def image_of_the_worker(ecs: Any, cluster: str) -> tuple[str, str]:
    """Return the repository's name and the tag of the image that the worker runs.

    Raises:
        QuestError: There is no worker, or it was never started.
    """
    service = read_service(ecs, cluster)
    repository, _, tag = image_in_use(ecs, service).partition("/")[2].rpartition(":")
    if not service["desiredCount"]:
        raise QuestError(
            "The worker was never started: no image is in use.",
            "Start it: .venv/bin/python -m deployments worker --from …",
        )
    return repository, tag


def scanned(
    ecr: Any,
    repository: str,
    tag: str,
    *,
    pause: Callable[[float], None] = time.sleep,
    polls: int = POLLS,
) -> list[Finding]:
    """Have an image scanned again, if ECR does that today, and return the findings.

    Of an image with attestations, each part that can run is scanned.

    Raises:
        QuestError: The image is gone, or can't be scanned.
    """
    findings: list[Finding] = []
    for digest in _parts(ecr, repository, tag):
        which = {"repositoryName": repository, "imageId": {"imageDigest": digest}}
        errors = ecr.exceptions
        # It was scanned within the day, or Amazon Inspector does so by itself.
        with suppress(errors.LimitExceededException, errors.ValidationException):
            ecr.start_image_scan(**which)
        findings += _wait(ecr, which, pause, polls)
    return findings


def _parts(ecr: Any, repository: str, tag: str) -> Iterator[str]:
    """Yield the digests of what a tag names: ECR scans no index of several."""
    image = find_image(ecr, repository, tag)
    if image is None:
        raise QuestError(
            f"The registry has no image {repository}:{tag} any more, and the worker runs it.",
            "Deploy one that is there.",
        )
    manifest = json.loads(image["imageManifest"])
    if "manifests" not in manifest:
        yield image["imageId"]["imageDigest"]
    for part in manifest.get("manifests", []):
        # The attestations of an image are beside it as one for no architecture.
        if part.get("platform", {}).get("os") != "unknown":
            yield part["digest"]


def _wait(
    ecr: Any, which: dict[str, Any], pause: Callable[[float], None], polls: int
) -> list[Finding]:
    status: dict[str, Any] = {}
    for _ in range(polls):
        try:
            pages = list(ecr.get_paginator("describe_image_scan_findings").paginate(**which))
        except ecr.exceptions.ScanNotFoundException:
            pages = []
        status = pages[0].get("imageScanStatus", {}) if pages else {}
        if status.get("status") in _DONE:
            return [found for page in pages for found in _read(page.get("imageScanFindings", {}))]
        if status.get("status") in {"FAILED", "UNSUPPORTED_IMAGE", "SCAN_ELIGIBILITY_EXPIRED"}:
            break
        pause(POLL_SECONDS)
    raise QuestError(
        f"The scan of {which['repositoryName']}@{which['imageId']['imageDigest']} has no result: "
        f"{status.get('status', 'none was made')} {status.get('description', '')}".rstrip()
        + ".",
        "Look at the image in the ECR console.",
    )


def _read(page: dict[str, Any]) -> Iterator[Finding]:
    """Yield the findings of ECR's own scan, and of Amazon Inspector's."""
    for found in page.get("findings", []):
        attributes = {each["key"]: each["value"] for each in found.get("attributes", [])}
        package = f"{attributes.get('package_name', '?')} {attributes.get('package_version', '')}"
        yield Finding(found["severity"], found["name"], package.strip())
    for found in page.get("enhancedFindings", []):
        details = found.get("packageVulnerabilityDetails", {})
        packages = (
            f"{each['name']} {each.get('version', '')}".strip()
            for each in details.get("vulnerablePackages", [])
        )
        name = details.get("vulnerabilityId") or found.get("title", "?")
        yield Finding(found["severity"], name, ", ".join(packages) or "?")
