"""Copy a lake to another place, also while runs write to it.

The log is listed first, and copied after the vintages and before derived objects: all that it
named then is there before its manifests. So an interrupted copy is a lake, or becomes one by the
next attempt, which copies what is missing.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from blsquest.core.errors import Missing, Misuse, Refused
from blsquest.core.stop import Workers, raise_if_stopped
from blsquest.lake.keys import (
    MANIFESTS,
    VINTAGES,
    generation_of,
    manifest_folder,
    sha256_of,
    view_folder,
)
from blsquest.lake.log import ManifestLog, no_lake
from blsquest.lake.reader import fetch_checked
from blsquest.lake.record import read_record
from blsquest.lake.rollback import trusted_newest
from blsquest.lake.run import IN_FLIGHT
from blsquest.lake.spool import room_for, spool_folder
from blsquest.lake.stores.base import Store, Stored, prove_put_if_absent
from blsquest.lake.view import publish

LEFT = ("state/", "tables/")
"""What the target's own runs write: it holds tokens and addresses of its place."""

_CHOOSE = "Choose an empty place, or one that holds an earlier copy of this lake."


@dataclass(frozen=True, slots=True)
class Copies:
    """What was copied; `logs` has the last generation of each source's log."""

    logs: dict[str, int]
    vintages: int
    vintage_bytes: int
    manifests: int
    derived: int


def copy_lake(source: Store, target: Store) -> Copies:
    """Copy vintages, then the log, then reports and views; keep what is already there.

    Each vintage is hashed on its way, and put if absent, as is each manifest. A vintage already at
    the target is taken for whole if it has the right size; an audit checks more. A target whose
    log goes on from this one (a lake into which a backup is restored) gets what it lacks.

    Raises:
        Misuse: There is no lake at the source, or the target lies in it.
        Refused: The target holds another log, or files without one; it ignores put-if-absent; or
            its log ended later than this one does: it has got what there is, and its view is left.
        Corrupt: A vintage is not what its name says, or a manifest can't be read.
        StoreError: A storage failed, or this machine's disk has no room.
    """
    if f"{target.url}/".startswith(f"{source.url}/"):
        raise Misuse(f"{target.url} lies in {source.url}.", _CHOOSE)
    logs: dict[str, list[str]] = defaultdict(list)
    for each in source.list(MANIFESTS):
        if generation_of(each.key) is not None:
            logs[each.key.removeprefix(MANIFESTS).rpartition("/")[0]].append(each.key)
    if not logs:
        raise no_lake(source)
    there = {each.key: each.size for each in target.list("")}
    if there and not any(key.startswith((MANIFESTS, VINTAGES, "state/")) for key in there):
        raise Refused(f"{target.url} holds {min(there)}, and no lake.", _CHOOSE)
    ahead = [name for name, keys in logs.items() if _is_ahead(source, target, name, keys, there)]
    prove_put_if_absent(target)  # the record that is made here says so
    found = source.list("")
    new = [s for s in found if s.key.startswith(VINTAGES) and there.get(s.key) != s.size]
    with room_for((s.size for s in new), at_once=IN_FLIGHT), Workers(IN_FLIGHT, "copy") as pool:
        list(pool.map(lambda one: _copy_vintage(source, target, one, there), new))
    manifests = [key for keys in logs.values() for key in keys if key not in there]
    for key in manifests:  # ascending in each log
        if not target.put_new(key, source.read(key)):
            raise _another(source, target, key)
    newest = {name: ManifestLog(target, name).newest() for name in logs}
    flat = [view_folder(name) for name, g in newest.items() if g.manifest.layout == "flat"]
    others = (MANIFESTS, VINTAGES, *LEFT, *flat)
    derived = [s for s in found if not s.key.startswith(others) and not (ahead and s.key in there)]
    put = _copy_derived(source, target, derived, there)
    for name, generation in newest.items():
        log, record = ManifestLog(target, name), read_record(target, name)
        if current := trusted_newest(log, generation, record):
            publish(log, current, record)
    return Copies(
        {name: generation.manifest.generation for name, generation in newest.items()},
        len(new),
        sum(s.size for s in new),
        len(manifests),
        put,
    )


def _is_ahead(
    source: Store, target: Store, name: str, keys: Sequence[str], there: Mapping[str, int]
) -> bool:
    """Return whether the target's log of a source goes on from this one; refuse another log."""
    folder = manifest_folder(name)
    log = sorted(k for k in there if k.startswith(folder) and generation_of(k) is not None)
    shared = [k for k in log if k in keys]
    if log and (not shared or source.read(shared[-1]) != target.read(shared[-1])):
        raise _another(source, target, log[-1])
    return bool(log) and log[-1] > keys[-1]


def _another(source: Store, target: Store, key: str) -> Refused:
    return Refused(f"{target.url}/{key} is of another log than {source.url}'s.", _CHOOSE)


def _copy_vintage(source: Store, target: Store, one: Stored, there: Mapping[str, int]) -> None:
    raise_if_stopped()
    if one.key in there:
        raise Refused(
            f"{target.url}/{one.key} has {there[one.key]:,} bytes and not {one.size:,}.",
            "Delete it there (an administrator may), and copy again.",
        )
    with spool_folder() as folder:
        body = folder / "body"
        fetch_checked(source, one.key, sha256_of(one.key), body)
        target.upload(body, one.key)


def _copy_derived(
    source: Store, target: Store, found: Sequence[Stored], there: Mapping[str, int]
) -> int:
    """Copy reports and the days of daily views; a report's JSON comes after what it names."""
    copied = 0
    for one in sorted(found, key=lambda one: (one.key.endswith(".json"), one.key)):
        with suppress(Missing):  # it is being made again
            body = source.read(one.key)
            if there.get(one.key) != len(body) or target.read(one.key) != body:
                target.put(one.key, body)
                copied += 1
    return copied
