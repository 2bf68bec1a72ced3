"""What one generation of a survey revised of another. Plain Python over the rooms.

What is written depends on the two generations and the library versions alone: no clock, no run id.
So it can be made again for any pair, byte for byte.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from time import perf_counter
from typing import TYPE_CHECKING, Any

from blsquest.core.clock import time_text
from blsquest.core.errors import Misuse
from blsquest.core.source import survey_of
from blsquest.core.usage import Spent
from blsquest.lake.keys import revisions_folder
from blsquest.lake.log import ManifestLog
from blsquest.lake.reader import entry_named, fetch_vintage
from blsquest.lake.spool import room_for, spool_folder
from blsquest.products.catalogue import catalogue_of, data_prefix

if TYPE_CHECKING:
    import polars as pl

    from blsquest.analytics.catalogue import Catalogue
    from blsquest.lake.manifest import Entry, Generation, Manifest
    from blsquest.lake.stores.base import Store


VERSION = 1
SUMMARY = "revisions.json"
SHOWN = 5
"""Revisions that the summary lists for each unit."""


@dataclass(frozen=True, slots=True)
class Revised:
    """What a comparison of two generations came to.

    Attributes:
        folder: Where it lies in the lake, ending in `/`.
        summary: The content of `revisions.json`.
        markdown: The same for people.
        stored: What was asked of the storage.
        computing: Seconds, reading included.
    """

    folder: str
    summary: dict[str, Any]
    markdown: str
    stored: Spent = field(default_factory=Spent)
    computing: float = 0.0

    def sentence(self) -> str:
        """One line for people."""
        from blsquest.analytics.report.sections import sentence

        return sentence(self.summary)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, for `--json`."""
        return {
            "folder": self.folder,
            "revisions": self.summary,
            "storage_cost": self.stored.as_dict(),
            "computing_seconds": round(self.computing, 3),
        }


def revise(store: Store, source: str, generation: int, since: int | None = None) -> Revised:
    """Compare the data files of two generations, and keep what differs in the lake.

    A data file that only one of the two has, or that is not well-formed, is named in a note.

    Args:
        store: The lake.
        source: The survey's key, for example `bls/pr`.
        generation: The later one.
        since: The earlier one; None for the parent.

    Raises:
        Misuse: There is no such generation, or the two are not in their order.
        StoreError: The storage failed, a vintage is not what its name says, or this machine's
            disk has no room for two vintages.
    """
    started = perf_counter()
    old, new = _pair(store, source, generation, since)
    parts, files, notes = _compare_files(store, old.manifest, new.manifest)
    catalogue = catalogue_of(store, new.manifest)
    notes += [f"Series in words: {note}" for note in catalogue.notes]
    apart = None if old.sha256 == new.manifest.parent else since
    folder = revisions_folder(survey_of(source), generation, apart)
    outputs, summary, text = _render(old, new, parts, files, notes, catalogue)
    for name, body in outputs.items():
        store.put(folder + name, body)
    store.put(folder + SUMMARY, (json.dumps(summary, indent=2, sort_keys=True) + "\n").encode())
    return Revised(folder, summary, text, store.meter.spent(), perf_counter() - started)


def changed_observations(
    store: Store, later: Generation, earlier: Generation | None = None
) -> pl.DataFrame:
    """Return the observations that differ between two generations; writes nothing.

    Args:
        store: The lake.
        later: The later one.
        earlier: None for its parent.

    Returns:
        A row for each: `file`, and the columns of `blsquest.analytics.revisions.REVISIONS`.

    Raises:
        Misuse: The two are not in their order, or the first has no parent.
        StoreError: See `revise`.
    """
    since = earlier.manifest.generation if earlier else None
    old, new = _pair(store, later.manifest.source, later.manifest.generation, since)
    parts, _, _ = _compare_files(store, old.manifest, new.manifest)
    return _all(parts)


def _all(parts: list[pl.DataFrame]) -> pl.DataFrame:
    import polars as pl

    from blsquest.analytics.revisions import REVISIONS

    return pl.concat(parts or [pl.DataFrame(schema={"file": pl.String()} | dict(REVISIONS))])


def _pair(
    store: Store, source: str, generation: int, since: int | None
) -> tuple[Generation, Generation]:
    log = ManifestLog(store, source)
    numbers = log.generations()
    known = f"It has {numbers[0]} to {numbers[-1]}." if numbers else "Mirror it first."
    for number in (generation, since):
        if number is not None and number not in numbers:
            raise Misuse(f"The lake {store.url} has no generation {number} of {source}.", known)
    if since is None and generation == numbers[0]:
        raise Misuse(
            f"Generation {generation} of {source} is the lake's first: nothing lies before it.",
            f"Name a later one. {known}",
        )
    earlier = generation - 1 if since is None else since
    if earlier == generation:
        raise Misuse(
            f"Both states are generation {generation} of {source}: nothing changed in between.",
            f"Name states further apart. {known}",
        )
    if earlier > generation:
        raise Misuse(
            f"Generation {generation} of {source} is not later than {earlier}.",
            "Name the earlier generation first.",
        )
    return log.read(earlier), log.read(generation)


def _compare_files(
    store: Store, old: Manifest, new: Manifest
) -> tuple[list[pl.DataFrame], list[dict[str, Any]], list[str]]:
    """The differences of each changed data file, their summaries, and what there is to note."""
    # polars takes a while to import: only a changed data file needs it.
    import polars as pl

    from blsquest.analytics.revisions import by_year, counts
    from blsquest.core.errors import BadData

    prefix = data_prefix(survey_of(new.source))
    parts: list[pl.DataFrame] = []
    files: list[dict[str, Any]] = []
    notes: list[str] = []
    names = {e.name for m in (old, new) for e in m.files if e.name.startswith(prefix)}
    for name in sorted(names):
        before, after = entry_named(old, name), entry_named(new, name)
        if before is None or after is None:
            what = "new" if before is None else "gone"
            notes.append(f"{name} is {what} at the source: there is nothing to compare it with.")
            continue
        if before.sha256 == after.sha256:
            continue
        try:
            found = _compare(store, new.source, before, after)
        except BadData as error:
            notes.append(f"{name} was not compared. {error.what}")
            continue
        parts.append(found.select(pl.lit(name).alias("file"), *found.columns))
        files.append(
            {"file": name, "old_sha256": before.sha256, "new_sha256": after.sha256}
            | counts(found)
            | {"by_year": by_year(found).to_dicts()}
        )
    return parts, files, notes


def _compare(store: Store, source: str, before: Entry, after: Entry) -> pl.DataFrame:
    from blsquest.analytics.observations import observation_batches
    from blsquest.analytics.revisions import compare

    with room_for((before.size, after.size), at_once=2), spool_folder() as folder:
        old, new = folder / "old", folder / "new"
        fetch_vintage(store, source, before, old)
        fetch_vintage(store, source, after, new)
        return compare(observation_batches(old, after.name), observation_batches(new, after.name))


def _render(
    old: Generation,
    new: Generation,
    parts: list[pl.DataFrame],
    files: list[dict[str, Any]],
    notes: list[str],
    catalogue: Catalogue,
) -> tuple[dict[str, bytes], dict[str, Any], str]:
    import polars as pl

    from blsquest.analytics.parquet_table import parquet_bytes
    from blsquest.analytics.report.markdown import markdown
    from blsquest.analytics.report.sections import revisions
    from blsquest.analytics.revisions import KEY, REVISIONS, by_series, largest

    if not parts:
        parts = [pl.DataFrame(schema={"file": pl.String()} | dict(REVISIONS))]
    words = catalogue.frame.select("series_id", "title", "unit")
    pair = {
        role: {
            "generation": g.manifest.generation,
            "manifest_sha256": g.sha256,
            "committed": time_text(g.manifest.committed),
        }
        for role, g in (("from", old), ("to", new))
    }
    metadata = {
        "bls-data-quest:source": new.manifest.source,
        "bls-data-quest:generations": json.dumps(pair, sort_keys=True),
        "bls-data-quest:sample": str(new.manifest.sample).lower(),
        "bls-data-quest:units": "difference is new less old, in the unit of the series",
    }
    series = [
        by_series(part).select(pl.lit(part.item(0, "file")).alias("file"), pl.all())
        for part in parts
        if part.height
    ]
    frames = {"revisions": pl.concat(parts), "catalogue": catalogue.frame}
    if series:
        frames["by_series"] = pl.concat(series).join(
            words, on="series_id", how="left", maintain_order="left"
        )
    outputs = {f"{name}.parquet": parquet_bytes(f, metadata) for name, f in frames.items()}
    # Files overlap (Current is the recent part of AllData): one observation is listed once.
    tops = [
        largest(part.join(words, on="series_id", how="left"), SHOWN, by="unit") for part in parts
    ]
    once = pl.concat(tops).drop("file").unique(KEY, keep="first", maintain_order=True)
    moved = largest(once, SHOWN, by="unit")
    summary = {
        "format": "bls-data-quest/revisions",
        "version": VERSION,
        "source": new.manifest.source,
        "sample": new.manifest.sample,
        **pair,
        "files": files,
        "largest": moved.with_columns(pl.col(pl.Decimal).cast(pl.String)).to_dicts(),
        "notes": notes,
        "outputs": {
            name: {"bytes": len(body), "sha256": sha256(body).hexdigest()}
            for name, body in sorted(outputs.items())
        },
    }
    return outputs, summary, markdown(*revisions(summary))
