"""The changes that bring the present state to the wanted state. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

_SHOWN = 60
"""Characters of a value that fit a line beside another."""


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing in a Prefect workspace: its governed fields, as in JSON, never a secret."""

    kind: str
    name: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A change to one thing; an update has the fields that differ: `field (old → new)`."""

    what: Literal["create", "update", "delete"]
    kind: str
    name: str
    details: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Return one line for people."""
        details = f": {', '.join(self.details)}" if self.details else ""
        return f"{self.what} {self.kind} {self.name}{details}"


def differences(wanted: Iterable[Thing], present: Iterable[Thing]) -> tuple[Change, ...]:
    """Return the changes, in the order of `wanted`.

    What is present and not wanted is deleted: `present` must hold the project's own things only.
    """
    there = {(thing.kind, thing.name): thing for thing in present}
    changes = []
    for thing in wanted:
        found = there.pop((thing.kind, thing.name), None)
        if found is None:
            changes.append(Change("create", thing.kind, thing.name))
        elif details := tuple(_differing(found.fields, thing.fields)):
            changes.append(Change("update", thing.kind, thing.name, details))
    return (*changes, *(Change("delete", kind, name) for kind, name in there))


def _differing(old: Any, new: Any, path: str = "") -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            inner = f"{path}.{key}" if path else key
            yield from _differing(old.get(key), new.get(key), inner)
    elif old != new:
        before, after = json.dumps(old), json.dumps(new)
        short = max(len(before), len(after)) <= _SHOWN
        yield f"{path} ({before} → {after})" if short else path
