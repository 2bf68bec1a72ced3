"""Podman with storage of its own, where there is no Docker: Debian, as root."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.image.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOLS = ("podman", "runc", "catatonit", "mmdebstrap", "docker-registry")
"""As in the Makefile's image-tools."""

_CONTAINERS = """\
[containers]
# Without the right to raise limits podman's defaults can't be set.
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
# Builds ask the package index; a test's container says which network it has.
netns = "host"
init_path = "{init}"

[engine]
# crun refuses where both versions of cgroups are mounted.
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "{folder}/run-libpod"
volume_path = "{folder}/volumes"
"""

_STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{folder}/storage"
runroot = "{folder}/run"
"""

_REGISTRIES = """\
unqualified-search-registries = []
[[registry]]
location = "127.0.0.1"
insecure = true
"""


@contextmanager
def own_podman() -> Iterator[Engine]:
    """An engine that knows no image yet, and of which nothing stays; skips where it can't run."""
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing or os.geteuid():
        pytest.skip(
            "needs a Docker engine, or root and these tools: "
            f"{', '.join(missing or TOOLS)} (make image-tools)"
        )
    # Not below pytest's folder: the paths in it become mount options, which must stay short.
    folder = Path(tempfile.mkdtemp(prefix="quest-"))
    settings = {
        "CONTAINERS_CONF": (folder / "containers.conf", _CONTAINERS),
        "CONTAINERS_STORAGE_CONF": (folder / "storage.conf", _STORAGE),
        "CONTAINERS_REGISTRIES_CONF": (folder / "registries.conf", _REGISTRIES),
    }
    for path, text in settings.values():
        path.write_text(text.format(folder=folder, init=shutil.which("catatonit")))
    environment = {name: str(path) for name, (path, _) in settings.items()}
    # The builds' caches go there too; layers between the stages' ends would be kept for nothing.
    environment |= {"TMPDIR": str(folder), "BUILDAH_LAYERS": "false"}
    engine = Engine("podman", {**os.environ, **environment})
    try:
        yield engine
    finally:
        engine("rm", "--all", "--force", "--volumes")
        engine("rmi", "--all", "--force")
        shutil.rmtree(folder)
