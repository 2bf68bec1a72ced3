"""The revisions between two generations of a survey.

The output depends on the two generations and the library versions alone: no clock, no run id.
So it can be made again for any pair, byte for byte.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import polars as pl

from blsquest.analytics import revisions as differences
from blsquest.analytics.catalogue import Catalogue
from blsquest.analytics.observations import observation_batches
from blsquest.analytics.parquet_table import parquet_bytes
from blsquest.analytics.report.markdown import markdown
from blsquest.analytics.report.sections import revisions, sentence
from blsquest.core.clock import time_text
from blsquest.core.errors import BadData, Misuse
from blsquest.core.source import survey_of
from blsquest.core.usage import Spent
from blsquest.lake.keys import revisions_folder
from blsquest.lake.log import ManifestLog
from blsquest.lake.manifest import Entry, Generation, Manifest
from blsquest.lake.reader import entry_named, fetch_vintage
from blsquest.lake.spool import room_for, spool_folder
from blsquest.lake.stores.base import Store
from blsquest.products.catalogue import catalogue_of, data_files
from blsquest.products.record import record

DESCRIBED = 1_000
"""Revisions whose series are put in words where the survey's series file is too large for all."""
NOTHING = pl.DataFrame(schema={"file": pl.String()} | dict(differences.REVISIONS))


@dataclass(frozen=True, slots=True)
class Revised:
    """A comparison of two generations, kept in `folder` (ending in `/`).

    `summary` is the content of `revisions.json`, `markdown` the same for people; `stored` the
    cost at the storage, `computing` the cost in seconds.
    """

    folder: str
    summary: dict[str, Any]
    markdown: str
    stored: Spent = field(default_factory=Spent)
    computing: float = 0.0

    def sentence(self) -> str:
        """Return one line for people."""
        return sentence(self.summary)

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready, for `--json`."""
        return {
            "folder": self.folder,
            "revisions": self.summary,
            "storage_cost": self.stored.as_dict(),
            "computing_seconds": round(self.computing, 3),
        }


def revise(store: Store, source: str, generation: int, since: int | None = None) -> Revised:
    """Compare the data files of two generations, and keep the differences in the lake.

    A data file that only one of the two has, or that is not well-formed, is named in a note.
    `generation` is the later one; `since` the earlier, by default its parent.

    Raises:
        Misuse: There is no such generation, or the two are not in their order.
        StoreError: The storage failed, a vintage is not what its name says, or this machine's
            disk has no room for two vintages.
    """
    started = perf_counter()
    log = ManifestLog(store, source)
    new = log.numbered(generation)
    old = _earlier(log, new, None if since is None else log.numbered(since))
    found, notes = _compare_files(store, old.manifest, new.manifest)
    # Where not all series can be put in words, those with the largest revisions are.
    tops = [differences.largest(part, DESCRIBED) for part in found.values()]
    tops += [
        differences.newest(p, kind, differences.LISTED)
        for p in found.values()
        for kind in ("withdrawn", "filled")
    ]
    series_ids = dict.fromkeys(series for top in tops for series in top.get_column("series_id"))
    catalogue = catalogue_of(store, new.manifest, list(series_ids))
    notes += [f"Series in words: {note}" for note in catalogue.notes]
    outputs, body = _outputs(old, new, found, notes, catalogue)
    is_parent = old.sha256 == new.manifest.parent
    folder = revisions_folder(survey_of(source), generation, None if is_parent else since)
    for name, output in sorted(outputs.items()):
        store.put(folder + name, output)
    store.put(f"{folder}revisions.json", body)
    summary = json.loads(body)
    text = markdown(*revisions(summary))
    return Revised(folder, summary, text, store.meter.spent(), perf_counter() - started)


def changed_observations(
    store: Store, later: Generation, earlier: Generation | None = None
) -> pl.DataFrame:
    """Return the observations that differ from an earlier generation, by default the parent.

    A row for each: `file`, and the columns of `REVISIONS`. Nothing is written.

    Raises:
        Misuse, StoreError: As `revise`.
    """
    old = _earlier(ManifestLog(store, later.manifest.source), later, earlier)
    found, _ = _compare_files(store, old.manifest, later.manifest)
    return pl.concat([NOTHING, *found.values()])


def _earlier(log: ManifestLog, new: Generation, old: Generation | None) -> Generation:
    """Return the generation to compare with, by default the parent."""
    later = new.manifest.generation
    if old is None:
        if later == 1:
            raise Misuse(
                f"Generation 1 of {log.source} is the lake's first: nothing lies before it.",
                f"Name a later one; it has 1 to {log.generations()[-1]}.",
            )
        return log.parent_of(new)
    earlier = old.manifest.generation
    if earlier == later:
        raise Misuse(
            f"Both states are generation {later} of {log.source}: nothing changed in between.",
            f"Name states further apart; it has 1 to {log.generations()[-1]}.",
        )
    if earlier > later:
        raise Misuse(
            f"Generation {later} of {log.source} is not later than {earlier}.",
            "Name the earlier generation first.",
        )
    return old


def _last_entries(manifest: Manifest) -> dict[str, Entry]:
    """Return the entry of each present file, and the last entry of each removed one."""
    return {e.name: e for e in (*(t.last for t in manifest.tombstones), *manifest.files)}


def _compare_files(
    store: Store, old: Manifest, new: Manifest
) -> tuple[dict[str, pl.DataFrame], list[str]]:
    """Return the differences of each changed data file, and notes on those not compared."""
    found: dict[str, pl.DataFrame] = {}
    notes: list[str] = []
    for name in sorted({entry.name for m in (old, new) for entry in data_files(m)}):
        before, after = _last_entries(old).get(name), entry_named(new, name)
        if before is None or after is None:
            what = "new" if before is None else "gone"
            notes.append(f"{name} is {what} at the source: there is nothing to compare it with.")
        elif before.sha256 != after.sha256:
            try:
                with vintages(store, new.source, before, after) as both:
                    part = differences.compare(*(observation_batches(path, name) for path in both))
                found[name] = part.select(pl.lit(name).alias("file"), pl.all())
            except BadData as error:
                notes.append(f"{name} was not compared. {error.what}")
    return found, notes


@contextmanager
def vintages(store: Store, source: str, before: Entry, after: Entry) -> Iterator[tuple[Path, Path]]:
    """Fetch two contents of one file; the local copies last as long as the block.

    Raises:
        StoreError: As `revise`.
    """
    with room_for((before.size, after.size), at_once=2), spool_folder() as folder:
        old, new = folder / "old", folder / "new"
        fetch_vintage(store, source, before, old)
        fetch_vintage(store, source, after, new)
        yield old, new


def _outputs(
    old: Generation,
    new: Generation,
    found: Mapping[str, pl.DataFrame],
    notes: Sequence[str],
    catalogue: Catalogue,
) -> tuple[dict[str, bytes], bytes]:
    """Return the Parquet files by name, and `revisions.json`."""
    parts = [NOTHING, *found.values()]
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
    frames = {"revisions": pl.concat(parts), "catalogue": catalogue.frame}
    if not frames["revisions"].is_empty():
        series = (
            differences.by_series(p).select(pl.lit(n).alias("file"), pl.all())
            for n, p in found.items()
        )
        frames["by_series"] = pl.concat(series).join(
            words, on="series_id", how="left", maintain_order="left"
        )
    # Files overlap (Current is the recent part of AllData): one observation is listed once.
    highlights = differences.highlights([part.drop("file") for part in parts], catalogue.frame)
    outputs = {f"{name}.parquet": parquet_bytes(f, metadata) for name, f in frames.items()}
    sums = [{name: e.sha256 for name, e in _last_entries(g.manifest).items()} for g in (old, new)]
    files = [
        {"file": name, "old_sha256": sums[0][name], "new_sha256": sums[1][name]}
        | differences.counts(part)
        | {"by_year": differences.by_year(part).to_dicts()}
        for name, part in found.items()
    ]
    return outputs, record(
        {
            "format": "bls-data-quest/revisions",
            "version": 2,
            "source": new.manifest.source,
            "sample": new.manifest.sample,
            **pair,
            "files": files,
            **{
                name: rows.with_columns(pl.col(pl.Decimal).cast(pl.String)).to_dicts()
                for name, rows in highlights.items()
            },
            "notes": notes,
        },
        outputs,
    )
