"""The question that a report answers."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, get_args

from blsquest.analytics import Ddof, surveys
from blsquest.core.errors import Misuse
from blsquest.core.text import shown
from blsquest.lake.keys import question_root, report_root
from blsquest.sources.config import check_survey
from blsquest.sources.population import YEARS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blsquest.analytics.answers import Question


MOST_PAIRS = 20
"""Nobody reads a page with more tables; the Parquet files have every series."""
MOST_CHARACTERS = 60
"""Twice what the longest series ids of BLS have."""


def asked_years(first: int, last: int) -> range:
    """Return the years from `first` to `last`, both included.

    Raises:
        Misuse: They are fewer than two, or no population can be of such years.
    """
    example = "(--first-year 2013 --last-year 2018)"
    if last <= first:
        raise Misuse(
            f"The years {first} to {last} are no range.",
            f"Give a first year before the last {example}.",
        )
    if first not in YEARS or last not in YEARS:
        raise Misuse(
            f"The years {first} to {last} do not lie within {YEARS[0]} to {YEARS[-1]}.",
            f"Ask for years that the population may have {example}.",
        )
    return range(first, last + 1)


@dataclass(frozen=True, slots=True)
class Request:
    """What a report is asked for; the defaults are the quest's.

    Attributes:
        survey: The survey to answer from.
        series: The series to join with the population, and its period; None for the quest's, if
            the survey has one.
        first_year: The population's statistics are from this year to `last_year`, included.
        data_file: The file to answer from; None for the survey's main one (see `main_data_file`).
        pairs: Further series to join, each with its period: `PRS30006092:Q01`.
        ddof: Which standard deviation is the headline.
    """

    survey: str = "pr"
    series: str | None = None
    period: str = "Q01"
    first_year: int = 2013
    last_year: int = 2018
    data_file: str | None = None
    pairs: Sequence[str] | None = None
    ddof: Ddof = 1

    def spelled_out(self) -> Request:
        """Return the same request with its defaults filled in, and periods as BLS writes them.

        Raises:
            Misuse: The survey, the years, the ddof, an id or a pair makes no sense, or there are
                more pairs than `MOST_PAIRS`.
        """
        check_survey(self.survey)
        asked_years(self.first_year, self.last_year)
        if self.ddof not in get_args(Ddof):
            raise Misuse(
                f"There is no standard deviation with ddof = {self.ddof}.",
                "Ask for 1 (of a sample) or 0 (of a whole population).",
            )
        series = self.series or surveys.survey(self.survey).series
        return replace(
            self,
            series=_code(series) if series else None,
            period=_code(self.period).upper(),
            pairs=_pairs(self.pairs or ()),
        )

    def question(self) -> Question:
        """Return what is asked of the data; the request must be spelled out."""
        from blsquest.analytics.answers import Question

        split = (pair.rpartition(":") for pair in self.pairs or ())
        pairs = tuple((series, period) for series, _, period in split)
        return Question(self.first_year, self.last_year, self.series, self.period, pairs, self.ddof)

    def root(self) -> str:
        """Return where its reports lie, ending in `/`.

        The survey's usual question has `analytics/<day>/`; any other has a folder of its own,
        `analytics/asked/pr/<digest>/<day>/`, so that none takes another's place.
        """
        if self.spelled_out() == Request(self.survey).spelled_out():
            return report_root(self.survey)
        digest = sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()
        return question_root(self.survey, digest[:12])

    def as_dict(self) -> dict[str, Any]:
        """Return it as `report.json` records it."""
        return asdict(self)


def _code(text: str) -> str:
    """Return a series' id or a period, if it is short enough to be shown whole."""
    if len(text.strip()) > MOST_CHARACTERS:
        raise Misuse(f"{shown(text)} is no series and no period.", "BLS's ids have 8 to 30 signs.")
    return text.strip()


def _pairs(given: Sequence[str]) -> list[str]:
    """Return series with their periods, each as `SERIES:PERIOD`."""
    if len(given) > MOST_PAIRS:
        raise Misuse(
            f"{len(given)} pairs are more than the {MOST_PAIRS} that a report shows.",
            "bls_census_stats.parquet has every series beside the population.",
        )
    parts = [[part.strip() for part in pair.rpartition(":")[::2]] for pair in given]
    wrong = [shown(pair) for pair, both in zip(given, parts, strict=True) if not all(both)]
    if wrong:
        raise Misuse(
            f"No series with its period: {', '.join(wrong)}.",
            "Write SERIES:PERIOD, for example PRS30006092:Q01.",
        )
    return [f"{_code(series)}:{_code(period).upper()}" for series, period in parts]
