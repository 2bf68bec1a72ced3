"""Contents of reports, made from small data files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from blsquest.analytics.answers import Question, answer
from blsquest.analytics.catalogue import Catalogue, empty_catalogue
from blsquest.analytics.checks import answer_checks, layout_checks, profile
from blsquest.analytics.headlines import headlines
from blsquest.analytics.latest import values_of
from blsquest.analytics.observations import observation_batches, population_frame, read_observations
from blsquest.analytics.overview import overview
from blsquest.analytics.release_changes import release_changes
from blsquest.analytics.report.content import Content
from blsquest.analytics.revisions import compare
from tests.support.data_files import Row, data_file

ROWS: list[Row] = [
    ("A", 2013, "Q01", "1000.25"),
    ("A", 2014, "Q01", "1000.25"),
    ("B", 2014, "Q05", "-2"),
]
PEOPLE = {2013: 10_000_000, 2014: 30_000_000, 2016: 5}
INPUT: dict[str, Any] = {
    "source": "bls/xx",
    "generation": 3,
    "manifest_sha256": "c0ffee",
    "committed": "2025-02-06T20:00:00.000000Z",
    "sample": False,
    "file": "xx.data.0.Current",
    "bytes": 1234,
    "sha256": "beef",
    "last_modified": "Thu, 06 Feb 2025 13:30:00 GMT",
}


def named(words: Mapping[str, tuple[str, str]]) -> Catalogue:
    """Return a catalogue of these series, each with its title and unit."""
    frame = pl.DataFrame(
        [(series_id, *pair) for series_id, pair in words.items()],
        schema=["series_id", "title", "unit"],
        orient="row",
    )
    return Catalogue(frame, ())


def content(
    folder: Path,
    rows: list[Row] | None = None,
    *,
    before: list[Row] | None = None,
    catalogue: Catalogue | None = None,
    question: Question | None = None,
    **given: Any,
) -> Content:
    """Return the content of a report on these rows, with those of the release before, if any.

    The question is by default on the first row's series and period, 2013-2014; `given` are fields
    of `Content` that are not worked out, `people` and `estimate`.
    """
    rows = ROWS if rows is None else rows
    words = catalogue or empty_catalogue("there is no xx.series")
    asked = question or Question(2013, 2014, rows[0][0], rows[0][2])
    people = population_frame(given.pop("people", PEOPLE))
    path = data_file(folder, rows)
    observations = read_observations(path)
    answers = answer(observations, people, given.pop("estimate", "ACS"), asked)
    profiled = profile(observations)
    changes = revisions = None
    if before is not None:
        (folder / "before").mkdir()
        earlier = observation_batches(data_file(folder / "before", before))
        revisions = compare(earlier, observation_batches(path))
        changes = release_changes(revisions, profiled, words, before=2, committed="2024-06-06")
    first = headlines(answers.latest, words.frame, asked.series_id)
    worded = answers.in_words(words.frame)
    defaults: dict[str, Any] = {
        "survey": "xx",
        "sample": False,
        "inputs": {
            "survey": INPUT,
            "population": INPUT | {"source": "census", "dataset": "ACS 1-year Estimate"},
        },
        "answers": worded,
        "catalogue": words.frame,
        "checks": (*layout_checks(path.name, profiled), *answer_checks(answers, profiled)),
        "changes": changes,
        "notes": words.notes,
        "overview": overview("xx", None),
        "headlines": first,
        "chosen": values_of(observations, worded.latest, first[0].series_id, revisions)
        if first
        else None,
    }
    return Content(**(defaults | given))
