"""All that one report tells, before it becomes JSON, sections and charts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from blsquest.analytics.answers import Answers
    from blsquest.analytics.checks import Check
    from blsquest.analytics.release_changes import ReleaseChanges


SAMPLE = "generated sample"


@dataclass(frozen=True)
class Content:
    """What a report tells. It holds neither the time nor the place at which the report is made.

    Attributes:
        survey: The survey's abbreviation.
        sample: Whether any input is a generated sample.
        inputs: By role (`survey`, `population`), what `report.json` says of the input.
        answers: In words, as from `Answers.in_words`.
        catalogue: The survey's series in words, as `Catalogue.frame`.
        checks: All of them, passed or not.
        changes: What the newest release changed; None where there is nothing to compare.
        notes: What is missing, and why.
    """

    survey: str
    sample: bool
    inputs: Mapping[str, Mapping[str, Any]]
    answers: Answers
    catalogue: pl.DataFrame
    checks: tuple[Check, ...]
    changes: ReleaseChanges | None
    notes: tuple[str, ...]
