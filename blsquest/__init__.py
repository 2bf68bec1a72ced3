"""Read a lake of BLS time series from Python: `from blsquest import Lake`.

    from blsquest import Lake

    lake = Lake("./lake")
    lake.observations("pr", as_of="2025-08-15").filter(year=2024).collect()

docs/library.md has an example for each method.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from blsquest.core.source import POPULATION, SURVEYS, source_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from pathlib import Path

    import polars as pl

    from blsquest.lake.manifest import Generation
    from blsquest.lake.stores.base import Store

    AsOfLike = str | int | date | None

__version__ = "0.1.0"
"""As in pyproject.toml; publishers see it in the User-Agent."""

__all__ = ["Lake", "__version__"]


class Lake:
    """A lake, to read. Opening it asks nobody anything; each method reads only what it needs.

    A survey is named by its folder at BLS (`pr`), the population `census`. A state is named by
    `as_of`: a date (its end in UTC), an aware time, a generation's number, or text that says one of
    these; None means the newest. Frames are polars'. Times are in UTC, sizes in bytes. Every file
    that is read is checked against its hash.

    Args:
        where: A path or `s3://bucket/prefix`.
        key: Access key id; without one, credentials come from the environment as for boto3.
        secret: Secret access key.
        token: Session token of temporary credentials.
        profile: A profile of the AWS configuration files.
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
        from pathlib import Path

        from blsquest.core.errors import Misuse
        from blsquest.lake.stores import open_directory, open_store

        if isinstance(where, Path):
            self.store: Store = open_directory(where)
            return
        from blsquest.lake.stores.s3_client import S3Options

        options = S3Options(key, secret, token, profile, region, endpoint_url)
        store = open_store(where, options)
        if store is None:
            raise Misuse(f"{where!r} names no lake.", "Write ./lake or s3://bucket/prefix.")
        self.store = store

    def __repr__(self) -> str:
        return f"Lake({self.store.url!r})"

    def surveys(self) -> list[str]:
        """Return the codes of the surveys that the lake holds. One LIST."""
        from blsquest.lake.keys import manifest_folder

        return sorted(self.store.folders(manifest_folder(SURVEYS)))

    def generations(self, survey: str) -> pl.DataFrame:
        """Return every state that a survey was ever in, the oldest first: a LIST, a GET each.

        Columns: `generation, committed, files, bytes, added, changed, restamped, removed, sample,
        manifest_sha256`; the four counts say how it differs from the state before.
        """
        import polars as pl

        from blsquest.lake.manifest import diff
        from blsquest.products.history import generations_of

        rows, before = [], None
        for generation in generations_of(self.store, source_of(survey)):
            manifest = generation.manifest
            changes: list[str] = [change.change for change in diff(before, manifest)]
            kinds = ("added", "changed", "restamped", "removed")
            rows.append(
                {
                    "generation": manifest.generation,
                    "committed": manifest.committed,
                    "files": len(manifest.files),
                    "bytes": sum(entry.size for entry in manifest.files),
                    **{kind: changes.count(kind) for kind in kinds},
                    "sample": manifest.sample,
                    "manifest_sha256": generation.sha256,
                }
            )
            before = manifest
        return pl.DataFrame(rows)

    def state(self, as_of: AsOfLike = None, *, survey: str = "pr") -> dict[str, int]:
        """Return the generations of a survey and the population that a report as of then pins.

        For example `{"pr": 12, "census": 3}`.
        """
        from blsquest.lake.as_of import as_of_from
        from blsquest.products.report import pinned_at

        moment = None if as_of is None else as_of_from(as_of)
        pinned = pinned_at(self.store, survey, moment)
        return {
            survey: pinned.survey.manifest.generation,
            "census": pinned.population.manifest.generation,
        }

    def files(self, survey: str, as_of: AsOfLike = None) -> pl.DataFrame:
        """Return the files of one state.

        Columns: `name, bytes, sha256, identity, stamp, last_modified, first_seen, key`. `identity`
        decides whether content changed (for the population, the hash of a canonical form); `key` is
        the immutable object that has the bytes.
        """
        import polars as pl

        from blsquest.lake.keys import vintage_key

        manifest = self._at(survey, as_of).manifest
        return pl.DataFrame(
            [
                {
                    "name": entry.name,
                    "bytes": entry.size,
                    "sha256": entry.sha256,
                    "identity": entry.identity,
                    "stamp": entry.stamp,
                    "last_modified": entry.last_modified,
                    "first_seen": entry.first_seen,
                    "key": vintage_key(manifest.source, entry.name, entry.sha256),
                }
                for entry in manifest.files
            ],
            schema_overrides={"last_modified": pl.String},
        )

    def download(self, survey: str, name: str, target: str | Path, as_of: AsOfLike = None) -> Path:
        """Copy one file of one state to `target`, exactly as the publisher sent it.

        Raises:
            Misuse: That state has no such file.
        """
        from pathlib import Path

        from blsquest.core.errors import Misuse
        from blsquest.lake.reader import entry_named, fetch_vintage

        manifest = self._at(survey, as_of).manifest
        entry = entry_named(manifest, name)
        if entry is None:
            raise Misuse(
                f"Generation {manifest.generation} of {manifest.source} has no file {name}.",
                f"It has: {', '.join(each.name for each in manifest.files)}.",
            )
        fetch_vintage(self.store, manifest.source, entry, Path(target))
        return Path(target)

    def observations(
        self, survey: str, as_of: AsOfLike = None, *, data_file: str | None = None
    ) -> pl.LazyFrame:
        """Return the observations of one state: `series_id, year, period, value, footnote_codes`.

        Values are exact decimals; None where the publisher gives none. The file is copied to a
        temporary folder, which goes with this object.

        Args:
            survey: For example `pr`.
            as_of: See the class.
            data_file: By default the survey's `data.0.Current`, else its first data file.
        """
        from pathlib import Path

        from blsquest.products.catalogue import data_entry
        from blsquest.products.tables import fetch_observations

        generation = self._at(survey, as_of)
        entry = data_entry(generation.manifest, data_file)
        local = Path(self._folder.name, entry.sha256)
        return fetch_observations(self.store, generation.manifest.source, entry, local)

    def population(self, as_of: AsOfLike = None) -> pl.DataFrame:
        """Return the US population: `year, population`."""
        from blsquest.analytics.observations import population_frame
        from blsquest.products.report_inputs import read_census

        return population_frame(read_census(self.store, self._at(POPULATION, as_of)).counts)

    def series(
        self, survey: str, as_of: AsOfLike = None, *, words: Iterable[str] = ()
    ) -> pl.DataFrame:
        """Return the catalogue of a survey: `series_id, title, unit`, and its codes in words.

        Args:
            survey: For example `pr`.
            as_of: See the class.
            words: Only series whose title, unit or id hold all of these.
        """
        from blsquest.products.catalogue import find_series

        return find_series(self.store, self._at(survey, as_of).manifest, list(words))

    def history(
        self,
        series_id: str,
        year: int,
        period: str,
        *,
        survey: str | None = None,
        data_file: str | None = None,
    ) -> pl.DataFrame:
        """Return every value that one observation ever had, the oldest first.

        Columns: `value, footnotes, since, until, generation, released, present`; `until` is None
        for now, and `present` False for an observation that was removed.

        Args:
            series_id: For example `PRS30006032`.
            year: Its calendar year.
            period: For example `Q01`.
            survey: By default the one whose code the series id begins with.
            data_file: By default the survey's `data.0.Current`.
        """
        import polars as pl

        from blsquest.products.history import trace

        survey = survey or series_id[:2].lower()
        file = data_file or f"{survey}.data.0.Current"
        found, _ = trace(self.store, source_of(survey), file, series_id, year, period)
        names = ("value", "footnotes", "since", "until", "generation", "released", "present")
        return pl.DataFrame(
            [{name: getattr(value, name) for name in names} for value in found.values],
            schema_overrides={"value": pl.Decimal(38, 9), "until": pl.Datetime("us", "UTC")},
        )

    def revisions(
        self, survey: str, until: AsOfLike = None, *, since: AsOfLike = None
    ) -> pl.DataFrame:
        """Return what one state changed of another: a row for each value that differs.

        Args:
            survey: For example `pr`.
            until: The later state; by default the newest.
            since: The earlier one; by default the generation before.
        """
        from blsquest.products.revisions import changed_observations

        later = self._at(survey, until)
        earlier = None if since is None else self._at(survey, since)
        return changed_observations(self.store, later, earlier)

    def report(
        self, survey: str = "pr", as_of: AsOfLike = None, **question: Any
    ) -> dict[str, pl.DataFrame]:
        """Return a report's answers by name.

        They are `best_year, bls_census_stats, population_statistics, series_population`,
        `catalogue` and `checks`: read from beside the newest `report.json`, or with `as_of` or a
        question, worked out anew; nothing is written.

        Args:
            survey: For example `pr`.
            as_of: See the class.
            question: Other than the usual one: `series, period, first_year, last_year, data_file,
                pairs, ddof`.
        """
        from blsquest.lake.as_of import as_of_from
        from blsquest.products.question import Request
        from blsquest.products.report import answers_at, read_answers

        if as_of is None and not question:
            return read_answers(self.store, survey)
        moment = None if as_of is None else as_of_from(as_of)
        return answers_at(self.store, Request(survey, **question), moment)

    def _at(self, survey: str, as_of: AsOfLike) -> Generation:
        from blsquest.core.clock import utcnow
        from blsquest.lake.as_of import as_of_from, check_known
        from blsquest.lake.log import ManifestLog

        log = ManifestLog(self.store, source_of(survey))
        if as_of is None:
            return log.newest()
        meant = as_of_from(as_of)
        check_known(meant, now=utcnow())
        return log.as_of(meant)

    @cached_property
    def _folder(self) -> Any:
        from tempfile import TemporaryDirectory

        return TemporaryDirectory(prefix="bls-data-quest-")
