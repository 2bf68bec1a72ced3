"""A container without a container engine: Linux namespaces through util-linux's `unshare`.

The first process is number 1 of a process namespace of its own, with what that means: a signal that
it does not handle is ignored, and nothing that it started outlives it. It is the command itself, or
an init that hands SIGTERM on to it. It sees this machine's files, but `/app` is the image's.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

WORKDIR = "/app"
PATH = f"{WORKDIR}/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
START_SECONDS = 120

_PATIENCE = 0.01
_SIGKILLED = 128 + signal.SIGKILL

_ENTER = f"""
set -e
root=/mnt
mount -t tmpfs tmpfs "$root"
for top in /*; do
  case "$top" in "$root"|{WORKDIR}) continue ;; esac
  if [ -L "$top" ]; then cp -P "$top" "$root$top"
  elif [ -d "$top" ]; then mkdir "$root$top"; mount --rbind "$top" "$root$top"
  fi
done
mkdir "$root{WORKDIR}"
while [ "$1" != "--" ]; do
  if [ -d "$2" ]; then mkdir "$root{WORKDIR}/$1"; else : > "$root{WORKDIR}/$1"; fi
  mount --bind "$2" "$root{WORKDIR}/$1"
  shift 2
done
shift
exec chroot "$root" /bin/sh -c 'cd {WORKDIR} && exec "$@"' sh "$@"
"""
"""Binds the image's files (pairs of name and source, then `--`) and becomes the command."""

_INIT = """
"$@" &
command=$!
trap 'kill -TERM $command' TERM
wait $command
code=$?
while kill -0 $command 2>/dev/null; do wait $command; code=$?; done
exit $code
"""
"""What ECS's init does for the command as far as it matters here: SIGTERM comes to it."""


Image = Mapping[str, Path]
"""What lies at `/app`: name below it → the file or folder of this machine that stands there."""


class Container:
    """A running container; `output` is what it writes, both streams together."""

    def __init__(
        self,
        image: Image,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        init: bool = False,
    ) -> None:
        """Run the command, or an init that runs it; it gets `environment`, and a PATH."""
        if init:
            command = ["/bin/sh", "-c", _INIT, "init", *command]
        pairs = [part for name, path in image.items() for part in (name, str(path))]
        self._process = subprocess.Popen(
            [*_unshare(), "/bin/sh", "-c", _ENTER, "sh", *pairs, "--", *command],
            env={"PATH": PATH, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if self._process.stdout is None:
            raise RuntimeError("The container has no output.")
        self.output: IO[bytes] = self._process.stdout
        self._killed = False

    def signal(self, number: signal.Signals) -> None:
        """Signal its first process, and no other: ECS does the same."""
        first = self._first()
        if first is not None:
            self._killed |= number == signal.SIGKILL
            os.kill(first, number)

    def wait(self, seconds: float | None = None) -> int:
        """Its exit code, once it has ended; 137 after SIGKILL, as ECS has it.

        Raises:
            subprocess.TimeoutExpired: It runs still.
        """
        code = self._process.wait(seconds)
        # SIGKILL is the only signal that ends a first process, and not every version of unshare
        # hands it on.
        return _SIGKILLED if self._killed else code

    def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after that many seconds."""
        self.signal(signal.SIGTERM)
        try:
            self.wait(grace)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)

    def _first(self) -> int | None:
        """The first process, by its number outside; None when it has ended."""
        outer = self._process.pid
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            children = Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
            if children:
                return int(children[0])
            time.sleep(_PATIENCE)
        return None


def why_no_containers() -> str | None:
    """What this machine lacks for containers, or None."""
    try:
        tried = subprocess.run(
            [*_unshare(), "/bin/sh", "-c", "mount -t tmpfs tmpfs /mnt"],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return "needs Linux and util-linux's unshare"
    if tried.returncode:
        return f"needs root or unprivileged user namespaces ({tried.stderr.strip()})"
    return None


def _unshare() -> list[str]:
    for_everyone = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", *for_everyone, "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
