"""Building and pushing: what the tag says is what is there, and stays it."""

import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.error import URLError

import pytest

from deployments.settings import immutable
from tests.image.conftest import PROJECT
from tests.image.engine import Engine
from tests.support.prefect_server import eventually, free_port

SCRIPTS = "deployments/image"
REGISTRY = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real registry's `host:port`, empty."""
    if not (program := shutil.which("docker-registry")):
        pytest.skip("needs docker-registry (make image-tools)")
    folder, port = tmp_path_factory.mktemp("registry"), free_port()
    settings = folder / "config.yml"
    settings.write_text(REGISTRY.format(folder=folder, port=port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", settings], stdout=log, stderr=log)
    try:
        eventually(lambda: answers(f"http://127.0.0.1:{port}/v2/"), "registry")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except (URLError, OSError):
        return False


def script(
    name: str,
    engine: Engine | None = None,
    folder: Path = PROJECT,
    docker: str = "false",
    given: Mapping[str, str] | None = None,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """`deployments/image/build` or `deployments/image/push`."""
    environment = {**(engine.environment if engine else os.environ), **(given or {}), **variables}
    return subprocess.run(
        [folder / SCRIPTS / name],
        env=environment | {"DOCKER": engine.name if engine else docker},
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def tiny(
    engine: Engine,
    folder: Path,
    repository: str,
    tag: str,
    content: str,
    architecture: str = "amd64",
) -> Iterator[str]:
    """An image of one file: what is in it is of no account to a push. Its id."""
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY file /\n")
    (folder / "file").write_text(content)
    platform = f"--platform=linux/{architecture}"
    engine("build", "--quiet", platform, "--tag", f"{repository}:{tag}", str(folder))
    yield engine("image", "inspect", f"{repository}:{tag}", "--format", "{{.Id}}").strip()
    engine("rmi", "--force", f"{repository}:{tag}")


def test_an_image_is_pushed_once_and_what_a_tag_means_never_changes(
    engine: Engine, registry: str, tmp_path: Path
) -> None:
    repository, tag = f"{registry}/bls-data-quest", "0123abc"
    with tiny(engine, tmp_path, repository, tag, "first") as first:
        pushed = script("push", engine, IMAGE_REPOSITORY=repository, IMAGE_TAG=tag)
    with tiny(engine, tmp_path, repository, tag, "second") as second:
        again = script("push", engine, IMAGE_REPOSITORY=repository, IMAGE_TAG=tag)
    engine("pull", f"{repository}:{tag}")
    there = engine("image", "inspect", f"{repository}:{tag}", "--format", "{{.Id}}").strip()
    engine("rmi", "--force", f"{repository}:{tag}")

    assert pushed.returncode == 0, pushed.stderr
    assert f"Pushed: {repository}:{tag}" in pushed.stdout
    assert again.returncode == 0, again.stderr
    assert f"Already there: {repository}:{tag} (nothing pushed)" in again.stdout
    assert first != second
    assert there == first


def test_an_image_of_another_architecture_than_named_is_not_pushed(
    engine: Engine, registry: str, tmp_path: Path
) -> None:
    repository, tag = f"{registry}/arm", "0123abc"
    push = partial(script, "push", engine, IMAGE_REPOSITORY=repository, IMAGE_TAG=tag)
    with tiny(engine, tmp_path, repository, tag, "arm", architecture="arm64"):
        refused = push()
        absent = engine.attempt("pull", "--platform=linux/arm64", f"{repository}:{tag}").returncode
        pushed = push(CPU_ARCHITECTURE="ARM64")
    with tiny(engine, tmp_path, repository, tag, "amd"):
        taken = push()
    engine.attempt("rmi", "--force", f"{repository}:{tag}")

    assert refused.returncode == 2
    assert f"{repository}:{tag} is for arm64, and X86_64 runs amd64." in refused.stderr
    assert "make image CPU_ARCHITECTURE=X86_64" in refused.stderr
    assert absent
    assert pushed.returncode == 0, pushed.stderr
    assert taken.returncode == 2, taken.stdout
    assert f"The registry has {repository}:{tag}, for arm64." in taken.stderr


def test_an_image_that_was_not_built_is_not_pushed(engine: Engine, registry: str) -> None:
    refused = script("push", engine, IMAGE_REPOSITORY=f"{registry}/none", IMAGE_TAG="0123abc")

    assert refused.returncode == 2
    assert "Build it first: make image" in refused.stderr


GIVEN = {"IMAGE_REPOSITORY": "registry.example.org/bls-data-quest", "IMAGE_TAG": "0.0.0-test"}
NEITHER, NO_REGISTRY = "is neither X86_64 nor ARM64.", "names no registry."
MUTABLE = ("latest", "main", "dev", "", "1.2", "abcdef", "0123abc\n", "A" * 40)
REFUSED = [
    *(
        (name, "CPU_ARCHITECTURE", architecture, NEITHER)
        for name in ("build", "push")
        for architecture in ("amd64", "arm", "x86_64", "X86_64,ARM64")
    ),
    *(
        ("push", "IMAGE_REPOSITORY", repository, NO_REGISTRY)
        for repository in ("bls-data-quest", "someone/bls-data-quest", "")
    ),
    *(("build", "IMAGE_TAG", tag, "is not an immutable tag.") for tag in MUTABLE),
]


@pytest.mark.parametrize(("name", "variable", "value", "why"), REFUSED)
def test_what_ecs_could_not_run_or_a_tag_could_come_to_mean_is_refused(
    name: str, variable: str, value: str, why: str
) -> None:
    refused = script(name, given={**GIVEN, variable: value})

    assert refused.returncode == 2
    assert f"{variable}={value} {why}" in refused.stderr
    assert "What to do: " in refused.stderr


@pytest.mark.parametrize("tag", MUTABLE)
def test_apply_refuses_the_same_tags(tag: str) -> None:
    with pytest.raises(ValueError, match="another image tomorrow"):
        immutable(tag)


@pytest.mark.parametrize(
    ("asked", "code"), [("X86_64", 2), ("ARM64", 0)], ids=["another", "the same"]
)
def test_a_builder_that_ignores_the_platform_is_noticed(
    tmp_path: Path, asked: str, code: int
) -> None:
    (tmp_path / "builder").write_text('#!/bin/sh\n[ "$1" = build ] || echo arm64\n')
    (tmp_path / "builder").chmod(0o755)

    built = script(
        "build",
        docker=str(tmp_path / "builder"),
        given={**GIVEN, "CPU_ARCHITECTURE": asked},
    )

    assert built.returncode == code
    assert ("was built for arm64, not for amd64" in built.stderr) is bool(code)


def test_a_checkout_that_differs_from_the_commit_is_not_built_under_its_name(
    tmp_path: Path,
) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", PROJECT, clone], check=True)
    shutil.copytree(PROJECT / SCRIPTS, clone / SCRIPTS, dirs_exist_ok=True)
    (clone / "flows" / "forgotten.py").write_text("")
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=clone, check=True, capture_output=True, text=True
    ).stdout.strip()

    for tag in (head, head[:7]):
        refused = script("build", folder=clone, IMAGE_REPOSITORY="bls-data-quest", IMAGE_TAG=tag)

        assert refused.returncode == 2
        assert f"differs from commit {tag}" in refused.stderr
