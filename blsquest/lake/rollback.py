"""Refuse a log that was rolled back: that lost generations, or has one replaced.

A log that a restore rolled back looks whole. The record, which names the generation last
published, gives it away; where it can't, only the chain of parents can.
"""

from collections.abc import Collection

from blsquest.core.errors import Missing, Refused
from blsquest.lake.guards import Allowance
from blsquest.lake.keys import manifest_folder, manifest_key, view_folder, vintage_folder
from blsquest.lake.log import ManifestLog
from blsquest.lake.manifest import Generation
from blsquest.lake.record import Publication, Record

PARENTS = 8
"""Most generations that a record may be behind (runs were killed before they published, or an older
release left it so) for the parents to be followed to it. Beyond, only the newest's parent is
checked; the audit checks the whole chain."""

_RESTORE = (
    "Restore what is missing from the bucket's versions or a backup (docs/restore.md); blsquest "
    "audit tells what else is gone."
)


def trusted_newest(
    log: ManifestLog,
    newest: Generation | None,
    record: Record,
    allow: Collection[Allowance] = (),
) -> Generation | None:
    """Return the generation to go on from: the newest that was read, or one committed since.

    Costs nothing where the record names the newest, which is the rule; one GET where it is ahead;
    where it is behind, a GET for each generation in between; where there is no usable record, one
    GET, for the parent.
    An empty log costs a LIST of the view, and one of the vintages where that holds something.

    Raises:
        Refused: The log lost generations, or one was replaced: `shortened-log` takes it as it is.
            Or, in an empty one, the view holds files of somebody else (`foreign-files`).
        Corrupt: The newest manifest does not follow from its parent.
    """
    if newest is None:
        return _beginning(log, record, allow)
    known = None if "shortened-log" in allow else record.own(log.store)
    number = newest.manifest.generation
    if known is not None and known.generation > number:
        # Another run may have published it a moment ago.
        try:
            newer = log.read(known.generation)
        except Missing:
            raise Refused(
                f"The log of {log.source} lost its end: it ends with generation {number}, and "
                f"generation {known.generation} was published.",
                f"Nothing was changed. {_RESTORE} --allow shortened-log takes the log as it is.",
            ) from None
        if newer.sha256 != known.manifest_sha256:
            raise _replaced(log, known)
        return newer
    near = known is not None and number - known.generation <= PARENTS
    at, last = newest, known.generation if known and near else number - 1
    while at.manifest.generation > max(last, 1):
        at = log.parent_of(at)
    if known and near and at.sha256 != known.manifest_sha256:
        raise _replaced(log, known)
    return newest


def _beginning(log: ManifestLog, record: Record, allow: Collection[Allowance]) -> Generation | None:
    """Tell a first run from one that would start again over a history, or over others' files.

    A record and a view are written only after a commit; but a view could be somebody else's files,
    unless one is as large as a vintage of its name. Vintages alone were left by a first run that
    was killed before its commit.
    """
    store, folder = log.store, view_folder(log.source)
    shown = store.list(folder)
    lost = bool(record.published or record.copied)
    if not lost and shown:
        kept = {(s.key.split("/")[-2], s.size) for s in store.list(vintage_folder(log.source))}
        lost = any((s.key.rpartition("/")[2], s.size) in kept for s in shown)
    if not (lost or shown):
        return None
    # Another first run may just have published: then its manifest is there by now.
    newest = log.latest()
    if newest is not None:
        return newest
    if ("shortened-log" if lost else "foreign-files") in allow:
        return None
    if lost:
        raise Refused(
            f"The log of {log.source} is lost: {store.url}/{manifest_folder(log.source)} holds no "
            "manifest, and files that earlier commits published are there.",
            f"Nothing was changed. {_RESTORE} --allow shortened-log starts a new history at "
            "generation 1: earlier states can then no longer be read.",
        )
    raise Refused(
        f"{store.url}/{folder} holds {len(shown)} objects, {shown[0].key} "
        "the first, and no manifest of this project names them.",
        "Choose another lake or move them away; --allow foreign-files replaces them.",
    )


def _replaced(log: ManifestLog, known: Publication) -> Refused:
    key = manifest_key(log.source, known.generation)
    return Refused(
        f"{log.store.url}/{key} is not the manifest that was published: its SHA-256 was "
        f"{known.manifest_sha256}.",
        "Nothing was changed. Restore it from the bucket's versions or a backup (docs/restore.md). "
        "--allow shortened-log takes the log as it is.",
    )
