"""From a pinned state of the lake to all that its report tells. Plain Python over the rooms.

The data file and the population must be whole, or there is no report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.cataloguing import catalogue_of, data_prefix
from flows.lake.clock import time_text
from flows.lake.errors import Misuse, Refused
from flows.lake.reader import entry_named, fetch_vintage
from flows.lake.spool import spool_folder
from flows.report_neighbours import (
    SurveyFile,
    agreement_with_complete_file,
    changes_since_release_before,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.analytics.content import Content
    from flows.lake.manifest import Generation
    from flows.lake.model import Entry
    from flows.lake.reports import Pinned
    from flows.lake.store import Store
    from flows.report_request import Request
    from flows.sources.payload import Population

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
    # polars takes a while to import: only a report that is due needs it.
    from flows.analytics.bad_data import BadData, NotInData
    from flows.sources.payload import read_population

    entry = _data_entry(pinned.survey, asked)
    census = _census_entry(pinned.population)
    with spool_folder() as folder:
        payload = folder / POPULATION_FILE
        fetch_vintage(store, pinned.population.manifest.source, census, payload)
        population = read_population(payload.read_bytes(), required_years=())
        survey = SurveyFile(store, pinned.survey, entry, folder)
        try:
            return _content(survey, population, pinned, census, asked)
        except NotInData as error:
            raise Misuse(error.what, error.remedy) from error
        except BadData as error:
            stays = "Nothing was written; the last good report stays."
            told = any(name in error.what for name in (entry.name, POPULATION_FILE))
            what = error.what if told else f"{entry.name}: {error.what}"
            raise Refused(what, f"{error.remedy} {stays}".strip()) from error


def _data_entry(generation: Generation, asked: Request) -> Entry:
    manifest = generation.manifest
    prefix = data_prefix(asked.survey)
    offered = [e.name for e in manifest.files if e.name.startswith(prefix)]
    usual = f"{prefix}0.Current"
    name = asked.data_file or next((n for n in offered if n == usual), min(offered, default=usual))
    entry = entry_named(manifest, name)
    if entry is None or name not in offered:
        raise Misuse(
            f"Generation {manifest.generation} of {manifest.source} has no data file {name}.",
            f"Name one with --data-file: {', '.join(offered) or 'it has no data file at all'}.",
        )
    return entry


def _census_entry(generation: Generation) -> Entry:
    census = entry_named(generation.manifest, POPULATION_FILE)
    if census is None:
        raise Misuse(
            f"The lake's population has no {POPULATION_FILE} at that moment.",
            "Ask for another moment, or bring it up to date: .venv/bin/python -m flows.population",
        )
    return census


def _content(
    survey: SurveyFile, population: Population, pinned: Pinned, census: Entry, asked: Request
) -> Content:
    from flows.analytics.answer_checks import answer_checks
    from flows.analytics.answers import Question, answer
    from flows.analytics.checks import require
    from flows.analytics.content import SAMPLE, Content
    from flows.analytics.data_checks import (
        layout_checks,
        series_catalogued,
        values_in_range,
        years_contiguous,
    )
    from flows.analytics.population_checks import population_checks
    from flows.analytics.profile import profile
    from flows.analytics.questions import check_years
    from flows.analytics.tables import population_frame

    name, people = survey.entry.name, population_frame(population.counts)
    sample = pinned.population.manifest.sample
    estimate = f"{population.estimate}, {SAMPLE}" if sample else population.estimate
    # Before more is read: what can't be answered is told soon.
    check_years(people, asked.first_year, asked.last_year, estimate=estimate)
    require(of_people := population_checks(POPULATION_FILE, people, estimate))
    observations = survey.observations(survey.entry, "data")
    question = Question(
        asked.first_year,
        asked.last_year,
        asked.series,
        asked.period,
        asked.split_pairs(),
        asked.ddof,
    )
    answers = answer(observations, people, estimate, question)
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
