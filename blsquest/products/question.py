"""The question that a report answers."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, get_args

from blsquest.analytics import Ddof
from blsquest.analytics.periods import period_code
from blsquest.analytics.surveys import SURVEYS
from blsquest.analytics.surveys import survey as of_its_own
from blsquest.core.errors import Misuse
from blsquest.core.text import shown
from blsquest.lake.keys import question_root, report_root
from blsquest.sources.config import check_survey
from blsquest.sources.population import YEARS
from blsquest.sources.selection import is_code, means

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blsquest.analytics.answers import Question


MOST_PAIRS = 20
"""Nobody reads a page with more tables; the Parquet files have every series."""
MOST_CHARACTERS = 60
"""Twice the length of BLS's longest series ids."""


def asked_years(first: int, last: int) -> range:
    """Return the years from `first` to `last`, both included.

    Raises:
        Misuse: They are fewer than two, or no population can be of such years.
    """
    example = "(--first-year 2013 --last-year 2018)"
    wrong = ""
    if last <= first:
        wrong, how = "are no range", "Give a first year before the last"
    elif first not in YEARS or last not in YEARS:
        wrong = f"do not lie within {YEARS[0]} to {YEARS[-1]}"
        how = "Ask for years that the population may have"
    if wrong:
        raise Misuse(f"The years {first} to {last} {wrong}.", f"{how} {example}.")
    return range(first, last + 1)


@dataclass(frozen=True, slots=True)
class Request:
    """The request for a report; the defaults are the quest's.

    Attributes:
        survey: The survey to answer from.
        series: The series to show first and to join with the population; None for the quest's, if
            the survey has one.
        period: Its period of each year; None for the quest's, else that of its newest value.
        first_year: The population's statistics are for this year to `last_year`, included.
        data_file: The file to answer from; None for the survey's main one (see `main_data_file`).
        pairs: Further series to join, each with its period: `PRS30006092:Q01`.
        ddof: Which standard deviation is the headline.
    """

    survey: str = "pr"
    series: str | None = None
    period: str | None = None
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
        own = of_its_own(self.survey)
        series, period = self.series or own.series, self.period or own.period
        return replace(
            self,
            series=_code(series).upper() if series else None,
            period=period_code(_code(period)) if period else None,
            pairs=_pairs(self.pairs or ()),
        )

    def question(self) -> Question:
        """Return the question to the data; the request must be spelled out."""
        from blsquest.analytics.answers import Question

        split = (pair.rpartition(":") for pair in self.pairs or ())
        pairs = tuple((series, period) for series, _, period in split)
        years = self.first_year, self.last_year
        by = of_its_own(self.survey).by
        return Question(*years, self.series, self.period, pairs, self.ddof, by)

    def with_population(self) -> bool:
        """Return whether it asks for the population; the request must be spelled out.

        It does if a series is joined with the population, or if the years or the ddof of its
        statistics are not the defaults. For `pr`, the quest asks for both.
        """
        usual = Request(self.survey)
        statistics = (self.first_year, self.last_year, self.ddof)
        unusual = statistics != (usual.first_year, usual.last_year, usual.ddof)
        return bool(self.series or self.pairs) or unusual

    def root(self) -> str:
        """Return the folder of its reports, ending in `/`.

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
        raise Misuse(
            f"{shown(text)} is no series and no period.", "BLS's ids have 8 to 30 characters."
        )
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
    return [f"{_code(series).upper()}:{period_code(_code(period))}" for series, period in parts]


# -- A question to many surveys ----------------------------------------------------------------


def check_shared(asked: Request, surveys: Sequence[str]) -> None:
    """Refuse a question if its parts can't be assigned to the surveys.

    One survey gets the whole question. Of several, all get the years and the deviation; a series, a
    pair or a data file goes to the survey whose code it begins with. `surveys` are patterns, as
    `select` takes them; the question's own survey is ignored.

    Raises:
        Misuse: A series, a pair or a data file is of none of these surveys; or a period is given
            without a series, and none of them has one that it could be of.
    """
    named = [text for text in (asked.series, asked.data_file, *(asked.pairs or ())) if text]
    lost = [shown(text) for text in named if not means(surveys, owner(text))]
    if lost:
        of = f"not of the survey {surveys[0]}"
        of = of if is_alone(surveys) else f"of none of the surveys {' '.join(surveys)}"
        raise Misuse(
            f"{', '.join(lost)}: {of}.",
            "A series id and a data file's name begin with their survey's code: name that survey "
            "(--survey).",
        )
    default = any(own.series and means(surveys, code) for code, own in SURVEYS.items())
    if asked.period and not (is_alone(surveys) or asked.series or default):
        raise Misuse(
            f"The period {shown(asked.period)} belongs to no series.",
            "Name the series too (--series), or a pair (--pair SERIES:PERIOD).",
        )


def is_alone(patterns: Sequence[str]) -> bool:
    """Return whether the patterns are one survey's code alone."""
    return len(patterns) == 1 and is_code(patterns[0])


def of_survey(asked: Request, survey: str, *, alone: bool) -> Request:
    """Return one survey's part of a question that passed `check_shared`."""
    if alone:
        return replace(asked, survey=survey)
    series, data_file = (
        text if text and owner(text) == survey else None for text in (asked.series, asked.data_file)
    )
    has_period = series or (asked.series is None and of_its_own(survey).series)
    pairs = [pair for pair in asked.pairs or () if owner(pair) == survey]
    return replace(
        asked,
        survey=survey,
        series=series,
        period=asked.period if has_period else None,
        data_file=data_file,
        pairs=pairs or None,
    )


def owner(text: str) -> str:
    """Return the survey whose code a series id or a data file's name begins with."""
    return text.strip()[:2].lower()
