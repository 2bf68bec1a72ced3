"""A report's content: gather the inputs, answer, compare and check, render.

The data file and the population must be whole, or there is no report. What they are compared with
may be missing, bad, or too large: then the report says so, and is made. Imports polars.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blsquest.analytics import checks
from blsquest.analytics.answers import answer, join_pairs
from blsquest.analytics.observations import population_frame
from blsquest.analytics.parquet_table import parquet_bytes
from blsquest.analytics.questions import check_years
from blsquest.analytics.release_changes import release_changes
from blsquest.analytics.report.content import MOST, SAMPLE, Content, as_json
from blsquest.analytics.report.markdown import report_markdown
from blsquest.core.clock import time_text
from blsquest.core.errors import BadData, Misuse, Refused
from blsquest.lake.log import ManifestLog, release_before
from blsquest.lake.reader import entry_named, fetch_vintage
from blsquest.lake.spool import spool_folder
from blsquest.products.catalogue import catalogue_of, data_entry
from blsquest.products.record import record
from blsquest.products.report_folders import REPORT
from blsquest.products.revisions import compare_vintages
from blsquest.products.tables import fetch_observations
from blsquest.sources.population import Population, read_population

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import polars as pl

    from blsquest.analytics.answers import Answers
    from blsquest.analytics.catalogue import Catalogue
    from blsquest.analytics.checks import Check
    from blsquest.analytics.release_changes import ReleaseChanges
    from blsquest.lake.manifest import Entry, Generation
    from blsquest.lake.stores.base import Store
    from blsquest.products.question import Request
    from blsquest.products.report_folders import Pinned


POPULATION_FILE = "census.json"
LARGEST_COMPARED = 64 << 20
"""Bytes of a file that a report compares with another one: about 3 s and 300 MB. A mirror run
compares files of any size, into `analytics/revisions/`."""

UNITS = {
    "value": "a sum of the year's periods, or one period's value, in the unit of the series (unit)",
    "population": "people",
    "mean, std_sample, std_population, std": "people",
    "quarters": "periods that were summed",
}


# -- Gather ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Inputs:
    """The pinned state, as far as it is read, and the question, spelled out.

    The data file (`entry`) is read when it is needed; the population's file (`census`) is read, and
    `people` its `year, population`. Local copies go into `folder`.
    """

    store: Store
    pinned: Pinned
    asked: Request
    entry: Entry
    census: Entry
    population: Population
    people: pl.DataFrame
    folder: Path

    @property
    def estimate(self) -> str:
        """Which estimate the population is, and whether that is a generated sample."""
        sample = self.pinned.population.manifest.sample
        return f"{self.population.estimate}, {SAMPLE}" if sample else self.population.estimate

    def observations(self, entry: Entry, local: str) -> pl.LazyFrame:
        """Return what a data file of the survey holds, from its table where there is one.

        `local` names the copy: a publisher's name is no name for a local file.
        """
        source = self.pinned.survey.manifest.source
        return fetch_observations(self.store, source, entry, self.folder / local)

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Return what `report.json` says of them, by role."""
        inputs = self.pinned.inputs()
        for role, file in (("survey", self.entry), ("population", self.census)):
            inputs[role] |= {
                "file": file.name,
                "bytes": file.size,
                "sha256": file.sha256,
                "last_modified": file.last_modified,
            }
        known = {"estimate": self.population.estimate, "dataset": self.population.dataset}
        return inputs | {"population": inputs["population"] | known}


@contextmanager
def gather(store: Store, pinned: Pinned, asked: Request) -> Iterator[Inputs]:
    """Find the data file and read the population; local copies last as long as the block.

    Bad data that the block finds ends it as Refused, with the file's name.

    Raises:
        Misuse: The state has no such file, or lacks the years asked for.
        Refused: The population, or what the block reads, makes no sense.
        Corrupt: A vintage is not what its name says.
    """
    entry = data_entry(pinned.survey.manifest, asked.data_file, store)
    census, population = read_census(store, pinned.population)
    people = population_frame(population.counts)
    with spool_folder() as folder:
        inputs = Inputs(store, pinned, asked, entry, census, population, people, folder)
        try:
            check_years(people, asked.first_year, asked.last_year, estimate=inputs.estimate)
            yield inputs
        except BadData as error:
            stays = "Nothing was written; the last good report stays."
            named = any(name in error.what for name in (entry.name, POPULATION_FILE))
            what = error.what if named else f"{entry.name}: {error.what}"
            raise Refused(what, f"{error.remedy} {stays}".strip()) from error


def read_census(store: Store, generation: Generation) -> tuple[Entry, Population]:
    """Return the file of one generation of the population, and what it says.

    Raises:
        Misuse: There is no such file.
        Refused: It makes no sense.
        StoreError: The storage failed, or the vintage is not what its name says.
    """
    census = entry_named(generation.manifest, POPULATION_FILE)
    if census is None:
        raise Misuse(
            f"The lake's population has no {POPULATION_FILE} at that moment.",
            "Ask for another moment, or bring it up to date: blsquest population",
        )
    with spool_folder() as folder:
        fetch_vintage(store, generation.manifest.source, census, folder / POPULATION_FILE)
        payload = (folder / POPULATION_FILE).read_bytes()
    return census, read_population(payload, required_years=())


def check_pairs(inputs: Inputs) -> None:
    """Look for the series asked for, in a data file of up to `LARGEST_COMPARED`.

    Raises:
        NotInData: The data file has none of that name; names what comes nearest.
    """
    pairs = inputs.asked.question().all_pairs()
    if pairs and inputs.entry.size <= LARGEST_COMPARED:
        join_pairs(inputs.observations(inputs.entry, "data"), inputs.people, pairs)


# -- Answer ------------------------------------------------------------------------------------


def content_of(inputs: Inputs) -> Content:
    """Answer and check; what fails cheaply comes before what reads more.

    Raises:
        NotInData: The data file lacks what is asked for.
        BadData: The data does not hold what an answer needs, or a required check failed.
    """
    name, people, estimate = inputs.entry.name, inputs.people, inputs.estimate
    checks.require(of_people := checks.population_checks(POPULATION_FILE, people, estimate))
    observations = inputs.observations(inputs.entry, "data")
    answers = answer(observations, people, estimate, inputs.asked.question())
    profiled = checks.profile(observations)
    required = [
        *checks.layout_checks(name, profiled),
        *of_people,
        *checks.answer_checks(answers, profiled),
    ]
    checks.require(required)
    survey, population = inputs.pinned.survey.manifest, inputs.pinned.population.manifest
    catalogue = catalogue_of(inputs.store, survey, _shown(answers))
    changes, kept, notes = _changes_since_release_before(inputs, profiled, catalogue)
    made = (
        *required,
        checks.years_contiguous(name, profiled),
        checks.values_in_range(name, profiled),
        checks.series_catalogued(name, profiled, catalogue),
        _agreement_with_complete_file(inputs, observations),
        kept,
    )
    return Content(
        survey=inputs.asked.survey,
        sample=survey.sample or population.sample,
        inputs=inputs.as_dict(),
        answers=answers.in_words(catalogue.frame).with_footnotes(catalogue.footnotes),
        catalogue=catalogue.frame,
        checks=made,
        changes=changes,
        notes=(*(f"Series in words: {note}" for note in catalogue.notes), *notes),
    )


def _shown(answers: Answers) -> list[str]:
    """Return the series that the page and `report.json` show, where they can't show all."""
    asked = [series for series, _ in answers.question.all_pairs()]
    best = answers.best_year.get_column("series_id").head(MOST).to_list()
    return list(dict.fromkeys([*asked, *best]))


def _changes_since_release_before(
    inputs: Inputs, profiled: pl.DataFrame, catalogue: Catalogue
) -> tuple[ReleaseChanges | None, Check, tuple[str, ...]]:
    """Compare the data file, of which a profile was made, with its release before.

    Returns what was changed (None where there is nothing to compare), the check on lost rows, and
    notes on what is not known.
    """
    entry, survey = inputs.entry, inputs.pinned.survey
    log = ManifestLog(inputs.store, survey.manifest.source)
    found = release_before(log, survey, entry.name)
    if found is None:
        why = f"no earlier release of {entry.name} is in the lake"
    elif max(found[1].size, entry.size) > LARGEST_COMPARED:
        why = f"{entry.name} is over {LARGEST_COMPARED >> 20} MiB: see analytics/revisions/"
    else:
        before, rows = found[0].manifest, int(profiled.get_column("rows").sum())
        try:
            revisions = compare_vintages(inputs.store, log.source, found[1], entry)
        except BadData as error:
            why = f"generation {before.generation}: {error.what}"
        else:
            changes = release_changes(
                revisions,
                profiled,
                catalogue,
                before=before.generation,
                committed=time_text(before.committed),
            )
            lost = changes.counts["removed"]
            return changes, checks.rows_kept(entry.name, lost, rows, before.generation), ()
    note = f"What the newest release revised: {why}."
    return None, checks.advisory(checks.KEPT, entry.name, why, passed=None), (note,)


def _agreement_with_complete_file(inputs: Inputs, observations: pl.LazyFrame) -> Check:
    """Check whether the data file is the recent part of the survey's complete one."""
    entry, files = inputs.entry, inputs.pinned.survey.manifest.files
    complete = next((e for e in files if e.name.endswith(".AllData")), None)
    if complete is None or complete.name == entry.name:
        why = "the survey has no other file that holds all its data"
    elif max(complete.size, entry.size) > LARGEST_COMPARED:
        why = f"{complete.name} or {entry.name} is over {LARGEST_COMPARED >> 20} MiB"
    else:
        try:
            whole = inputs.observations(complete, "complete")
        except BadData as error:
            why = error.what
        else:
            return checks.agrees_with_complete(entry.name, observations, complete.name, whole)
    return checks.advisory(checks.AGREES, entry.name, why, passed=None)


# -- Render ------------------------------------------------------------------------------------


def render(content: Content, folder: str, asked: Request) -> tuple[dict[str, bytes], str]:
    """Return the report's files by name, and the answers as markdown for the dashboard."""
    # altair takes most of a second to import.
    from blsquest.analytics.report.charts import draw
    from blsquest.analytics.report.page import page

    pictures = draw(content)
    metadata = {
        "bls-data-quest:inputs": json.dumps(content.inputs, sort_keys=True),
        "bls-data-quest:request": json.dumps(asked.as_dict(), sort_keys=True),
        "bls-data-quest:sample": str(content.sample).lower(),
        "bls-data-quest:units": json.dumps(UNITS, sort_keys=True),
    }
    frames = content.answers.tables() | {"catalogue": content.catalogue}
    files = {f"{name}.parquet": parquet_bytes(f, metadata) for name, f in frames.items()}
    files["report.html"] = page(content, pictures)
    document = {
        "format": "bls-data-quest/report",
        "version": 2,
        "folder": folder,
        "question": asked.as_dict(),
        **as_json(content),
    }
    files[REPORT] = record(document, files)
    return files, report_markdown(content, pictures.population)
