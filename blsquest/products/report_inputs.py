"""Gather what a report is made from: its data file, the release before, the population.

The data file and the population must be whole, or there is no report. What they are compared with
may be missing, bad, or too large: then the report says so, and is made.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blsquest.core.clock import time_text
from blsquest.core.errors import Misuse, Refused
from blsquest.lake.log import ManifestLog, release_before
from blsquest.lake.reader import entry_named, fetch_vintage
from blsquest.lake.spool import spool_folder
from blsquest.products.catalogue import catalogue_of, data_entry
from blsquest.products.tables import fetch_observations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import polars as pl

    from blsquest.analytics.answers import Question
    from blsquest.analytics.catalogue import Catalogue
    from blsquest.analytics.checks import Check
    from blsquest.analytics.release_changes import ReleaseChanges
    from blsquest.analytics.report.content import Content
    from blsquest.lake.manifest import Entry, Generation
    from blsquest.lake.stores.base import Store
    from blsquest.products.question import Request
    from blsquest.products.report_folders import Pinned
    from blsquest.sources.population import Population


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
    from blsquest.analytics.checks import KEPT, advisory, rows_kept
    from blsquest.analytics.observations import observation_batches
    from blsquest.analytics.release_changes import release_changes
    from blsquest.analytics.revisions import compare
    from blsquest.core.errors import BadData

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
    from blsquest.analytics.checks import AGREES, advisory, agrees_with_complete
    from blsquest.core.errors import BadData

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


POPULATION_FILE = "census.json"


def gather(store: Store, pinned: Pinned, asked: Request) -> Content:
    """Read the pinned state, answer, and check.

    Args:
        store: The lake.
        pinned: The state.
        asked: Spelled out.

    Raises:
        Misuse: The state has no such file or series.
        Refused: The data does not hold what an answer needs, or a required check failed.
        Corrupt: A vintage is not what its name says.
    """
    census = _census_entry(pinned.population)
    with _survey_file(store, pinned, asked) as survey:
        population = read_census(store, pinned.population)
        return _content(survey, population, pinned, census, asked)


def check_inputs(store: Store, pinned: Pinned, asked: Request) -> None:
    """Look for the file, the years and, in a file of up to `LARGEST_COMPARED`, the series.

    Raises:
        QuestError: As `gather`.
    """
    from blsquest.analytics.answers import join_pairs
    from blsquest.analytics.observations import population_frame
    from blsquest.analytics.questions import check_years

    with _survey_file(store, pinned, asked) as survey:
        population = read_census(store, pinned.population)
        people = population_frame(population.counts)
        check_years(people, asked.first_year, asked.last_year, estimate=population.estimate)
        pairs = _question(asked).all_pairs()
        if pairs and survey.entry.size <= LARGEST_COMPARED:
            join_pairs(survey.observations(survey.entry, "data"), people, pairs)


@contextmanager
def _survey_file(store: Store, pinned: Pinned, asked: Request) -> Iterator[SurveyFile]:
    """Open the data file that is asked for; what is wrong with it or the question is refused."""
    from blsquest.core.errors import BadData

    entry = data_entry(pinned.survey.manifest, asked.data_file)
    with spool_folder() as folder:
        try:
            yield SurveyFile(store, pinned.survey, entry, folder)
        except BadData as error:
            stays = "Nothing was written; the last good report stays."
            named = any(name in error.what for name in (entry.name, POPULATION_FILE))
            what = error.what if named else f"{entry.name}: {error.what}"
            raise Refused(what, f"{error.remedy} {stays}".strip()) from error


def _question(asked: Request) -> Question:
    from blsquest.analytics.answers import Question

    return Question(
        asked.first_year,
        asked.last_year,
        asked.series,
        asked.period,
        asked.split_pairs(),
        asked.ddof,
    )


def read_census(store: Store, generation: Generation) -> Population:
    """Read the population of one generation.

    Raises:
        Misuse: It has no payload.
        Refused: The payload makes no sense.
        StoreError: The storage failed, or the vintage is not what its name says.
    """
    from blsquest.sources.population import read_population

    with spool_folder() as folder:
        payload = folder / POPULATION_FILE
        source = generation.manifest.source
        fetch_vintage(store, source, _census_entry(generation), payload)
        return read_population(payload.read_bytes(), required_years=())


def _census_entry(generation: Generation) -> Entry:
    census = entry_named(generation.manifest, POPULATION_FILE)
    if census is None:
        raise Misuse(
            f"The lake's population has no {POPULATION_FILE} at that moment.",
            "Ask for another moment, or bring it up to date: blsquest population",
        )
    return census


def _content(
    survey: SurveyFile, population: Population, pinned: Pinned, census: Entry, asked: Request
) -> Content:
    from blsquest.analytics.answers import answer
    from blsquest.analytics.checks import (
        answer_checks,
        layout_checks,
        population_checks,
        profile,
        require,
        series_catalogued,
        values_in_range,
        years_contiguous,
    )
    from blsquest.analytics.observations import population_frame
    from blsquest.analytics.questions import check_years
    from blsquest.analytics.report.content import SAMPLE, Content

    name, people = survey.entry.name, population_frame(population.counts)
    sample = pinned.population.manifest.sample
    estimate = f"{population.estimate}, {SAMPLE}" if sample else population.estimate
    # Before more is read: what can't be answered is told soon.
    check_years(people, asked.first_year, asked.last_year, estimate=estimate)
    require(of_people := population_checks(POPULATION_FILE, people, estimate))
    observations = survey.observations(survey.entry, "data")
    answers = answer(observations, people, estimate, _question(asked))
    profiled = profile(observations)
    required = [
        *layout_checks(name, profiled),
        *of_people,
        *answer_checks(answers, profiled),
    ]
    require(required)
    catalogue = catalogue_of(survey.store, survey.generation.manifest)
    changes, kept, why = changes_since_release_before(survey, profiled, catalogue)
    checks = (
        *required,
        years_contiguous(name, profiled),
        values_in_range(name, profiled),
        series_catalogued(name, profiled, catalogue),
        agreement_with_complete_file(survey, observations),
        kept,
    )
    return Content(
        survey=asked.survey,
        sample=pinned.sample,
        inputs=_inputs(pinned, survey.entry, census, population),
        answers=answers.in_words(catalogue.frame),
        catalogue=catalogue.frame,
        checks=checks,
        changes=changes,
        notes=(*(f"Series in words: {note}" for note in catalogue.notes), *why),
    )


def _inputs(
    pinned: Pinned, entry: Entry, census: Entry, population: Population
) -> Mapping[str, dict[str, Any]]:
    inputs = pinned.inputs()
    for role, generation, file in (
        ("survey", pinned.survey, entry),
        ("population", pinned.population, census),
    ):
        inputs[role] |= {
            "committed": time_text(generation.manifest.committed),
            "sample": generation.manifest.sample,
            "file": file.name,
            "bytes": file.size,
            "sha256": file.sha256,
            "last_modified": file.last_modified,
        }
    inputs["population"] |= {"estimate": population.estimate, "dataset": population.dataset}
    return inputs
