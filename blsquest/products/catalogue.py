"""A survey's catalogue, read from one generation of the lake."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from blsquest.analytics.surveys import default_data_file
from blsquest.core.errors import Misuse
from blsquest.core.source import survey_of
from blsquest.lake.reader import entry_named, fetch_vintage

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from blsquest.analytics.catalogue import Catalogue
    from blsquest.lake.manifest import Entry, Manifest
    from blsquest.lake.stores.base import Store


LARGEST = 256 << 20
"""Bytes of the largest file that is read for it; a catalogue takes about three times its size in
memory. Only surveys of millions of series have larger series files."""


def catalogue_of(store: Store, manifest: Manifest) -> Catalogue:
    """The survey's series in words, as that generation's own files tell it.

    A survey whose files don't go by the convention, are too large, or can't be read, has an empty
    catalogue, with notes that say why: no code table keeps a report from being made.

    Raises:
        StoreError: A vintage can't be read, or is not what its name says.
    """
    from polars.exceptions import PanicException, PolarsError

    from blsquest.analytics.catalogue import empty_catalogue, read_catalogue
    from blsquest.core.errors import BadData

    survey = survey_of(manifest.source)
    wanted = [e for e in manifest.files if not e.name.startswith(data_prefix(survey))]
    large = [e.name for e in wanted if e.size > LARGEST]
    with TemporaryDirectory(prefix="bls-data-quest-") as folder:
        files: dict[str, Path] = {}
        for number, entry in enumerate(e for e in wanted if e.size <= LARGEST):
            # A publisher's name is no name for a local file.
            files[entry.name] = Path(folder, str(number))
            fetch_vintage(store, manifest.source, entry, files[entry.name])
        if f"{survey}.series" in large:
            return empty_catalogue(f"{survey}.series is over {LARGEST >> 20} MiB")
        try:
            return read_catalogue(survey, files)
        except BadData as error:
            return empty_catalogue(str(error))
        except (PolarsError, PanicException) as error:
            return empty_catalogue(f"they can't be made of its files ({type(error).__name__})")


def data_prefix(survey: str) -> str:
    """What the names of a survey's data files begin with."""
    return f"{survey}.data."


def data_entry(manifest: Manifest, name: str | None = None) -> Entry:
    """Return a survey's data file: the one named, else its `data.0.Current`, else its first.

    Raises:
        Misuse: The generation has no such data file; names those it has.
    """
    survey = survey_of(manifest.source)
    offered = [e.name for e in manifest.files if e.name.startswith(data_prefix(survey))]
    name = name or default_data_file(survey, offered)
    entry = entry_named(manifest, name)
    if entry is None or name not in offered:
        raise Misuse(
            f"Generation {manifest.generation} of {manifest.source} has no data file {name}.",
            f"Name one with --data-file: {', '.join(offered) or 'it has no data file at all'}.",
        )
    return entry


def find_series(store: Store, manifest: Manifest, words: Sequence[str] = ()) -> pl.DataFrame:
    """Return the catalogue's series whose title, unit or id hold all words.

    Args:
        store: The lake.
        manifest: The survey's.
        words: In any order and case.

    Raises:
        StoreError: A vintage can't be read, or is not what its name says.
    """
    import polars as pl

    frame = catalogue_of(store, manifest).frame
    described = pl.concat_str("series_id", "title", "unit", separator=" ", ignore_nulls=True)
    text = described.str.to_lowercase()
    wanted = [text.str.contains(word, literal=True) for word in " ".join(words).lower().split()]
    return frame.filter(pl.all_horizontal(pl.lit(value=True), *wanted))
