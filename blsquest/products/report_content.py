"""A report's content: gather the inputs, answer, compare and check, render.

The data file and the population must be whole, or there is no report. The data that they are
compared with may be missing, bad, or too large: the report is made, and says so. Imports polars.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from blsquest.analytics import checks
from blsquest.analytics.answers import Answers, answer, join_pairs
from blsquest.analytics.catalogue import Catalogue
from blsquest.analytics.checks import Check, Earlier
from blsquest.analytics.csv_table import MOST_ROWS, csv_bytes
from blsquest.analytics.headlines import headlines
from blsquest.analytics.latest import values_of
from blsquest.analytics.observations import (
    observation_batches,
    population_frame,
    read_observations,
)
from blsquest.analytics.overview import LARGEST as OVERVIEW_BYTES
from blsquest.analytics.overview import Overview, overview
from blsquest.analytics.parquet_table import parquet_bytes
from blsquest.analytics.questions import check_years
from blsquest.analytics.release_changes import release_changes
from blsquest.analytics.report.charts import draw
from blsquest.analytics.report.content import MOST, SAMPLE, Content, as_json
from blsquest.analytics.report.markdown import report_markdown
from blsquest.analytics.report.page import page
from blsquest.analytics.revisions import compare
from blsquest.core.clock import time_text
from blsquest.core.errors import BadData, Misuse, NotInData, Refused
from blsquest.core.text import short
from blsquest.lake.log import ManifestLog, release_before
from blsquest.lake.manifest import Entry, Generation, Manifest
from blsquest.lake.reader import entry_named, fetch_vintage
from blsquest.lake.spool import spool_folder
from blsquest.lake.stores.base import Store
from blsquest.products.catalogue import catalogue_of, data_entry, data_files, find_series
from blsquest.products.observations import fetch_observations
from blsquest.products.question import Request
from blsquest.products.record import record
from blsquest.products.report_folders import PAGE, REPORT, VERSION, Pinned
from blsquest.products.revisions import vintages
from blsquest.sources.population import Population, read_population

POPULATION_FILE = "census.json"
LARGEST_COMPARED = 64 << 20
"""Bytes of a file that a report compares with another one: about 3 s and 300 MB. A mirror run
compares files of any size, into `analytics/revisions/`."""

UNITS = {
    "value": "a sum of the year's periods, or one period's value, in the unit of the series (unit)",
    "population": "people",
    "mean, std_sample, std_population, std": "people",
    "periods, quarters": "periods that were summed",
    "mean, annual_average, average": "in the unit of the series (unit)",
    "change, change_from_year_ago, average_change": "a difference, in the unit of the series",
    "change_percent, change_from_year_ago_percent, average_change_percent": "percent",
}


# -- Gather ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Inputs:
    """The pinned state, as far as it is read, and the question, spelled out.

    The data file (`entry`) is read when needed; the population, if asked for, is read already.
    Local copies go into `folder`.
    """

    store: Store
    pinned: Pinned
    asked: Request
    entry: Entry
    people: "People | None"
    folder: Path

    @property
    def sample(self) -> bool:
        """Whether any of it is a generated sample."""
        pinned = (self.pinned.survey, self.pinned.population)
        return any(g.manifest.sample for g in pinned if g is not None)

    def observations(self, entry: Entry, local: str) -> pl.LazyFrame:
        """Return the observations of a data file, from its table where there is one.

        `local` names the copy: a publisher's name is no name for a local file.
        """
        source = self.pinned.survey.manifest.source
        return fetch_observations(self.store, source, entry, self.folder / local)

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Return the inputs as in `report.json`, by role."""
        inputs = self.pinned.inputs()
        inputs["survey"] |= _of_file(self.entry)
        if self.people is not None:
            known = {"estimate": self.people.read.estimate, "dataset": self.people.read.dataset}
            inputs["population"] |= _of_file(self.people.entry) | known
        return inputs


@dataclass(frozen=True)
class People:
    """The population: its file, the file's content, and the estimate, marked if a `SAMPLE`."""

    entry: Entry
    read: Population
    estimate: str

    @property
    def frame(self) -> pl.DataFrame:
        """The people, by `year`."""
        return population_frame(self.read.counts)


def _of_file(entry: Entry) -> dict[str, Any]:
    known = {"file": entry.name, "bytes": entry.size, "sha256": entry.sha256}
    return known | {"last_modified": entry.last_modified}


@contextmanager
def gather(store: Store, pinned: Pinned, asked: Request) -> Iterator[Inputs]:
    """Find the data file, read the population if asked for; local copies last for the block.

    Bad data that the block finds ends it as Refused, with the file's name.

    Raises:
        Misuse: The state has no such file, or lacks the years asked for.
        Refused: The population, or what the block reads, makes no sense.
        Corrupt: A vintage is not what its name says.
    """
    entry = data_entry(pinned.survey.manifest, asked.data_file, store)
    people = read_census(store, pinned.population) if pinned.population else None
    with spool_folder() as folder:
        try:
            if people is not None:
                years = asked.first_year, asked.last_year
                check_years(people.frame, *years, estimate=people.estimate)
            yield Inputs(store, pinned, asked, entry, people, folder)
        except BadData as error:
            named = any(name in error.what for name in (entry.name, POPULATION_FILE))
            what = error.what if named else f"{entry.name}: {error.what}"
            raise Refused(what, f"{error.remedy} Nothing was written.".strip()) from error


def read_census(store: Store, generation: Generation) -> People:
    """Return the population of one generation.

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
        read = read_population((folder / POPULATION_FILE).read_bytes(), required_years=())
    sample = f", {SAMPLE}" if generation.manifest.sample else ""
    return People(census, read, f"{read.estimate}{sample}")


def check_pairs(inputs: Inputs) -> None:
    """Look for the series asked for, in a data file of up to `LARGEST_COMPARED`.

    Raises:
        NotInData: The data file has none of that name; names what comes nearest.
    """
    question = inputs.asked.question()
    if not (question.series_id or question.pairs) or inputs.people is None:
        return
    if inputs.entry.size <= LARGEST_COMPARED:
        observations = inputs.observations(inputs.entry, "data")
        with explain_unknown_series(inputs):
            named = question.with_period(observations)
            join_pairs(observations, inputs.people.frame, named.all_pairs())


@contextmanager
def explain_unknown_series(inputs: Inputs) -> Iterator[None]:
    """Add hints from the survey's catalogue to a refusal of an unknown series.

    Raises:
        NotInData: What the block raised, with the series whose titles hold the words that were
            typed, or with the hint that another data file of the survey has the series.
    """
    try:
        yield
    except NotInData as error:
        series = inputs.asked.series
        if series is None or f"no series {series!r}" not in error.what:
            raise
        manifest = inputs.pinned.survey.manifest
        frame = find_series(inputs.store, manifest, [series])
        hint = ""
        if series in frame.get_column("series_id"):
            others = [e.name for e in data_files(manifest) if e.name != inputs.entry.name]
            hint = f" The survey has it in another data file (--data-file): {', '.join(others)}."
        elif frame.is_empty() and (code := series[:2].lower()) != inputs.asked.survey:
            hint = f" An id begins with its survey's code: --survey {code}, if it is of that one."
        elif frame.height:
            named = [f"{row['series_id']} ({row['title']})" for row in frame.head(3).to_dicts()]
            hint = f" With these words in the title: {'; '.join(map(short, named))}."
        find = f" By words: blsquest series WORDS --survey {inputs.asked.survey}"
        raise NotInData(error.what, f"{error.remedy}{hint or find}") from error


# -- Answer ------------------------------------------------------------------------------------


def content_of(inputs: Inputs) -> Content:
    """Answer and check; steps that fail cheaply come before those that read more.

    Raises:
        NotInData: The data file lacks what is asked for.
        BadData: The data does not hold what an answer needs, or a required check failed.
    """
    name, people, of_people = inputs.entry.name, None, []
    estimate = ""
    if inputs.people is not None:
        people, estimate = inputs.people.frame, inputs.people.estimate
        checks.require(of_people := checks.population_checks(POPULATION_FILE, people, estimate))
    observations = inputs.observations(inputs.entry, "data")
    before, why = _release_before(inputs)
    earlier = before.earlier if before else None
    profiled = checks.profile(observations)
    required = [*checks.layout_checks(name, profiled), *of_people]
    contiguous = checks.years_contiguous(name, profiled, earlier)
    in_range = checks.values_in_range(name, profiled, earlier)
    kept = checks.advisory(checks.KEPT, name, why, passed=None)
    kept = checks.rows_kept(name, profiled, earlier) if earlier else kept
    series = profiled.group_by("series_id").agg(pl.col("low").min())
    # For a large file, which is not compared, it is as large as the answers: freed before them.
    by_year = profiled if before else None
    del profiled
    with explain_unknown_series(inputs):
        answers = answer(observations, people, estimate, inputs.asked.question())
    required += checks.answer_checks(answers, series)
    checks.require(required)
    catalogue = catalogue_of(inputs.store, inputs.pinned.survey.manifest, _shown(answers))
    first = headlines(answers.latest, catalogue.frame, answers.question.series_id)
    chosen = first[0].series_id if first else None
    changes = revised = None
    if before is not None and by_year is not None:
        revised = before.earlier.revisions.filter(series_id=chosen)
        changes = release_changes(
            before.earlier.revisions,
            by_year,
            catalogue,
            before=before.manifest.generation,
            committed=time_text(before.manifest.committed),
        )
    unlisted = _unlisted_before(inputs, before, series, catalogue)
    made = (
        *required,
        checks.periods_differ(answers),
        contiguous,
        in_range,
        checks.series_catalogued(name, series, catalogue, unlisted),
        _agreement_with_complete_file(inputs, observations, before),
        kept,
    )
    notes = () if changes is not None else (f"What the newest release revised: {why}.",)
    return Content(
        survey=inputs.asked.survey,
        sample=inputs.sample,
        inputs=inputs.as_dict(),
        answers=answers.in_words(catalogue.frame).with_footnotes(catalogue.footnotes),
        catalogue=catalogue.frame,
        checks=made,
        changes=changes,
        notes=(*(f"Series in words: {note}" for note in catalogue.notes), *notes),
        overview=_overview(inputs),
        headlines=first,
        chosen=values_of(observations, answers.latest, chosen, revised) if chosen else None,
    )


def _overview(inputs: Inputs) -> Overview:
    """Return the survey's description of itself, if a file that can be read has one."""
    survey, manifest = inputs.asked.survey, inputs.pinned.survey.manifest
    entry, path = entry_named(manifest, f"{survey}.txt"), inputs.folder / "overview"
    if entry is None or entry.size > OVERVIEW_BYTES:
        return overview(survey, None)
    fetch_vintage(inputs.store, manifest.source, entry, path)
    return overview(survey, path.read_text("latin-1"))


def _shown(answers: Answers) -> list[str]:
    """Return the series that the page and `report.json` show, where they can't show all."""
    asked = [series for series, _ in answers.question.all_pairs()]
    best = answers.best_year.get_column("series_id").head(MOST).to_list()
    return list(dict.fromkeys([*asked, *best]))


@dataclass(frozen=True)
class Before:
    """The release before: the last generation that had other bytes of the data file."""

    manifest: Manifest
    entry: Entry
    earlier: Earlier


def _release_before(inputs: Inputs) -> tuple[Before | None, str]:
    """Compare the data file with its previous release; or return why it can't be."""
    entry, survey = inputs.entry, inputs.pinned.survey
    log = ManifestLog(inputs.store, survey.manifest.source)
    found = release_before(log, survey, entry.name)
    if found is None:
        return None, f"no earlier release of {entry.name} is in the lake"
    if max(found[1].size, entry.size) > LARGEST_COMPARED:
        return None, f"{entry.name} is over {LARGEST_COMPARED >> 20} MiB: see analytics/revisions/"
    manifest, old = found[0].manifest, found[1]
    try:
        with vintages(inputs.store, log.source, old, entry) as (was, now):
            revisions = compare(
                observation_batches(was, old.name), observation_batches(now, old.name)
            )
            profiled = checks.profile(read_observations(was, old.name))
    except BadData as error:
        return None, f"generation {manifest.generation}: {error.what}"
    return Before(manifest, old, checks.Earlier(manifest.generation, profiled, revisions)), ""


def _unlisted_before(
    inputs: Inputs, before: Before | None, series: pl.DataFrame, catalogue: Catalogue
) -> frozenset[str] | None:
    """Return the series that the series file lacked in the release before; None: not known.

    That release's series file is read only where a series is missing now.
    """
    if before is None or not catalogue.whole or not checks.unlisted(series, catalogue):
        return None
    earlier = catalogue_of(inputs.store, before.manifest)
    return frozenset(checks.unlisted(before.earlier.profile, earlier))


def _agreement_with_complete_file(
    inputs: Inputs, observations: pl.LazyFrame, before: Before | None
) -> Check:
    """Check whether the data file is the recent part of the survey's complete one."""
    entry = inputs.entry
    complete = _complete_file(inputs.pinned.survey.manifest)
    if complete is None or complete.name == entry.name:
        why = "the survey has no other file that holds all its data"
    elif max(complete.size, entry.size) > LARGEST_COMPARED:
        why = f"{complete.name} or {entry.name} is over {LARGEST_COMPARED >> 20} MiB"
    else:
        try:
            now = checks.disagreement(observations, inputs.observations(complete, "complete"))
        except BadData as error:
            why = error.what
        else:
            agrees = now.extra.is_empty() and now.lacking.is_empty()
            earlier = None if agrees else _disagreement_before(inputs, before)
            return checks.agrees_with_complete(entry.name, complete.name, now, earlier)
    return checks.advisory(checks.AGREES, entry.name, why, passed=None)


def _disagreement_before(inputs: Inputs, before: Before | None) -> checks.Disagreement | None:
    """Compare the two files of the release before; None where there are none to compare."""
    complete = _complete_file(before.manifest) if before else None
    if before is None or complete is None or complete.size > LARGEST_COMPARED:
        return None
    with suppress(BadData):
        was = inputs.observations(before.entry, "before")
        return checks.disagreement(was, inputs.observations(complete, "complete-before"))
    return None


def _complete_file(manifest: Manifest) -> Entry | None:
    return next((e for e in manifest.files if e.name.endswith(".AllData")), None)


# -- Render ------------------------------------------------------------------------------------


def render(content: Content, folder: str, asked: Request) -> tuple[dict[str, bytes], str]:
    """Return the report's files by name, and the answers as markdown for the dashboard."""
    pictures = draw(content)
    metadata = {
        "bls-data-quest:inputs": json.dumps(content.inputs, sort_keys=True),
        "bls-data-quest:request": json.dumps(asked.as_dict(), sort_keys=True),
        "bls-data-quest:sample": str(content.sample).lower(),
        "bls-data-quest:units": json.dumps(UNITS, sort_keys=True),
    }
    frames = content.answers.tables() | {"catalogue": content.catalogue}
    files = {f"{name}.parquet": parquet_bytes(f, metadata) for name, f in frames.items()}
    scales = content.answers.latest.select("series_id", "decimals")
    for name, frame in frames.items():
        if frame.height <= MOST_ROWS:
            files[f"{name}.csv"] = csv_bytes(frame, _decimals(frame, scales))
    files[PAGE] = page(content, pictures, [*files, REPORT])
    document = {
        "format": "bls-data-quest/report",
        "version": VERSION,
        "folder": folder,
        "question": asked.as_dict(),
        **as_json(content),
    }
    files[REPORT] = record(document, files)
    first = None if content.answers.question.by == "sum" else pictures.chosen
    return files, report_markdown(content, first or pictures.population)


def _decimals(frame: pl.DataFrame, scales: pl.DataFrame) -> int | pl.Series:
    """Return the decimals of each row's series; 0 for a frame that is of no series."""
    if "series_id" not in frame.columns:
        return 0
    rows = frame.select("series_id").join(scales, on="series_id", how="left", maintain_order="left")
    return rows.get_column("decimals").fill_null(0)
