"""Where reports lie, which is the newest, and whether a new one is due.

A report's folder is `<root><UTC day>/` for the state at the end of that day (today: now), or
`<root>as-of/<moment>/` for any other moment; each question has a root of its own, so that none
takes another's place. `report.json` is put last: a folder without one holds no report.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from blsquest.core.errors import Missing, Misuse, StoreError
from blsquest.lake.as_of import check_known
from blsquest.lake.keys import day_folder, moment_folder, question_root
from blsquest.lake.log import ManifestLog
from blsquest.lake.reader import hash_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from blsquest.lake.as_of import AsOf
    from blsquest.lake.manifest import Generation
    from blsquest.lake.stores.base import Store


REPORT = "report.json"
PAGE = "report.html"
ONE_RUN = timedelta(hours=1)
"""A first run commits the survey a while before the population: both are one state of the lake."""
TRIES = 5
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pinned:
    """The exact state that a report is computed from.

    Attributes:
        survey: The newest generation of the survey at that moment.
        population: The newest generation of the population at that moment.
        folder: Where the report goes, ending in `/`.
    """

    survey: Generation
    population: Generation
    folder: str

    @property
    def sample(self) -> bool:
        """Whether any of it is a generated sample."""
        return self.survey.manifest.sample or self.population.manifest.sample

    def inputs(self) -> dict[str, Any]:
        """What `report.json` records, and what decides whether a report is due."""
        return {
            role: {
                "source": g.manifest.source,
                "generation": g.manifest.generation,
                "manifest_sha256": g.sha256,
            }
            for role, g in (("survey", self.survey), ("population", self.population))
        }


def asked_root(survey: str, question: Mapping[str, Any]) -> str:
    """`analytics/asked/pr/<digest>/` for a question other than the survey's usual one."""
    digest = sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()
    return question_root(survey, digest[:12])


def pin(
    store: Store,
    survey_key: str,
    population_key: str,
    as_of: AsOf | None,
    *,
    root: str,
    now: datetime,
) -> Pinned:
    """The generations that a report as of that moment stands on.

    Args:
        store: The lake.
        survey_key: For example `bls/pr`.
        population_key: `census`.
        as_of: None for the newest state, filed under today.
        root: Where the question's reports lie, ending in `/`.
        now: UTC.

    Raises:
        Misuse: The lake has no generation at that moment, or the moment lies in the future.
    """
    if as_of is not None:
        check_known(as_of, now=now)
    survey_log, population_log = ManifestLog(store, survey_key), ManifestLog(store, population_key)
    today = now.date()
    if as_of is None or as_of.day == today:
        newest = [log.newest() for log in (survey_log, population_log)]
        return Pinned(newest[0], newest[1], day_folder(root, today))
    if as_of.generation is not None:
        survey = survey_log.numbered(as_of.generation)
        moment = survey.manifest.committed
        population = population_log.at(moment, or_within=ONE_RUN)
    else:
        until = as_of.until
        assert until is not None  # noqa: S101 - a day or a moment
        moment = until
        survey, population = survey_log.at(moment), population_log.at(moment)
    folder = day_folder(root, as_of.day) if as_of.day else moment_folder(root, moment)
    return Pinned(survey, population, folder)


def newest_report(store: Store, root: str) -> dict[str, Any] | None:
    """The newest day's `report.json`, or None: one LIST of folders and, mostly, one GET."""
    for day in sorted(filter(_DAY.fullmatch, store.folders(root)), reverse=True):
        report = read_report(store, f"{root}{day}/")
        if report is not None:
            return report
    return None


def read_report(store: Store, folder: str) -> dict[str, Any] | None:
    """The `report.json` of one folder, or None if it is absent or makes no sense."""
    try:
        report = json.loads(store.read(folder + REPORT))
    except (Missing, ValueError, RecursionError):
        return None
    sensible = isinstance(report, dict) and report.get("folder") == folder
    return report if sensible else None


def is_due(report: Mapping[str, Any] | None, pinned: Pinned, question: Mapping[str, Any]) -> bool:
    """Whether the newest report does not answer this question from these generations."""
    if report is None or report.get("question") != question:
        return True
    recorded = report.get("inputs")
    if not isinstance(recorded, dict):
        return True
    for role, wanted in pinned.inputs().items():
        named = recorded.get(role)
        if not isinstance(named, dict) or not wanted.items() <= named.items():
            return True
    return False


def outputs_stand(store: Store, report: Mapping[str, Any]) -> bool:
    """Whether the files beside a `report.json` are those that it names: one GET each.

    Another report for the same day, from an older state, may have died among them.
    """
    folder, outputs = report.get("folder"), report.get("outputs")
    if not isinstance(folder, str) or not isinstance(outputs, dict) or not outputs:
        return False
    try:
        return all(hash_of(store, folder + n) == made["sha256"] for n, made in outputs.items())
    except (Missing, Misuse, KeyError, TypeError):
        return False


def put_report(store: Store, folder: str, files: Mapping[str, bytes]) -> None:
    """Put a report's files; another report that stands there is withdrawn before.

    The old `report.json` goes first and the new one comes last, so that also where a run dies
    half-way a `report.json` names what lies beside it. The same report is written over in place.
    Where another report, of a newer state, was put there meanwhile, the one whose `report.json`
    came last looks after all that lies beside it.

    Raises:
        StoreError: Other reports came between each time.
    """
    key = folder + REPORT
    for _ in range(TRIES):
        with suppress(Missing):
            if store.read(key) != files[REPORT]:
                store.delete(key)
        for name in sorted(files, key=lambda n: (n == REPORT, n)):
            store.put(folder + name, files[name])
        if not _is(store, key, files[REPORT]) or all(
            _is(store, folder + name, body) for name, body in files.items()
        ):
            return
    raise StoreError(
        f"Other reports were put into {store.url}/{folder} at the same time, again and again.",
        "Run it again when they are done.",
        transient=True,
    )


def _is(store: Store, key: str, body: bytes) -> bool:
    try:
        return hash_of(store, key) == sha256(body).hexdigest()
    except Missing:
        return False
