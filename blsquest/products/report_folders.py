"""The folders of reports: which state one is of, whether a new one is due, how one is put.

A report's folder is `<root><UTC day>/` for the state at the end of that day (today: now), or
`<root>as-of/<moment>/` for any other moment; each question has a root of its own. `report.json` is
put last: a folder without one holds no report.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from blsquest.core.clock import time_text
from blsquest.core.errors import Missing, Misuse, StoreError
from blsquest.core.source import POPULATION, source_of
from blsquest.lake.as_of import AsOf, check_known
from blsquest.lake.keys import day_folder, moment_folder
from blsquest.lake.log import ManifestLog
from blsquest.lake.manifest import Generation
from blsquest.lake.reader import hash_of
from blsquest.lake.stores.base import Store
from blsquest.products.question import Request

VERSION = 4
"""Of the form of `report.json` and of the files beside it: a report of another one is due again."""
PAGE = "report.html"
REPORT = "report.json"
ONE_RUN = timedelta(hours=1)
"""A first run commits the survey a while before the population: both are one state of the lake."""
TRIES = 5
HASHED = 4 << 20
"""Bytes of a report's outputs that are read again to check that they are its own. A survey with
thousands of series has many times that, and most days nothing changed."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """The newest generations at one moment, and the folder of the report on them (with a `/`).

    `population` is None where the report needs none.
    """

    survey: Generation
    population: Generation | None
    folder: str

    def inputs(self) -> dict[str, Any]:
        """Return the inputs that `report.json` records, and that decide whether a report is due."""
        return {
            role: {
                "source": g.manifest.source,
                "generation": g.manifest.generation,
                "manifest_sha256": g.sha256,
                "committed": time_text(g.manifest.committed),
                "sample": g.manifest.sample,
            }
            for role, g in (("survey", self.survey), ("population", self.population))
            if g is not None
        }


def pin(store: Store, asked: Request, as_of: AsOf | None, *, now: datetime) -> Pinned:
    """Find the generations for a report as of a moment, by default of today.

    The population's only if the request, which must be spelled out, asks for it.

    Raises:
        Misuse: The lake has no generation at that moment, or the moment lies in the future.
    """
    root, with_population = asked.root(), asked.with_population()
    if as_of is not None:
        check_known(as_of, now=now)
    log, people = ManifestLog(store, source_of(asked.survey)), ManifestLog(store, POPULATION)
    if as_of is None or as_of.day == now.date():
        survey, population = log.newest(), people.newest() if with_population else None
        # A lake dated ahead is reported under its own day: today's folder has its older state.
        committed = [g.manifest.committed for g in (survey, population) if g is not None]
        today = max(now, *committed).date()
        if as_of is None or as_of.day == today:
            return Pinned(survey, population, day_folder(root, today))
    generation, population = log.as_of(as_of), None
    moment = as_of.until or generation.manifest.committed
    if with_population:
        within = ONE_RUN if as_of.until is None else timedelta()
        population = people.at(moment, or_within=within)
    folder = day_folder(root, as_of.day) if as_of.day else moment_folder(root, moment)
    return Pinned(generation, population, folder)


def newest_report(store: Store, root: str) -> dict[str, Any] | None:
    """Return the newest day's `report.json`, or None: one LIST of folders and, mostly, one GET."""
    return reports(store, root)[1]


def reports(store: Store, root: str) -> tuple[tuple[str, ...], dict[str, Any] | None]:
    """Return the days that have reports, the newest first, and the newest report."""
    names = (n for n in store.folders(root) if re.fullmatch(r"\d{4}-\d\d-\d\d", n, re.ASCII))
    days = tuple(sorted(names, reverse=True))
    for at, day in enumerate(days):
        if report := read_report(store, f"{root}{day}/"):
            return days[at:], report
    return (), None


def read_report(store: Store, folder: str) -> dict[str, Any] | None:
    """Return the `report.json` of one folder, or None if it is absent, torn, or of another."""
    try:
        report = json.loads(store.read(folder + REPORT))
    except (Missing, ValueError, RecursionError):
        return None
    return report if isinstance(report, dict) and report.get("folder") == folder else None


def is_current(
    store: Store, report: Mapping[str, Any], pinned: Pinned, question: Mapping[str, Any]
) -> bool:
    """Return whether a report of today's form answers this question from these generations.

    Its files must be those that it names: another report for the same day, from an older state,
    may have died among them. Costs a GET for each output; if they are over `HASHED` together,
    one LIST, which checks their sizes only: other changes are left to the audit.
    """
    try:
        is_of_these = (
            report["question"] == question
            and report["version"] == VERSION
            and all(
                wanted.items() <= report["inputs"][role].items()
                for role, wanted in pinned.inputs().items()
            )
            and bool(report["outputs"])
        )
        folder, outputs = report["folder"], report["outputs"].items()
        sizes = {folder + name: int(made["bytes"]) for name, made in outputs}
        if not is_of_these or sum(sizes.values()) <= HASHED:
            return is_of_these and has_its_files(store, report)
        return sizes.items() <= {each.key: each.size for each in store.list(folder)}.items()
    except (Missing, Misuse, LookupError, TypeError, AttributeError, ValueError, ArithmeticError):
        # Torn, or an older version's.
        return False


def has_its_files(store: Store, report: Mapping[str, Any]) -> bool:
    """Return whether the files beside a report are those that it names: a GET for each."""
    try:
        return all(
            hash_of(store, report["folder"] + name) == made["sha256"]
            for name, made in report["outputs"].items()
        )
    except Missing:
        return False


def is_of_this_log(store: Store, report: Mapping[str, Any]) -> bool:
    """Return whether the manifests that a report was made from are in the log: a GET for each.

    By their hash: a log that was rolled back may have other generations of the same numbers.
    """
    try:
        return all(
            ManifestLog(store, each["source"]).read(each["generation"]).sha256
            == each["manifest_sha256"]
            for each in report["inputs"].values()
        )
    except (Missing, Misuse, KeyError, TypeError, AttributeError, ValueError):
        return False


def put_report(store: Store, folder: str, files: Mapping[str, bytes]) -> None:
    """Put a report's files in place of any other report of that folder.

    The old `report.json` is deleted first and the new one put last, so that even if a run dies
    half-way, a `report.json` names the files beside it. If another run put a report meanwhile, the
    one whose `report.json` came last puts all of its files again.

    Raises:
        StoreError: Other reports came between each time.
    """
    key = folder + REPORT
    for _ in range(TRIES):
        if read_or_none(store, key) not in {None, files[REPORT]}:
            store.delete(key)
        for name in sorted(files, key=lambda n: (n == REPORT, n)):
            store.put(folder + name, files[name])
        ours = {name: read_or_none(store, folder + name) == body for name, body in files.items()}
        if not ours[REPORT] or all(ours.values()):
            return
    raise StoreError(
        f"Other reports were put into {store.url}/{folder} at the same time, again and again.",
        "Run it again when they are done.",
        transient=True,
    )


def read_or_none(store: Store, key: str) -> bytes | None:
    """Return an object, None where there is none."""
    try:
        return store.read(key)
    except Missing:
        return None
