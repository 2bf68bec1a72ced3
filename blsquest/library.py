"""The public API: read a lake."""

from __future__ import annotations

from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from blsquest.analytics.periods import period_code
from blsquest.core.clock import utcnow
from blsquest.core.errors import Misuse
from blsquest.core.source import POPULATION
from blsquest.lake.as_of import as_of_from, check_known
from blsquest.lake.keys import vintage_key
from blsquest.lake.log import ManifestLog, held_surveys
from blsquest.lake.manifest import diff
from blsquest.lake.reader import entry_named, fetch_vintage
from blsquest.lake.stores import open_directory, open_store
from blsquest.lake.stores.s3_options import S3Options
from blsquest.products.catalogue import data_entry, find_series, generations_of, survey_of_series
from blsquest.products.question import Request
from blsquest.products.report import answers_at, read_answers
from blsquest.products.report_folders import pin
from blsquest.sources.config import source_named

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    import polars as pl

    from blsquest.lake.as_of import AsOf
    from blsquest.lake.manifest import Generation
    from blsquest.lake.stores.base import Store

    AsOfLike = str | int | date | None


class Lake:
    """A lake, to read. Opening it sends no request; each method reads only what it needs.

    A survey is named by its folder at BLS (`pr`), the population `census`. A state is named by
    `as_of`: a date (its end in UTC), an aware time, a generation's number, or text that says one of
    these; None means the newest. Frames are polars'. Times are in UTC, sizes in bytes. Every file
    that is read is checked against its hash.

    Args:
        where: A path or `s3://bucket/prefix`.
        key: Access key id, with its `secret` and, if temporary, `token`; without one, credentials
            come from the environment as for boto3, or from a `profile` of the AWS configuration.
        region: The bucket's region.
        endpoint_url: URL of another server that speaks S3.

    Raises:
        Misuse: It is no such address. All errors of the library are `QuestError`s, which say what
            happened and what to do.
    """

    def __init__(
        self,
        where: str | Path,
        *,
        key: str | None = None,
        secret: str | None = None,
        token: str | None = None,
        profile: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
    ) -> None:
        options = S3Options(key, secret, token, profile, region, endpoint_url)
        store = open_directory(where) if isinstance(where, Path) else open_store(where, options)
        if store is None:
            raise Misuse(f"{where!r} names no lake.", "Write ./lake or s3://bucket/prefix.")
        self.store: Store = store

    def __repr__(self) -> str:
        return f"Lake({self.store.url!r})"

    def surveys(self) -> list[str]:
        """Return the codes of the surveys that the lake holds: one LIST."""
        return held_surveys(self.store)

    def generations(self, survey: str) -> pl.DataFrame:
        """Return all generations of a survey, the oldest first: a LIST, and a GET each.

        Columns: `generation, committed, files, bytes, added, returned, changed, restamped, removed,
        sample, manifest_sha256`; the five counts compare it with the state before.
        """
        import polars as pl

        rows, before = [], None
        for generation in generations_of(self.store, source_named(survey)):
            now = generation.manifest
            changes: list[str] = [change.change for change in diff(before, now)]
            kinds = ("added", "returned", "changed", "restamped", "removed")
            rows.append(
                {
                    "generation": now.generation,
                    "committed": now.committed,
                    "files": len(now.files),
                    "bytes": sum(entry.size for entry in now.files),
                    **{kind: changes.count(kind) for kind in kinds},
                    "sample": now.sample,
                    "manifest_sha256": generation.sha256,
                }
            )
            before = now
        return pl.DataFrame(rows)

    def state(self, as_of: AsOfLike = None, *, survey: str = "pr") -> dict[str, int]:
        """Return the generations of a survey and the population that a report at `as_of` pins.

        For example `{"pr": 12, "census": 3}`; `{"cu": 5}` for a survey whose report needs no
        population.
        """
        pinned = pin(self.store, Request(survey).spelled_out(), _meant(as_of), now=utcnow())
        found = {survey: pinned.survey.manifest.generation}
        if pinned.population is not None:
            found[POPULATION] = pinned.population.manifest.generation
        return found

    def files(self, survey: str, as_of: AsOfLike = None) -> pl.DataFrame:
        """Return the files of one state.

        Columns: `name, bytes, sha256, identity, stamp, last_modified, first_seen, key`. `identity`
        decides whether content changed (for the population, the hash of a canonical form); `key` is
        the immutable object that has the bytes.
        """
        import polars as pl

        manifest = self._at(survey, as_of).manifest
        rows = [
            asdict(e) | {"bytes": e.size, "key": vintage_key(manifest.source, e.name, e.sha256)}
            for e in manifest.files
        ]
        return pl.DataFrame(rows, schema_overrides={"last_modified": pl.String}).select(
            *("name", "bytes", "sha256", "identity", "stamp", "last_modified", "first_seen", "key")
        )

    def download(self, survey: str, name: str, target: str | Path, as_of: AsOfLike = None) -> Path:
        """Copy one file of one state to `target`, exactly as the publisher sent it.

        Raises:
            Misuse: That state has no such file, or the target can't be written.
        """
        manifest = self._at(survey, as_of).manifest
        entry = entry_named(manifest, name)
        if entry is None:
            raise Misuse(
                f"Generation {manifest.generation} of {manifest.source} has no file {name}.",
                f"It has: {', '.join(each.name for each in manifest.files)}.",
            )
        try:
            fetch_vintage(self.store, manifest.source, entry, Path(target))
        except (OSError, ValueError) as error:  # ValueError: a null character in it
            why = getattr(error, "strerror", None) or error
            raise Misuse(f"{target} can't be written: {why}.", "Name another file.") from error
        return Path(target)

    def observations(
        self, survey: str, as_of: AsOfLike = None, *, data_file: str | None = None
    ) -> pl.LazyFrame:
        """Return the observations of one state.

        Columns: `series_id, year, period, value, footnote_codes, decimals`. Values are exact
        decimals; None where the publisher gives none; `decimals` is the number of decimals
        published (1 for -7.0). The file is copied to a temporary folder, which is removed with this
        object.

        `data_file` is by default the survey's main one: its `data.0.Current`, say.
        """
        from blsquest.products.observations import fetch_observations

        manifest = self._at(survey, as_of).manifest
        entry = data_entry(manifest, data_file, self.store)
        return fetch_observations(
            self.store, manifest.source, entry, Path(self._folder.name, entry.sha256)
        )

    def population(self, as_of: AsOfLike = None) -> pl.DataFrame:
        """Return the US population: `year, population`."""
        from blsquest.products.report_content import read_census

        return read_census(self.store, self._at(POPULATION, as_of)).frame

    def series(
        self, survey: str, as_of: AsOfLike = None, *, words: str | Iterable[str] = ()
    ) -> pl.DataFrame:
        """Return the catalogue of a survey: `series_id, title, unit`, and its codes in words.

        With `words`, only series whose title, unit or id hold all of them.
        """
        wanted = [words] if isinstance(words, str) else list(words)
        return find_series(self.store, self._at(survey, as_of).manifest, wanted)

    def history(
        self,
        series_id: str,
        year: int | None = None,
        period: str | None = None,
        *,
        survey: str | None = None,
        data_file: str | None = None,
    ) -> pl.DataFrame:
        """Return every value that one observation ever had, the oldest first.

        Columns: `value, footnotes, notes, since, until, generation, released, present`; `notes` are
        the footnotes in words, `until` is None for now, and `present` False for an observation that
        was removed.

        The default observation is the series' newest value, of the finest periods that it has: the
        newest month of a monthly series. The default survey is the lake's whose code the id begins
        with; the default data file is its main one, else the one with most of the series.
        """
        import polars as pl

        from blsquest.products.history import trace

        source = source_named(survey or survey_of_series(self.store, series_id))
        period = period_code(period) if period else None
        found, _ = trace(self.store, source, data_file, series_id, year, period)
        names = ("value", "footnotes", "notes", "since", "until", "generation", "released")
        return pl.DataFrame(
            [
                {name: getattr(value, name) for name in (*names, "present")}
                for value in found.values
            ],
            schema_overrides={"value": pl.Decimal(38, 9), "until": pl.Datetime("us", "UTC")},
        )

    def revisions(
        self, survey: str, until: AsOfLike = None, *, since: AsOfLike = None
    ) -> pl.DataFrame:
        """Return the changes from state `since` to `until`: a row for each value that differs.

        By default `until` is the newest state, and `since` the generation before `until`.
        """
        from blsquest.products.revisions import changed_observations

        later = self._at(survey, until)
        earlier = None if since is None else self._at(survey, since)
        return changed_observations(self.store, later, earlier)

    def report(
        self, survey: str = "pr", as_of: AsOfLike = None, **question: Any
    ) -> dict[str, pl.DataFrame]:
        """Return a report's answers by name.

        They are `best_year, bls_census_stats, population_statistics, series_population, latest`,
        `catalogue` and `checks`. By default they are read from the newest report; with `as_of` or
        any question arguments (`series, period, first_year, last_year, data_file, ddof`, and
        `pairs` like "PRS30006092:Q01") they are computed. Nothing is written.
        """
        if as_of is None and not question:
            return read_answers(self.store, survey)
        return answers_at(self.store, Request(survey, **question), _meant(as_of))

    def _at(self, survey: str, as_of: AsOfLike) -> Generation:
        log, meant = ManifestLog(self.store, source_named(survey)), _meant(as_of)
        if meant is None:
            return log.newest()
        check_known(meant, now=utcnow())
        return log.as_of(meant)

    @cached_property
    def _folder(self) -> TemporaryDirectory[str]:
        return TemporaryDirectory(prefix="bls-data-quest-")


def _meant(as_of: AsOfLike) -> AsOf | None:
    return None if as_of is None else as_of_from(as_of)
