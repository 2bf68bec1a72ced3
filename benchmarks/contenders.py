"""Who is measured at mirroring: this project, and rclone as it comes and with 64 at a time."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

RCLONE_PROGRAM = "{peers}/rclone"


@dataclass(frozen=True, slots=True)
class Contender:
    """One program that does the work.

    Attributes:
        name: In the tables.
        command: With `{url}`, `{bucket}` and `{peers}` to be filled.
        ours: Whether another checkout of this project has it too.
        folder: Where it is run; None for here.
        environment: Variables besides those that all contenders have.
    """

    name: str
    command: tuple[str, ...]
    ours: bool = False
    folder: Path | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def is_rclone(self) -> bool:
        """Whether it is timed from outside."""
        return self.command[0] == RCLONE_PROGRAM

    @property
    def family(self) -> str:
        """The name under which it shares a bucket with others."""
        return "rclone" if self.is_rclone else self.name

    def with_arguments(self, name: str, *arguments: str) -> Contender:
        """Return it under another name, with more arguments."""
        return replace(self, name=name, command=(*self.command, *arguments))

    def at(self, checkout: Path, python: str) -> Contender:
        """Return the same program of another checkout."""
        return replace(
            self,
            name=f"{self.name}, {checkout.name}",
            command=(python, *self.command[1:]),
            folder=checkout,
            environment={**self.environment, "PYTHONPATH": str(checkout)},
        )


US = Contender(
    "ours",
    (sys.executable, "-m", "benchmarks.worker", "{url}", "s3://{bucket}/lake", "--surveys", "all"),
    ours=True,
)
RCLONE = Contender("rclone", (RCLONE_PROGRAM, "sync", ":http:", ":s3:{bucket}"))
COPYURL = Contender(
    "rclone copyurl",
    (RCLONE_PROGRAM, "copyurl", "{url}pa/pa.data.0.Current", ":s3:{bucket}/pa.data.0.Current"),
)
RCLONE_64 = RCLONE.with_arguments("rclone, 64 + 64", "--transfers", "64", "--checkers", "64")


def peers() -> Path | None:
    """Return the folder of rclone: `RCLONE`'s, else make's."""
    made = Path(sys.prefix) / "servers" / "bin" / "rclone"
    rclone = Path(os.environ.get("RCLONE") or made)
    return rclone.parent if rclone.exists() else None
