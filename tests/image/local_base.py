"""A stand-in for python:3.12-slim-bookworm where no registry is reached: Debian, and a CPython."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.image.engine import Engine

NAME = "python:3.12-slim-bookworm"
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


def make(engine: Engine, folder: Path) -> None:
    """Make the base image, in about a minute.

    Args:
        engine: That keeps it, under the name that the Dockerfile asks for.
        folder: An empty one; takes some 300 MB.
    """
    prefix = _cpython()
    _debian(folder / "debian.tar")
    _copy_python(prefix, folder / "usr" / "local")
    _trust_what_this_machine_trusts(folder / "etc")
    (folder / "Containerfile").write_text(_CONTAINERFILE)
    engine("build", "--quiet", "--tag", NAME, str(folder))


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
