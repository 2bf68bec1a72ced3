"""One report, start to end: pin the state, read it, answer, write. Plain Python over the rooms.

What is written depends on the pinned generations, the request and the library versions alone: no
clock, no run id. So a past report can be made again, byte for byte.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from time import perf_counter
from typing import TYPE_CHECKING, Any

from flows.lake.as_of import parse_as_of
from flows.lake.manifest import time_text
from flows.lake.meter import Spent
from flows.lake.model import Misuse, Refused
from flows.lake.reader import entry_named, fetch_vintage
from flows.lake.reports import (
    REPORT,
    is_due,
    newest_report,
    outputs_stand,
    pin,
    put_report,
    read_report,
)
from flows.lake.run import utcnow
from flows.lake.spool import spool_folder
from flows.observing import fetch_observations

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from flows.analytics.answers import Answers
    from flows.lake.manifest import Generation
    from flows.lake.model import Entry, OutcomeName, Store
    from flows.lake.reports import Pinned
    from flows.sources.payload import Population

VERSION = 1
SAMPLE = "generated sample"
POPULATION_KEY = "census"
POPULATION_FILE = "census.json"
QUEST_SERIES = {"pr": "PRS30006032"}
"""Quest part 3 asks for this series; for other surveys a person names one, or goes without."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a report is asked for; the defaults are the quest's.

    Attributes:
        survey: The survey to answer from.
        series: The series to join with the population; None for the quest's where it has one.
        period: Its period.
        first_year: First year of the population's statistics.
        last_year: Last year of them, included.
        data_file: The file to answer from; None for `<survey>.data.0.Current` or, where a survey
            has none of that name, its first data file.
    """

    survey: str = "pr"
    series: str | None = None
    period: str = "Q01"
    first_year: int = 2013
    last_year: int = 2018
    data_file: str | None = None

    def spelled_out(self) -> Request:
        """The same request with its defaults filled in, as `report.json` records it."""
        return replace(
            self,
            series=self.series or QUEST_SERIES.get(self.survey),
        )


@dataclass(frozen=True, slots=True)
class Reported:
    """What a report came to.

    Attributes:
        name: Changed when files were written, Unchanged when the newest report stands.
        folder: Where the report lies.
        report: The content of its `report.json`.
        markdown: The answers for people; "" where nothing was computed.
        stored: What was asked of the storage.
        computing: Seconds spent on reading and answering.
    """

    name: OutcomeName
    folder: str
    report: dict[str, Any]
    markdown: str = ""
    stored: Spent = field(default_factory=Spent)
    computing: float = 0.0

    def sentence(self) -> str:
        """One line for people."""
        if self.name == "Unchanged" and self.markdown:
            return f"The report in {self.folder} was made again: the same bytes."
        if self.name == "Unchanged":
            return f"The report in {self.folder} names the newest generations already."
        inputs = self.report["inputs"]
        sample = " (generated sample)" if inputs["survey"]["sample"] else ""
        return (
            f"Report{sample} in {self.folder} from generation {inputs['survey']['generation']} of "
            f"{inputs['survey']['source']} and {inputs['population']['generation']} of the "
            "population."
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, for `--json`."""
        return {
            "outcome": self.name,
            "folder": self.folder,
            "report": self.report,
            "storage_cost": self.stored.as_dict(),
            "computing_seconds": round(self.computing, 3),
        }


def standing_report(store: Store, request: Request) -> Reported | None:
    """The newest report if it answers this request from the newest generations; else None.

    Raises:
        Misuse: The lake has no generation of one of the sources yet.
    """
    asked = request.spelled_out()
    pinned = pin(store, f"bls/{asked.survey}", POPULATION_KEY, None, now=utcnow())
    return _standing(store, asked, pinned)


def _standing(store: Store, asked: Request, pinned: Pinned) -> Reported | None:
    report = newest_report(store, asked.survey)
    if report is None or is_due(report, pinned, asdict(asked)) or not outputs_stand(store, report):
        return None
    return Reported("Unchanged", report["folder"], report, stored=store.meter.spent())


def make_report(
    store: Store,
    request: Request,
    as_of: str | None = None,
    *,
    now: Callable[[], datetime] = utcnow,
) -> Reported:
    """Answer from the state at `as_of`, and write the report; without `as_of` only if it is due.

    Args:
        store: The lake.
        request: What is asked.
        as_of: See `parse_as_of`; None for the newest state.
        now: The clock, for which day it is.

    Raises:
        Misuse: No such moment, file or series in the lake.
        Refused: The data does not hold what an answer needs; the last good report stays.
        Corrupt: A vintage is not what its name says.
    """
    asked = request.spelled_out()
    moment = parse_as_of(as_of) if as_of is not None else None
    pinned = pin(store, f"bls/{asked.survey}", POPULATION_KEY, moment, now=now())
    if moment is None:
        standing = _standing(store, asked, pinned)
        if standing is not None:
            return standing
    started = perf_counter()
    entry = _data_entry(pinned.survey, asked)
    census = entry_named(pinned.population.manifest, POPULATION_FILE)
    if census is None:
        raise Misuse(
            f"The lake's population has no {POPULATION_FILE} at that moment.",
            "Ask for another moment, or bring it up to date: python -m flows.population",
        )
    answers, population = _answer(store, pinned, entry, census, asked)
    files, report, text = _render(pinned, asked, entry, census, answers, population)
    computing = perf_counter() - started
    same = read_report(store, pinned.folder) == report
    put_report(store, pinned.folder, files)
    return Reported(
        name="Unchanged" if same else "Changed",
        folder=pinned.folder,
        report=report,
        markdown=text,
        stored=store.meter.spent(),
        computing=computing,
    )


def _data_entry(generation: Generation, asked: Request) -> Entry:
    manifest = generation.manifest
    prefix = f"{asked.survey}.data."
    offered = [e.name for e in manifest.files if e.name.startswith(prefix)]
    usual = f"{prefix}0.Current"
    name = asked.data_file or next((n for n in offered if n == usual), min(offered, default=usual))
    entry = entry_named(manifest, name)
    if entry is None:
        raise Misuse(
            f"Generation {manifest.generation} of {manifest.source} has no file {name}.",
            f"Name one with --data-file: {', '.join(offered) or 'it has no data file at all'}.",
        )
    return entry


def _answer(
    store: Store, pinned: Pinned, entry: Entry, census: Entry, asked: Request
) -> tuple[Answers, Population]:
    # polars takes a while to import: only a report that is due needs it.
    from flows.analytics.answers import Question, answer
    from flows.analytics.bad_data import BadData, NotInData
    from flows.analytics.tables import population_frame
    from flows.sources.payload import read_population

    with spool_folder() as folder:
        payload = folder / POPULATION_FILE
        fetch_vintage(store, pinned.population.manifest.source, census, payload)
        population = read_population(
            payload.read_bytes(), required_years=range(asked.first_year, asked.last_year + 1)
        )
        question = Question(asked.first_year, asked.last_year, asked.series, asked.period)
        try:
            answers = answer(
                fetch_observations(store, pinned.survey.manifest.source, entry, folder),
                population_frame(population.counts),
                _estimate(population, pinned),
                question,
            )
        except NotInData as error:
            raise Misuse(error.what, error.remedy) from error
        except BadData as error:
            stays = "Nothing was written; the last good report stays."
            what = error.what if entry.name in error.what else f"{entry.name}: {error.what}"
            raise Refused(what, f"{error.remedy} {stays}".strip()) from error
    return answers, population


def _estimate(population: Population, pinned: Pinned) -> str:
    sample = pinned.population.manifest.sample
    return f"{population.estimate}, {SAMPLE}" if sample else population.estimate


def _render(
    pinned: Pinned,
    asked: Request,
    entry: Entry,
    census: Entry,
    answers: Answers,
    population: Population,
) -> tuple[dict[str, bytes], dict[str, Any], str]:
    from flows.analytics.record import as_json
    from flows.analytics.render import markdown, parquet_bytes

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
    metadata = {
        "bls-data-quest:inputs": json.dumps(inputs, sort_keys=True),
        "bls-data-quest:request": json.dumps(asdict(asked), sort_keys=True),
    }
    files = {
        f"{name}.parquet": parquet_bytes(frame, metadata)
        for name, frame in answers.tables().items()
    }
    report = {
        "format": "bls-data-quest/report",
        "version": VERSION,
        "folder": pinned.folder,
        "question": asdict(asked),
        "inputs": inputs,
        "answers": as_json(answers),
        "outputs": {
            name: {"bytes": len(body), "sha256": sha256(body).hexdigest()}
            for name, body in sorted(files.items())
        },
    }
    body = (json.dumps(report, indent=2, sort_keys=True) + "\n").encode()
    text = markdown(answers)
    if pinned.sample:
        text = f"**{SAMPLE.capitalize()}: these are not real statistics.**\n\n{text}"
    return files | {REPORT: body}, json.loads(body), text
