"""Guards: which listings are refused. Pure; a refusal changes nothing.

A broken publisher must never look like one that removed its files.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Literal

from blsquest.core.clock import time_text
from blsquest.core.errors import Mixed, Refused
from blsquest.core.source import Listing, is_data_file, main_data_file
from blsquest.core.text import some
from blsquest.lake.manifest import Manifest

Allowance = Literal[
    "clock",
    "foreign-files",
    "names",
    "no-data",
    "removals",
    "shortened-log",
    "shrink",
    "stale",
    "subdirectories",
]
"""A guard that a person may lift for one run, by name."""

REMOVED_SHARE = 0.25
SHRUNK_TO = 0.5
CLOCKS_APART = timedelta(hours=1)
NAMED = 5
"""Files that a message names."""


def check_listing(
    listing: Listing,
    manifest: Manifest | None,
    *,
    data_prefix: str,
    allow: Collection[Allowance] = (),
) -> None:
    """Refuse a listing that is more likely a publisher's fault than its will.

    The error names the guard that fired, the numbers, and the allowance that lifts it.
    """
    if not listing.files and manifest is not None:
        raise Refused(
            "The publisher's listing is empty.",
            "Nothing was changed. Look at the listing in a browser and run again when it is back.",
        )
    check_kind(manifest, sample=listing.sample)
    if listing.directories and "subdirectories" not in allow:
        names = some([f"{d}/" for d in listing.directories], NAMED)
        raise Refused(
            f"The listing has sub-directories, which a mirror of one survey leaves out: {names}.",
            "Mirror the files beside them with --allow subdirectories.",
        )
    if listing.unsafe and "names" not in allow:
        raise Refused(
            f"The publisher lists a file under an unsafe name: {some(listing.unsafe, NAMED)}.",
            "Nothing was changed. Look at the listing in a browser; --allow names mirrors the "
            "other files and leaves such out.",
        )
    if listing.files and "no-data" not in allow and _lost_its_data(listing, manifest, data_prefix):
        raise Refused(
            f"The listing names {len(listing.files)} files but no data file ({data_prefix}*).",
            "If the publisher really has none, run once with --allow no-data.",
        )
    if manifest is None:
        return
    stored, listed = {e.name: e.size for e in manifest.files}, {f.name for f in listing.files}
    gone = [name for name in stored if name not in listed]
    if "removals" not in allow and len(gone) > max(1, REMOVED_SHARE * len(stored)):
        raise Refused(
            f"The listing lacks {len(gone)} of the {len(stored)} files of {manifest.source}: "
            f"{some(gone, NAMED)}.",
            "If the publisher really removed them, run once with --allow removals.",
        )
    for file in listing.files if "shrink" not in allow else ():
        before = stored.get(file.name, 0) if is_data_file(data_prefix, file.name) else 0
        if file.size is not None and file.size < SHRUNK_TO * before:
            raise Refused(
                f"{file.name} shrank from {before:,} to {file.size:,} bytes, by more than half.",
                "If the publisher really cut it, run once with --allow shrink.",
            )


def check_kind(manifest: Manifest | None, *, sample: bool) -> None:
    """Refuse real data beside a generated sample; a lake without a manifest may become either."""
    if manifest is not None and sample != manifest.sample:
        lake, source = ("sample", "real") if manifest.sample else ("real", "sample")
        raise Mixed(
            f"The lake holds {lake} data for {manifest.source} and the source serves {source} "
            "data: they are never mixed.",
            "Choose another lake (LAKE=… or --lake).",
        )


def _lost_its_data(listing: Listing, manifest: Manifest | None, data_prefix: str) -> bool:
    """Return whether files are, or were, named by the convention, but no data file is listed.

    A survey whose files never followed it has no data files to lose.
    """
    listed = [f.name for f in listing.files]
    if any(is_data_file(data_prefix, name) for name in listed):
        return False
    stored = [e.name for e in manifest.files] if manifest else []
    survey = data_prefix.partition(".")[0] + "."
    return any(name.startswith(survey) for name in [*listed, *stored])


def check_clock(
    now: datetime,
    listing: Listing,
    manifest: Manifest | None,
    allow: Collection[Allowance] = (),
) -> None:
    """Refuse to commit by a clock that the publisher or the lake contradicts.

    What a generation is dated decides every question as of a moment. A publisher that gives no
    time contradicts nothing.
    """
    if "clock" in allow:
        return
    remedy = (
        "Nothing was changed. Set this machine's clock; if it is right, run with --allow clock."
    )
    if listing.time is not None and abs(now - listing.time) > CLOCKS_APART:
        raise Refused(
            f"This machine's clock says {time_text(now)}, and the publisher's "
            f"{time_text(listing.time)}.",
            remedy,
        )
    if manifest is not None and manifest.committed - now > CLOCKS_APART:
        raise Refused(
            f"Generation {manifest.generation} of {manifest.source} was committed at "
            f"{time_text(manifest.committed)}, and this machine's clock says {time_text(now)}.",
            remedy,
        )


def check_gone(gone: Collection[str], manifest: Manifest, data_prefix: str) -> None:
    """Refuse to lose the data file that answers are made from: that takes a person."""
    main = main_data_file(data_prefix, {e.name: e.size for e in manifest.files})
    if main in gone:
        raise Refused(
            f"{main}, which answers are made from, is gone from the source.",
            "Nothing was changed. If the publisher really removed it, run once with --allow "
            "removals; reports then need another file by --data-file.",
        )
