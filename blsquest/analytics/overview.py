"""A survey's name and what it measures, from its own `<survey>.txt`. Needs no polars.

These overviews are written by hand. Most begin with the survey's name and its code in brackets,
and have a paragraph `Survey Description:` below a line `The following is a definition of:`.
"""

import re
from dataclasses import dataclass

LARGEST = 1 << 20
"""Bytes of an overview; BLS's have 5 to 100 thousand."""

_LONGEST_NAME = 120
_LONGEST_DESCRIPTION = 420
_LINES = 40
_DESCRIPTION = re.compile(
    r"Survey\s+Description\s*:(.*?)(?:\n[ \t]*\n|\Z)", re.DOTALL | re.IGNORECASE
)
_DEFINITION = re.compile(r"following is a definition of\s*:?[ \t]*(.+)", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Overview:
    """A survey's name, such as `Consumer Price Index (CU)`, and what it measures; "" for none."""

    name: str
    measures: str = ""


def overview(survey: str, text: str | None) -> Overview:
    """Read a survey's name and what it measures, up to two sentences, from its overview.

    The name is the first line that ends with the survey's code in brackets, or what the line on
    the definition says; else the survey is called by its code.
    """
    lines = [" ".join(line.split()) for line in (text or "").splitlines()]
    body = "\n".join(lines)
    named = [line for line in lines[:_LINES] if line.upper().endswith(f"({survey.upper()})")]
    defined = _DEFINITION.search(body)
    candidates = [*named, *([defined[1]] if defined else [])]
    short = [c for c in candidates if len(c) <= _LONGEST_NAME and not _DEFINITION.search(c)]
    found = _DESCRIPTION.search(body)
    sentences = _SENTENCE_END.split(" ".join(found[1].split()) if found else "", maxsplit=2)
    # Two sentences, or as much of them as fits.
    begun = (" ".join(sentences[:2]), sentences[0], "")
    measures = next(text for text in begun if len(text) <= _LONGEST_DESCRIPTION)
    return Overview(next(iter(short), f"Survey {survey}"), measures)
