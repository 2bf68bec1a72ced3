"""One report, start to end: pin the state, read it, answer, write.

What is written depends on the pinned generations, the question and the library versions alone: no
clock, no run id. So a past report can be made again, byte for byte.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from time import perf_counter
from typing import TYPE_CHECKING, Any

from blsquest.core.clock import utcnow
from blsquest.core.errors import Misuse
from blsquest.core.source import POPULATION, source_of
from blsquest.core.usage import Spent
from blsquest.lake.as_of import parse_as_of
from blsquest.lake.reader import fetch_checked
from blsquest.lake.spool import spool_folder
from blsquest.products.question import Request
from blsquest.products.report_folders import (
    PAGE,
    REPORT,
    is_due,
    newest_report,
    outputs_stand,
    pin,
    put_report,
    read_report,
)
from blsquest.products.report_inputs import check_inputs, gather

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import polars as pl

    from blsquest.analytics.report.content import Content
    from blsquest.lake.as_of import AsOf
    from blsquest.lake.outcome import OutcomeName
    from blsquest.lake.stores.base import Store
    from blsquest.products.report_folders import Pinned


VERSION = 2

UNITS = {
    "value": "a sum of the year's periods, or one period's value, in the unit of the series (unit)",
    "population": "people",
    "mean, std_sample, std_population, std": "people",
    "quarters": "periods that were summed",
}


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """A report as it is written.

    Attributes:
        files: By name, `report.json` among them.
        report: The content of `report.json`.
        markdown: For the dashboard.
    """

    files: dict[str, bytes]
    report: dict[str, Any]
    markdown: str


def report_files(content: Content, folder: str, asked: Request) -> ReportFiles:
    """Write a report's content in each of its forms.

    Args:
        content: What is told.
        folder: Where the report goes, ending in `/`; only `report.json` tells it.
        asked: Spelled out.
    """
    from blsquest.analytics.parquet_table import parquet_bytes
    from blsquest.analytics.report.charts import draw
    from blsquest.analytics.report.content import as_json
    from blsquest.analytics.report.markdown import report_markdown
    from blsquest.analytics.report.page import page

    pictures = draw(content)
    metadata = {
        "bls-data-quest:inputs": json.dumps(content.inputs, sort_keys=True),
        "bls-data-quest:request": json.dumps(asked.as_dict(), sort_keys=True),
        "bls-data-quest:sample": str(content.sample).lower(),
        "bls-data-quest:units": json.dumps(UNITS, sort_keys=True),
    }
    files = {
        f"{name}.parquet": parquet_bytes(frame, metadata)
        for name, frame in {**content.answers.tables(), "catalogue": content.catalogue}.items()
    }
    files[PAGE] = page(content, pictures)
    report = {
        "format": "bls-data-quest/report",
        "version": VERSION,
        "folder": folder,
        "question": asked.as_dict(),
        **as_json(content),
        "outputs": {
            name: {"bytes": len(body), "sha256": sha256(body).hexdigest()}
            for name, body in sorted(files.items())
        },
    }
    body = (json.dumps(report, indent=2, sort_keys=True) + "\n").encode()
    return ReportFiles(
        files | {REPORT: body}, json.loads(body), report_markdown(content, pictures.population)
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
    pinned = _pin(store, asked, None, utcnow())
    return _standing(store, asked, pinned)


def _pin(store: Store, asked: Request, moment: AsOf | None, now: datetime) -> Pinned:
    survey = source_of(asked.survey)
    return pin(store, survey, POPULATION, moment, root=asked.root(), now=now)


def _standing(store: Store, asked: Request, pinned: Pinned) -> Reported | None:
    report = newest_report(store, asked.root())
    if (
        report is None
        or is_due(report, pinned, asked.as_dict())
        or not outputs_stand(store, report)
    ):
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
    pinned = _pin(store, asked, moment, now())
    if moment is None:
        standing = _standing(store, asked, pinned)
        if standing is not None:
            return standing
    started = perf_counter()
    made = report_files(gather(store, pinned, asked), pinned.folder, asked)
    computing = perf_counter() - started
    same = read_report(store, pinned.folder) == made.report
    put_report(store, pinned.folder, made.files)
    return Reported(
        name="Unchanged" if same else "Changed",
        folder=pinned.folder,
        report=made.report,
        markdown=made.markdown,
        stored=store.meter.spent(),
        computing=computing,
    )


def check_question(store: Store, request: Request, as_of: str | None) -> None:
    """Refuse a question that the lake alone shows to be wrong, before anything is started for it.

    Looks for the generation, the data file, the years and, in a file of up to `LARGEST_COMPARED`,
    the series. Reads nothing where the newest report answers the question.

    Raises:
        Misuse: The lake has no such generation, file, years or series; names those it has.
        QuestError: The storage failed, or the data makes no sense.
    """
    asked = request.spelled_out()
    moment = parse_as_of(as_of) if as_of is not None else None
    pinned = _pin(store, asked, moment, utcnow())
    if moment is None and _standing(store, asked, pinned) is not None:
        return
    check_inputs(store, pinned, asked)


def read_answers(store: Store, survey: str) -> dict[str, pl.DataFrame]:
    """Read the Parquet files of a survey's newest report by name, and its `checks`.

    Raises:
        Misuse: There is no report.
        StoreError: The storage failed; Corrupt, where a file is not what `report.json` says.
    """
    import polars as pl

    root = Request(survey).root()
    report = newest_report(store, root)
    if report is None:
        raise Misuse(
            f"The lake {store.url} has no report on {survey}.",
            f"Make one first: blsquest report --survey {survey}",
        )
    frames = {"checks": pl.DataFrame(report["checks"], schema_overrides={"passed": pl.Boolean})}
    with spool_folder() as folder:
        for name, made in report["outputs"].items():
            stem, _, ending = name.rpartition(".")
            if ending == "parquet":
                fetch_checked(store, report["folder"] + name, made["sha256"], folder / name)
                frames[stem] = pl.read_parquet(folder / name)
    return frames


def answers_at(store: Store, request: Request, moment: AsOf | None) -> dict[str, pl.DataFrame]:
    """Answer a question from the state of a moment, and write nothing.

    Raises:
        QuestError: As `make_report`.
    """
    import polars as pl

    asked = request.spelled_out()
    content = gather(store, _pin(store, asked, moment, utcnow()), asked)
    checks = pl.DataFrame([asdict(check) for check in content.checks])
    return {**content.answers.tables(), "catalogue": content.catalogue, "checks": checks}


def pinned_at(store: Store, survey: str, moment: AsOf | None) -> Pinned:
    """Return the generations that a report on a survey as of a moment is made from.

    Raises:
        Misuse: The lake has none at that moment.
    """
    return _pin(store, Request(survey).spelled_out(), moment, utcnow())
