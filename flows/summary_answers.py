"""What a report's answers read like on a terminal."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from blsquest.analytics.report.sections import summary
from blsquest.analytics.report.terminal import terminal
from blsquest.core.text import minute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blsquest.products.report import Reported


def answers_told(reported: Reported, lake: str) -> Iterator[str]:
    """Yield the answers, what was revised, and the checks: a part each.

    Args:
        reported: A report.
        lake: As the person named it.
    """
    report = reported.report
    survey, population = report["inputs"]["survey"], report["inputs"]["population"]
    yield (
        f"The answers, from {survey['file']} of generation {survey['generation']} (committed "
        f"{minute(survey['committed'])})\nand generation "
        f"{population['generation']} of the population"
    )
    *answers, checks = summary(report)
    if report["changes"]:
        name = report["question"]["survey"]
        at = f"--lake {shlex.quote(lake)}" + (f" --survey {name}" if name != "pr" else "")
        hints = (
            f"{_python()} -m flows.revisions {at}   shows the largest; keeps all",
            f"{_python()} -m flows.history SERIES YEAR PERIOD {at}   every value of one",
        )
        answers[-1] = replace(answers[-1], notes=(*answers[-1].notes, *hints))
    yield from map(terminal, (*answers, checks))


def _python() -> str:
    """Return the interpreter as a person in this folder would write it."""
    here = Path(sys.executable)
    return str(here.relative_to(Path.cwd())) if here.is_relative_to(Path.cwd()) else "python"
