"""What a report holds its data file against: the release before, and the survey's complete file.

Either may be missing, bad, or too large to compare: then the report says so, and is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.lake.clock import time_text
from flows.lake.log import ManifestLog
from flows.lake.reader import fetch_vintage
from flows.lake.releases import release_before
from flows.observing import fetch_observations

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from flows.analytics.catalogue import Catalogue
    from flows.analytics.checks import Check
    from flows.analytics.release_changes import ReleaseChanges
    from flows.lake.manifest import Generation
    from flows.lake.model import Entry
    from flows.lake.store import Store

LARGEST_COMPARED = 64 << 20
"""Bytes of a file that a report compares with another one: about 3 s and 300 MB. A mirror run
compares files of any size, into `analytics/revisions/`."""


@dataclass(frozen=True, slots=True)
class SurveyFile:
    """A survey's data file, and the generation that it is of.

    Attributes:
        store: The lake.
        generation: The pinned one.
        entry: The data file.
        folder: For local copies.
    """

    store: Store
    generation: Generation
    entry: Entry
    folder: Path

    @property
    def source(self) -> str:
        """Its key, for example `bls/pr`."""
        return self.generation.manifest.source

    def fetch(self, entry: Entry, name: str) -> Path:
        """A local copy of a vintage; a publisher's name is no name for a local file."""
        target = self.folder / name
        fetch_vintage(self.store, self.source, entry, target)
        return target

    def observations(self, entry: Entry, name: str) -> pl.LazyFrame:
        """What a data file holds, from its table where there is one."""
        return fetch_observations(self.store, self.source, entry, self.folder / name)


def changes_since_release_before(
    survey: SurveyFile, profiled: pl.DataFrame, catalogue: Catalogue
) -> tuple[ReleaseChanges | None, Check, tuple[str, ...]]:
    """What the newest release changed, whether rows were lost, and why that is not known.

    Args:
        survey: The data file.
        profiled: Of it, as from `profile`.
        catalogue: The survey's series in words.

    Returns:
        The changes (None where there is nothing to compare), the check on lost rows, and what to
        note.

    Raises:
        StoreError: A vintage can't be read, or is not what its name says.
    """
    from flows.analytics.bad_data import BadData
    from flows.analytics.checks import advisory
    from flows.analytics.data_checks import KEPT, rows_kept
    from flows.analytics.release_changes import release_changes
    from flows.analytics.revisions import compare
    from flows.analytics.tables import observation_batches

    name = survey.entry.name
    found = release_before(ManifestLog(survey.store, survey.source), survey.generation, name)
    if found is None:
        why = f"no earlier release of {name} is in the lake"
    elif max(found[1].size, survey.entry.size) > LARGEST_COMPARED:
        why = f"{name} is over {LARGEST_COMPARED >> 20} MiB: see analytics/revisions/"
    else:
        generation, entry = found
        try:
            earlier = observation_batches(survey.fetch(entry, "before"), name)
            revisions = compare(
                earlier, observation_batches(survey.fetch(survey.entry, "now"), name)
            )
        except BadData as error:
            why = f"generation {generation.manifest.generation}: {error.what}"
        else:
            changes = release_changes(
                revisions,
                profiled,
                catalogue,
                before=generation.manifest.generation,
                committed=time_text(generation.manifest.committed),
            )
            rows = int(profiled.get_column("rows").sum())
            kept = rows_kept(name, changes.counts["removed"], rows, changes.before)
            return changes, kept, ()
    note = f"What the newest release revised: {why}."
    return None, advisory(KEPT, name, why, passed=None), (note,)


def agreement_with_complete_file(survey: SurveyFile, observations: pl.LazyFrame) -> Check:
    """Whether the data file is the recent part of the survey's complete one.

    Args:
        survey: The data file.
        observations: Of it, as from `read_observations`.

    Raises:
        StoreError: A vintage can't be read, or is not what its name says.
    """
    from flows.analytics.bad_data import BadData
    from flows.analytics.checks import advisory
    from flows.analytics.data_checks import AGREES, agrees_with_complete

    name, manifest = survey.entry.name, survey.generation.manifest
    complete = next((e for e in manifest.files if e.name.endswith(".AllData")), None)
    if complete is None or complete.name == name:
        why = "the survey has no other file that holds all its data"
    elif max(complete.size, survey.entry.size) > LARGEST_COMPARED:
        why = f"{complete.name} or {name} is over {LARGEST_COMPARED >> 20} MiB"
    else:
        try:
            whole = survey.observations(complete, "complete")
        except BadData as error:
            why = error.what
        else:
            return agrees_with_complete(name, observations, complete.name, whole)
    return advisory(AGREES, name, why, passed=None)
