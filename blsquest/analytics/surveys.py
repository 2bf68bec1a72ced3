"""What is particular to one survey; needs no polars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True, slots=True)
class Sentence:
    """How the codes of a survey without titles of its own make a title.

    Attributes:
        form: The sentence, with braces where a code's words go.
        parts: The codes whose words go there, in their order.
        lower: Those of them that are inside the sentence, and so begin small.
    """

    form: str
    parts: tuple[str, ...]
    lower: frozenset[str]


@dataclass(frozen=True, slots=True)
class Survey:
    """One survey.

    Attributes:
        subject: What it is about, for headings.
        series: The series that a report shows beside the population unless another is named.
        sentence: How its series are titled; None for those of the series file, or all codes.
    """

    subject: str
    series: str | None = None
    sentence: Sentence | None = None


SURVEYS = {
    "pr": Survey(
        subject="US productivity",
        series="PRS30006032",
        sentence=Sentence(
            "{}, {}: {}, {}, {}",
            ("sector", "class", "measure", "duration", "seasonal"),
            frozenset({"class", "duration", "seasonal"}),
        ),
    )
}


def survey(code: str) -> Survey:
    """Return what is particular to a survey; nothing is to most of them."""
    return SURVEYS.get(code, Survey(f"Survey {code}"))


def default_data_file(code: str, files: Collection[str]) -> str:
    """Return the data file that a survey is answered from unless a person names another.

    Args:
        code: The survey's abbreviation.
        files: The names of its data files.
    """
    usual = f"{code}.data.0.Current"
    return usual if usual in files else min(files, default=usual)
