"""What is particular to one survey; needs no polars."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Survey:
    """One survey.

    Attributes:
        subject: What it is about, for headings.
        series: The series that a report shows beside the population unless another is named.
        sentence: How series without a title are titled, with the codes whose words go there in
            braces: `{Sector}` for the words as they are, `{class}` in small letters.
    """

    subject: str
    series: str | None = None
    sentence: str = ""


SURVEYS = {
    "pr": Survey(
        subject="US productivity",
        series="PRS30006032",
        sentence="{Sector}, {class}: {Measure}, {duration}, {seasonal}",
    )
}


def survey(code: str) -> Survey:
    """Return what is particular to a survey; nothing is to most of them."""
    return SURVEYS.get(code, Survey(f"Survey {code}"))
