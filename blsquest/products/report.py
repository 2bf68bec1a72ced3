"""One report, start to end: pin the state, gather the inputs, answer, write.

The output depends on the pinned generations, the question and the library versions alone: no clock,
no run id. So a past report can be made again, byte for byte.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

from blsquest.core.clock import utcnow
from blsquest.core.errors import BadData, Corrupt, Missing, Misuse, Refused
from blsquest.core.source import POPULATION, source_of
from blsquest.core.usage import Spent
from blsquest.lake.as_of import parse_as_of
from blsquest.lake.keys import root_of, vintage_key
from blsquest.lake.log import ManifestLog
from blsquest.lake.reader import fetch_checked
from blsquest.lake.spool import spool_folder
from blsquest.products import report_folders
from blsquest.products.catalogue import data_entry
from blsquest.products.question import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import polars as pl

    from blsquest.lake.as_of import AsOf
    from blsquest.lake.manifest import Generation
    from blsquest.lake.outcome import OutcomeName
    from blsquest.lake.stores.base import Store


BEGINNING = 1 << 16
"""Bytes of a data file in which its header must be."""
ASK_ANEW = "Delete its folder, and make it again: blsquest report --as-of …"


@dataclass(frozen=True, slots=True)
class Reported:
    """A report in the lake: Changed or Repaired where files were written, else Unchanged.

    Repaired means that the files were not those that its `report.json` named.

    `report` is the content of its `report.json`; `markdown` the answers for people, "" where
    nothing was computed; `stored` the cost at the storage, `computing` the cost in seconds.
    """

    name: OutcomeName
    folder: str
    report: dict[str, Any]
    markdown: str = ""
    stored: Spent = field(default_factory=Spent)
    computing: float = 0.0

    def sentence(self) -> str:
        """Return one line for people."""
        if self.name == "Repaired":
            return f"The report in {self.folder} was made again: its files were not its own."
        if self.name == "Unchanged" and self.markdown:
            return f"The report in {self.folder} was made again: the same bytes."
        if self.name == "Unchanged":
            return f"The report in {self.folder} names the newest generations already."
        survey, population = (self.report["inputs"].get(r) for r in ("survey", "population"))
        sample = " (generated sample)" if survey["sample"] else ""
        people = f" and {population['generation']} of the population" if population else ""
        return (
            f"Report{sample} in {self.folder} from generation {survey['generation']} of "
            f"{survey['source']}{people}."
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready, for `--json`."""
        return {
            "outcome": self.name,
            "folder": self.folder,
            "report": self.report,
            "storage_cost": self.stored.as_dict(),
            "computing_seconds": round(self.computing, 3),
        }


def make_report(
    store: Store,
    request: Request,
    as_of: str | None = None,
    *,
    now: Callable[[], datetime] = utcnow,
) -> Reported:
    """Answer from the state at `as_of`, and write the report; without `as_of` only if it is due.

    See `parse_as_of` for moments; the clock decides which day it is.

    Raises:
        Misuse: No such moment, file or series in the lake.
        Refused: The data does not hold what an answer needs; the last good report stays.
        Corrupt: A vintage is not what its name says.
    """
    asked, pinned, current = _pin(store, request, as_of, now())
    return current or _make(store, asked, pinned)


def _make(store: Store, asked: Request, pinned: report_folders.Pinned) -> Reported:
    """Answer a question, spelled out, from a pinned state, and write the report."""
    from blsquest.products.report_content import content_of, gather, render

    started = perf_counter()
    with gather(store, pinned, asked) as inputs:
        content = content_of(inputs)
    files, markdown = render(content, pinned.folder, asked)
    computing = perf_counter() - started
    report = json.loads(files[report_folders.REPORT])
    name: OutcomeName = "Changed"
    if report_folders.read_report(store, pinned.folder) == report:
        name = "Unchanged" if report_folders.has_its_files(store, report) else "Repaired"
    report_folders.put_report(store, pinned.folder, files)
    return Reported(name, pinned.folder, report, markdown, store.meter.spent(), computing)


def make_again(
    store: Store, folder: str, question: Mapping[str, Any], inputs: Mapping[str, Any]
) -> Reported:
    """Make the report of a folder again, from the question and inputs of its `report.json`.

    Raises:
        Corrupt: The question is not of this folder, or the lake has no such generations.
        QuestError: As `make_report`.
    """

    def generation(source: str, role: str) -> Generation:
        number, sha256 = inputs[role]["generation"], inputs[role]["manifest_sha256"]
        found = ManifestLog(store, source).read(number)
        if found.sha256 != sha256:
            raise KeyError(f"generation {number} of {source}")
        return found

    try:
        asked = Request(**question).spelled_out()
        survey = generation(source_of(asked.survey), "survey")
        population = generation(POPULATION, "population") if asked.with_population() else None
    except (KeyError, TypeError, AttributeError, ValueError, Misuse, Missing) as error:
        raise Corrupt(f"What it was made from makes no sense: {error}.", ASK_ANEW) from error
    if root_of(folder) != asked.root():
        raise Corrupt("Its question belongs to another folder.", ASK_ANEW)
    return _make(store, asked, report_folders.Pinned(survey, population, folder))


def current_report(store: Store, request: Request) -> Reported | None:
    """Return the newest report if it answers this from the newest generations, else None.

    Raises:
        Misuse: The lake has no generation of one of the sources yet.
    """
    return _pin(store, request, None, utcnow())[2]


def unanswerable(store: Store, request: Request) -> str | None:
    """Return why a survey has nothing to answer from; None where it has, or may have.

    That is so if it never had a report, and has no data file, no main one, or one without rows or
    without the first line of a file of observations. A survey that had a report is not excused:
    something broke.
    Costs two LISTs, two GETs, and one of the file's beginning.

    Raises:
        Misuse: The lake has no generation of it, or the request makes no sense.
        StoreError: The storage failed.
    """
    asked = request.spelled_out()
    if asked.data_file is not None or report_folders.newest_report(store, asked.root()) is not None:
        return None
    manifest = ManifestLog(store, source_of(asked.survey)).newest().manifest
    try:
        entry = data_entry(manifest)
    except Misuse as error:
        return str(error)
    from blsquest.analytics.data_file import read_header

    nothing = "There is nothing to answer from."
    with spool_folder() as folder:
        beginning = folder / "beginning"
        with store.open(vintage_key(manifest.source, entry.name, entry.sha256)) as body:
            beginning.write_bytes(body.read(BEGINNING))
        try:
            read_header(beginning, entry.name)
        except BadData as error:
            return f"{error.what} {nothing}"
        if entry.size <= BEGINNING and not beginning.read_bytes().partition(b"\n")[2].strip():
            return f"{entry.name} has a header and no rows. {nothing}"
    return None


def check_question(store: Store, request: Request, as_of: str | None) -> None:
    """Refuse a question that the lake alone shows to be wrong, before any work is started.

    Checks the data file, the years and, in a file that is read within seconds, the series; nothing
    if the newest report answers the question.

    Raises:
        Misuse: The lake has no such generation, file, years or series; names those it has.
        QuestError: The storage failed, or the data makes no sense.
    """
    asked, pinned, current = _pin(store, request, as_of, utcnow())
    if current is None:
        from blsquest.products.report_content import check_pairs, gather

        with gather(store, pinned, asked) as inputs:
            check_pairs(inputs)


def answers_at(store: Store, request: Request, moment: AsOf | None) -> dict[str, pl.DataFrame]:
    """Answer a question from the state of a moment, and write nothing.

    Raises:
        QuestError: As `make_report`.
    """
    import polars as pl

    from blsquest.products.report_content import content_of, gather

    asked = request.spelled_out()
    pinned = report_folders.pin(store, asked, moment, now=utcnow())
    with gather(store, pinned, asked) as inputs:
        content = content_of(inputs)
    checks = pl.DataFrame([asdict(check) for check in content.checks])
    return {**content.answers.tables(), "catalogue": content.catalogue, "checks": checks}


def read_answers(store: Store, survey: str) -> dict[str, pl.DataFrame]:
    """Read the Parquet files of a survey's newest report by name, and its `checks`.

    Raises:
        Misuse: There is no report, or it is of a state that the log does not have.
        StoreError: The storage failed; Corrupt, where a file is not what `report.json` says.
    """
    import polars as pl

    if survey == POPULATION:
        raise Misuse("The population has no report of its own.", "Ask for a survey's: pr.")
    report = report_folders.newest_report(store, Request(survey).root())
    if report is None:
        raise Misuse(
            f"The lake {store.url} has no report on {survey}.",
            f"Make one first: blsquest report --survey {survey}",
        )
    if not report_folders.is_of_this_log(store, report):
        raise Misuse(
            f"The newest report on {survey}, {store.url}/{report['folder']}, is of a state that "
            "the lake's log does not have.",
            f"Make one anew: blsquest report --survey {survey}. If nobody put the log back on "
            "purpose, see what is damaged first: blsquest audit",
        )
    frames = {"checks": pl.DataFrame(report["checks"], schema_overrides={"passed": pl.Boolean})}
    with spool_folder() as folder:
        for name, made in report["outputs"].items():
            stem, _, ending = name.rpartition(".")
            if ending == "parquet":
                fetch_checked(store, report["folder"] + name, made["sha256"], folder / name)
                frames[stem] = pl.read_parquet(folder / name)
    return frames


def _pin(
    store: Store, request: Request, as_of: str | None, now: datetime
) -> tuple[Request, report_folders.Pinned, Reported | None]:
    """Return the request spelled out, its state and, without `as_of`, a report that is current."""
    asked = request.spelled_out()
    moment = parse_as_of(as_of) if as_of is not None else None
    pinned = report_folders.pin(store, asked, moment, now=now)
    report = report_folders.newest_report(store, asked.root()) if moment is None else None
    current = None
    if report is not None and report_folders.is_current(store, report, pinned, asked.as_dict()):
        current = Reported("Unchanged", report["folder"], report, stored=store.meter.spent())
    elif report is not None and asked.data_file is None:
        _check_data_file(store, report, pinned)
    return asked, pinned, current


def _check_data_file(
    store: Store, report: Mapping[str, Any], pinned: report_folders.Pinned
) -> None:
    """Refuse to answer from another file than the newest report did, unless a person names it."""
    try:
        before = report["inputs"]["survey"]["file"]
    except (KeyError, TypeError):  # torn, or an older version's
        return
    file = data_entry(pinned.survey.manifest, store=store).name
    if file != before:
        raise Refused(
            f"The newest report answers from {before}, which generation "
            f"{pinned.survey.manifest.generation} of {pinned.survey.manifest.source} does not have "
            f"as its main data file: that is {file}.",
            "Nothing was written; the last good report stays. Name the file that is meant with "
            "--data-file.",
        )
