"""Podman with storage of its own, where there is no Docker: Debian, as root.

Where no registry is reached either, its base image is made here: Debian, and a CPython.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.image.engine import Engine

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


BASE = "python:3.12-slim-bookworm"
PYTHON = "python3.12"

_LIBRARIES = (
    "ca-certificates",
    "libbz2-1.0",
    "libexpat1",
    "libffi8",
    "libncursesw6",
    "libreadline8",
    "libsqlite3-0",
    "libssl3",
    "libuuid1",
)
"""What CPython's own modules are linked with, and the authorities that it trusts."""

_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

_CONTAINERFILE = f"""\
FROM scratch
ADD debian.tar /
COPY usr /usr
COPY etc /etc
RUN ldconfig && {PYTHON} -m ensurepip && ln -s {PYTHON} /usr/local/bin/python
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
CMD ["python"]
"""

_NOT_IN_A_SLIM_IMAGE = shutil.ignore_patterns(
    "__pycache__", "config-3*", "idlelib", "site-packages", "test", "_tkinter*", "nis*"
)


def make_base(engine: Engine, folder: Path) -> None:
    """Make the image that the Dockerfile begins with, in a minute and in 300 MB of a folder."""
    prefix = _cpython()
    _debian(folder / "debian.tar")
    _copy_python(prefix, folder / "usr" / "local")
    _trust_what_this_machine_trusts(folder / "etc")
    (folder / "Containerfile").write_text(_CONTAINERFILE)
    engine("build", "--quiet", "--tag", BASE, str(folder))


def _cpython() -> Path:
    """Where a CPython of the base's version is installed: on the path, or beside this one."""
    found = shutil.which(PYTHON)
    beside = Path(sys.base_prefix).parent.glob("3.12*")
    for prefix in [*([Path(found).resolve().parents[1]] if found else []), *beside]:
        if (prefix / "lib" / PYTHON / "os.py").exists() and (prefix / "bin" / PYTHON).exists():
            return prefix
    pytest.skip(f"needs a {PYTHON} of its own prefix to make a base image of")


def _debian(archive: Path) -> None:
    include = f"--include={','.join(_LIBRARIES)}"
    command = ["mmdebstrap", "--quiet", "--variant=minbase", include, "bookworm", str(archive)]
    subprocess.run(command, check=True)


def _copy_python(prefix: Path, target: Path) -> None:
    (target / "bin").mkdir(parents=True)
    shutil.copy(prefix / "bin" / PYTHON, target / "bin")
    shutil.copytree(prefix / "lib" / PYTHON, target / "lib" / PYTHON, ignore=_NOT_IN_A_SLIM_IMAGE)
    (target / "lib" / PYTHON / "site-packages").mkdir()
    for library in (prefix / "lib").glob("libpython3.12.so.*"):
        shutil.copy(library, target / "lib")


def _trust_what_this_machine_trusts(etc: Path) -> None:
    """Builds ask the package index with this machine's certificates, not with pip's own."""
    copy = etc / _CERTIFICATES.relative_to("/etc")
    copy.parent.mkdir(parents=True)
    shutil.copy(_CERTIFICATES, copy)
    (etc / "pip.conf").write_text(f"[global]\ncert = {_CERTIFICATES}\n")
