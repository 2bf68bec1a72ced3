"""What the registry's scan finds in the image in use fails a job, unless it is accepted today."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from moto.ecr.models import ecr_backends

from blsquest.core.errors import Misuse, QuestError
from deployments.findings import (
    ACCEPTED,
    Finding,
    grave,
    image_of_the_worker,
    read_accepted,
    scanned,
)
from tests.deployments.test_worker import CONFIG, Account, account

__all__ = ["account"]

TODAY = date(2026, 12, 1)
INDEX = "application/vnd.oci.image.index.v1+json"
OPENSSL = Finding("CRITICAL", "CVE-2026-1", "openssl 3.0.1")
ZLIB = Finding("HIGH", "CVE-2026-2", "zlib 1.2")
TAR = Finding("LOW", "CVE-2026-3", "tar 1.34")


def test_critical_and_high_findings_need_a_person_and_others_do_not() -> None:
    assert grave([TAR, ZLIB, OPENSSL, ZLIB], []) == [OPENSSL, ZLIB]
    assert grave([OPENSSL, ZLIB], ["CVE-2026-2"]) == [OPENSSL]


def test_a_finding_is_accepted_until_a_day_and_not_longer() -> None:
    text = "# why\n\nCVE-2026-2 until 2026-12-01: never called\n"

    assert read_accepted(text, TODAY) == ["CVE-2026-2"]
    assert read_accepted(text, date(2026, 12, 2)) == []


@pytest.mark.parametrize(
    "line",
    ["CVE-2026-2", "CVE-2026-2 until 2026-12-01", "CVE-2026-2 until 2026-13-01: why", "* until x:"],
)
def test_an_acceptance_without_an_end_or_a_reason_is_refused(line: str) -> None:
    with pytest.raises(Misuse, match=r"accepted_findings\.txt, line 2 "):
        read_accepted(f"# first\n{line}\n", TODAY)


def test_the_file_of_this_repository_can_be_read() -> None:
    assert read_accepted(ACCEPTED.read_text(), TODAY) == []


@pytest.fixture
def found(account: Account) -> Callable[[dict[str, Any]], None]:
    """Have moto's scans find something else."""

    def answer(findings: dict[str, Any], status: str = "COMPLETE") -> None:
        backend = ecr_backends["123456789012"]["us-east-1"]
        backend.scan_finding_results.append(
            {
                "repositoryName": "bls-data-quest",
                "imageId": {},
                "imageScanFindings": findings,
                "imageScanStatus": {"status": status},
            }
        )

    return answer


def test_the_image_is_the_one_that_the_worker_runs(account: Account) -> None:
    cluster = account.cluster["clusterArn"]
    with pytest.raises(QuestError, match="never started"):
        image_of_the_worker(account.ecs, cluster)
    account.push("0123abc")
    account.bring("0123abc")
    account.push("4567def")  # newer, and not deployed

    assert image_of_the_worker(account.ecs, cluster) == ("bls-data-quest", "0123abc")


OF_ECR = {
    "name": "CVE-2026-1",
    "severity": "CRITICAL",
    "attributes": [
        {"key": "package_name", "value": "openssl"},
        {"key": "package_version", "value": "3.0.1"},
    ],
}
OF_INSPECTOR = {
    "severity": "HIGH",
    "packageVulnerabilityDetails": {
        "vulnerabilityId": "CVE-2026-2",
        "vulnerablePackages": [{"name": "zlib", "version": "1.2"}],
    },
}


def test_findings_of_ecr_and_of_amazon_inspector_are_read_also_twice_a_day(
    account: Account, found: Callable[[dict[str, Any]], None]
) -> None:
    account.push("0123abc")
    found({"findings": [OF_ECR], "enhancedFindings": [OF_INSPECTOR]})

    for _ in range(2):
        assert scanned(account.ecr, "bls-data-quest", "0123abc") == [OPENSSL, ZLIB]


def test_of_an_image_with_attestations_the_part_that_runs_is_scanned(account: Account) -> None:
    account.push("part")
    part = account.ecr.describe_images(
        repositoryName="bls-data-quest", imageIds=[{"imageTag": "part"}]
    )["imageDetails"][0]["imageDigest"]
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [
            {"digest": part, "platform": {"os": "linux", "architecture": "arm64"}},
            {"digest": CONFIG, "platform": {"os": "unknown", "architecture": "unknown"}},
        ],
    }
    asked: list[str] = []
    account.ecr.meta.events.register(
        "provide-client-params.ecr.StartImageScan",
        lambda params, **_: asked.append(params["imageId"]["imageDigest"]),
    )
    account.ecr.put_image(
        repositoryName="bls-data-quest",
        imageManifest=json.dumps(index),
        imageManifestMediaType=INDEX,
        imageTag="0123abc",
    )

    scanned(account.ecr, "bls-data-quest", "0123abc")

    assert asked == [part]


def test_an_image_in_use_that_the_registry_has_no_more_is_reported(account: Account) -> None:
    with pytest.raises(QuestError, match="has no image bls-data-quest:0123abc any more"):
        scanned(account.ecr, "bls-data-quest", "0123abc")


@pytest.mark.parametrize(("status", "looks"), [("IN_PROGRESS", 2), ("FAILED", 0)])
def test_a_scan_without_a_result_is_an_error_and_no_success(
    account: Account, found: Callable[..., None], status: str, looks: int
) -> None:
    account.push("0123abc")
    found({}, status=status)
    waits: list[float] = []

    with pytest.raises(QuestError, match=f"no result: {status}"):
        scanned(account.ecr, "bls-data-quest", "0123abc", pause=waits.append, polls=2)

    assert len(waits) == looks
