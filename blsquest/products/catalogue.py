"""A survey's data files, and its series in words, of one generation of the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blsquest.core.errors import BadData, Misuse
from blsquest.core.source import main_data_file, survey_of
from blsquest.lake.reader import entry_named, fetch_vintage
from blsquest.lake.spool import spool_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import polars as pl

    from blsquest.analytics.catalogue import Catalogue
    from blsquest.lake.manifest import Entry, Manifest
    from blsquest.lake.stores.base import Store


LARGEST = 256 << 20
"""Bytes of the largest file that a catalogue is made of; it takes three times that in memory. Only
surveys of millions of series have larger ones."""


def data_prefix(survey: str) -> str:
    """Return what the names of a survey's data files begin with."""
    return f"{survey}.data."


def data_files(manifest: Manifest) -> list[Entry]:
    """Return a generation's data files, which BLS's naming convention tells from code tables."""
    prefix = data_prefix(survey_of(manifest.source))
    return [entry for entry in manifest.files if entry.name.startswith(prefix)]


def data_entry(manifest: Manifest, name: str | None = None) -> Entry:
    """Return a survey's data file: the one named, else its main one (see `main_data_file`).

    Raises:
        Misuse: The generation has no such data file, or none that is the main one; names those it
            has.
    """
    prefix = data_prefix(survey_of(manifest.source))
    offered = {entry.name: entry for entry in data_files(manifest)}
    chosen = name or main_data_file(prefix, offered)
    if chosen not in offered:
        lack = f"has no data file {chosen or prefix + '*'}"
        if chosen is None and offered:
            lack = f"has {len(offered)} data files, and nothing says which of them is the whole"
        raise Misuse(
            f"Generation {manifest.generation} of {manifest.source} {lack}.",
            f"Name one with --data-file: {', '.join(offered) or 'it has no data file at all'}.",
        )
    return offered[chosen]


def catalogue_of(store: Store, manifest: Manifest) -> Catalogue:
    """Read a survey's series in words from the code tables of a generation.

    Where they don't follow the convention, are too large, or can't be read, the catalogue is empty
    and its notes say why: no code table keeps a report from being made.

    Raises:
        StoreError: A vintage can't be read, or is not what its name says.
    """
    from polars.exceptions import PanicException, PolarsError

    from blsquest.analytics.catalogue import empty_catalogue, read_catalogue

    survey, data = survey_of(manifest.source), data_files(manifest)
    series = entry_named(manifest, f"{survey}.series")
    if series is not None and series.size > LARGEST:
        return empty_catalogue(f"{series.name} is over {LARGEST >> 20} MiB")
    with spool_folder() as folder:
        files: dict[str, Path] = {}
        for number, entry in enumerate(manifest.files):
            if entry.size <= LARGEST and entry not in data:
                # A publisher's name is no name for a local file.
                files[entry.name] = folder / str(number)
                fetch_vintage(store, manifest.source, entry, files[entry.name])
        try:
            return read_catalogue(survey, files)
        except BadData as error:
            return empty_catalogue(str(error))
        except (PolarsError, PanicException) as error:
            return empty_catalogue(f"they can't be made of its files ({type(error).__name__})")


def find_series(store: Store, manifest: Manifest, words: Sequence[str] = ()) -> pl.DataFrame:
    """Return the catalogue's series whose title, unit or id hold all words, in any order and case.

    Raises:
        StoreError: As `catalogue_of`.
    """
    import polars as pl

    described = pl.concat_str("series_id", "title", "unit", separator=" ", ignore_nulls=True)
    text = described.str.to_lowercase()
    wanted = [text.str.contains(word, literal=True) for word in " ".join(words).lower().split()]
    return catalogue_of(store, manifest).frame.filter(
        pl.all_horizontal(pl.lit(value=True), *wanted)
    )
