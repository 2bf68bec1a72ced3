"""A survey in a lake: its generations, its data files, its series in words."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from blsquest.core.errors import BadData, Missing, Misuse
from blsquest.core.source import is_data_file, main_data_file, survey_of
from blsquest.core.text import shown
from blsquest.lake.keys import vintage_key
from blsquest.lake.log import ManifestLog, held_surveys
from blsquest.lake.reader import entry_named, fetch_vintage
from blsquest.lake.spool import room_for, spool_folder

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    import polars as pl

    from blsquest.analytics.catalogue import Catalogue
    from blsquest.lake.manifest import Entry, Generation, Manifest
    from blsquest.lake.stores.base import Store


LARGEST = 256 << 20
"""Bytes of the largest series file that is read whole; that takes three times as much memory. Only
surveys of millions of series have larger ones (ch, cs, fw, oe): of these a part is read, which
takes the memory of that part."""
LARGEST_TABLE = 16 << 20
"""Bytes of the largest code table; BLS's largest has 0.9 MB."""


READERS = 8
"""Manifests read at once: a long log on S3 is many small requests."""


def generations_of(store: Store, source: str) -> list[Generation]:
    """Return all generations of a source, in order: a LIST, and a GET each.

    Raises:
        Misuse: The lake has none.
        Corrupt: One is missing, or does not follow from the one before.
    """
    log = ManifestLog(store, source)
    numbers = log.generations()
    if not numbers:
        raise log.empty()
    with ThreadPoolExecutor(READERS, "manifests") as pool:
        found = list(pool.map(log.read, numbers))
    log.check_chain(found)
    return found


def survey_of_series(store: Store, series_id: str) -> str:
    """Return the lake's survey whose code a series id begins with: one LIST.

    Raises:
        Misuse: The lake holds no such survey; names those it holds.
    """
    held = held_surveys(store)
    meant = series_id.strip().lower()
    found = [code for code in held if meant.startswith(code)]
    if found:
        return max(found, key=len)
    code = meant[:2]
    mirror = f"blsquest mirror --survey {code}" if code.isascii() and code.isalnum() else ""
    raise Misuse(
        f"The lake {store.url} holds no survey that {shown(series_id)} could be of: it holds "
        f"{', '.join(held) or 'none'}.",
        f"Mirror it first ({mirror}), or name another with --survey."
        if len(code) > 1 and mirror
        else "A series' id begins with its survey's code: CUUR0000SA0 is of cu.",
    )


def data_prefix(survey: str) -> str:
    """Return the prefix of the names of a survey's data files."""
    return f"{survey}.data."


def data_files(manifest: Manifest) -> list[Entry]:
    """Return a generation's data files; BLS's naming convention separates them from code tables."""
    prefix = data_prefix(survey_of(manifest.source))
    return [entry for entry in manifest.files if is_data_file(prefix, entry.name)]


def data_entry(manifest: Manifest, name: str | None = None, store: Store | None = None) -> Entry:
    """Return a survey's data file: the one named, else its main one (see `main_data_file`).

    Raises:
        Misuse: The generation has no such data file, or none that is the main one; lists those it
            has, with the years and series of each where a store is given to look at them.
    """
    survey = survey_of(manifest.source)
    offered = {entry.name: entry for entry in data_files(manifest)}
    sizes = {entry.name: entry.size for entry in offered.values()}
    chosen = name or main_data_file(data_prefix(survey), sizes)
    if chosen in offered:
        return offered[chosen]
    at = f"Generation {manifest.generation} of {manifest.source}"
    if not offered:
        raise Misuse(
            f"{at} has no data file at all.",
            f"Its files are mirrored as they are; {data_prefix(survey)}* would be one.",
        )
    if chosen is None:
        lack = f"has {len(offered)} data files, and nothing says which of them is the whole"
    elif entry_named(manifest, chosen):
        lack = f"has no data file {chosen}: it is not a data file"
    else:
        other = chosen.partition(".")[0]
        theirs = is_data_file(data_prefix(other), chosen) and other != survey
        lack = f"has no data file {chosen}" + f": that is of the survey {other}" * theirs
    raise Misuse(f"{at} {lack}.", f"Name one with --data-file: {listed(manifest, store)}.")


def listed(manifest: Manifest, store: Store | None = None) -> str:
    """List a generation's data files for a person, in lines, each with its years and series.

    Without a store, only their names, in one line.
    """
    entries = data_files(manifest)
    if store is None:
        return ", ".join(entry.name for entry in entries)
    from blsquest.products.observations import spans

    described = zip(entries, spans(store, manifest.source, entries), strict=True)
    return "".join(f"\n  {entry.name} ({span})" for entry, span in described)


def catalogue_of(store: Store, manifest: Manifest, shown: Collection[str] = ()) -> Catalogue:
    """Read a survey's series in words from the code tables of a generation.

    Only the files that the series file's columns need are read. If they don't follow the
    convention or can't be read, the catalogue is empty and its notes say why: no code table
    prevents a report. Of a series file over `LARGEST` only the series in `shown` are read.

    Raises:
        StoreError: A vintage can't be read, or is not what its name says.
    """
    if _series_size(manifest) <= LARGEST:
        return _read(store, manifest)
    from blsquest.analytics.catalogue import empty_catalogue

    note = f"the series file is over {LARGEST >> 20} MiB"
    if not shown:
        return replace(empty_catalogue(f"{note}, and no single series is asked for"), whole=False)
    found = _read(store, manifest, series=shown)
    return replace(found, notes=(f"{note}: only those shown are in words", *found.notes))


def find_series(store: Store, manifest: Manifest, words: Sequence[str] = ()) -> pl.DataFrame:
    """Return the catalogue's series whose title, unit or id hold all words, in any order and case.

    Of a series file over `LARGEST` only the ids and the survey's own titles are searched.

    Raises:
        Misuse: The series file is over `LARGEST`, and there are no words.
        StoreError: As `catalogue_of`.
    """
    from blsquest.analytics.catalogue import holding

    size, wanted = _series_size(manifest), " ".join(words).split()
    if size > LARGEST and not wanted:
        raise Misuse(
            f"The series file of {manifest.source} has {size:,} bytes: that is millions of series.",
            "Name words that are in the titles of those you mean.",
        )
    found = _read(store, manifest, words=wanted if size > LARGEST else ())
    return found.frame.filter(holding(wanted))


def _series_size(manifest: Manifest) -> int:
    series = entry_named(manifest, f"{survey_of(manifest.source)}.series")
    return series.size if series else 0


def _read(
    store: Store,
    manifest: Manifest,
    *,
    series: Collection[str] | None = None,
    words: Sequence[str] = (),
) -> Catalogue:
    """Read the catalogue from the files that it needs."""
    from polars.exceptions import PanicException, PolarsError

    from blsquest.analytics.catalogue import empty_catalogue, read_catalogue
    from blsquest.analytics.code_tables import (
        LONGEST_HEADER,
        columns_of,
        read_header,
        tables_for,
    )

    survey, data = survey_of(manifest.source), data_files(manifest)
    small = {e.name: e for e in manifest.files if e.size <= LARGEST_TABLE and e not in data}

    def header(name: str) -> list[str]:
        key = vintage_key(manifest.source, name, small[name].sha256)
        try:
            with store.open(key) as body:
                return columns_of(body.readline(LONGEST_HEADER), name)
        except Missing as error:
            raise BadData(f"{key} is gone.", "Restore it from a backup.") from error

    with room_for([_series_size(manifest)], at_once=1), spool_folder() as folder:
        files: dict[str, Path] = {}

        def fetch(entry: Entry) -> None:
            # A publisher's name is no name for a local file.
            files[entry.name] = folder / str(len(files))
            fetch_vintage(store, manifest.source, entry, files[entry.name])

        try:
            for name in (f"{survey}.series", f"{survey}.footnote"):
                if (entry := entry_named(manifest, name)) is not None:
                    fetch(entry)
            if f"{survey}.series" in files:
                columns = read_header(files[f"{survey}.series"], f"{survey}.series")
                tables = tables_for(survey, columns, small.keys(), header)
                for table in sorted({*tables.values()}):
                    fetch(small[table])
            return read_catalogue(survey, files, series=series, words=words)
        except BadData as error:
            return empty_catalogue(str(error))
        except (PolarsError, PanicException) as error:
            return empty_catalogue(f"they can't be made of its files ({type(error).__name__})")
