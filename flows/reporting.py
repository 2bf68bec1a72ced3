"""One report, start to end: pin the state, read it, answer, write. Plain Python over the rooms.

What is written depends on the pinned generations, the question and the library versions alone:
no clock, no run id. So a past report can be made again, byte for byte.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

from flows.lake.as_of import parse_as_of
from flows.lake.log import ManifestLog
from flows.lake.manifest import time_text
from flows.lake.meter import Spent
from flows.lake.model import Misuse, Refused
from flows.lake.reader import entry_named, fetch_vintage
from flows.lake.reports import (
    REPORT,
    is_due,
    newest_report,
    pin,
    put_report,
    read_report,
)
from flows.lake.run import utcnow

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from flows.lake.manifest import Generation
    from flows.lake.model import Entry, OutcomeName, Store
    from flows.lake.reports import Pinned

POPULATION_KEY = "census"
POPULATION_FILE = "census.json"
QUEST_SERIES = {"pr": "PRS30006032"}
"""Quest part 3 asks for this series; other surveys have none until a person names one."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; the defaults are the quest's.

    Attributes:
        survey: The survey to answer from.
        series: The series to join with the population; None for the quest's where it has one.
        period: Its period.
        first_year: First year of the population's statistics.
        last_year: Last year of them, included.
        data_file: The file to answer from; None for `<survey>.data.0.Current`.
    """

    survey: str = "pr"
    series: str | None = None
    period: str = "Q01"
    first_year: int = 2013
    last_year: int = 2018
    data_file: str | None = None

    def settled(self) -> Question:
        """The same question with its defaults spelled out, as `report.json` records it."""
        return Question(
            self.survey,
            self.series or QUEST_SERIES.get(self.survey),
            self.period,
            self.first_year,
            self.last_year,
            self.data_file or f"{self.survey}.data.0.Current",
        )
