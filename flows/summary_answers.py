"""What a report's answers read like on a terminal."""

from __future__ import annotations

import shlex
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blsquest.core.text import columns, minute, short

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blsquest.products.report import Reported

LAST_ROWS = 6
EXAMPLES = 5
FIGURES = {"annual": "annual figures"}


def answers_told(reported: Reported, lake: str) -> Iterator[str]:
    """The answers, what was revised, and the checks: a part each.

    Args:
        reported: A report.
        lake: As the person named it.
    """
    answers = reported.report["answers"]
    yield "\n".join((_source_of(reported), *_population(answers), *_best(answers)))
    for joined in answers["series_population"]:
        lines = [f"  {'year':>6} {'value':>12} {'population':>14}"]
        for row in joined["rows"][-LAST_ROWS:]:
            people = f"{row['population']:,}" if row["population"] is not None else "unknown"
            lines.append(f"  {row['year']:>6} {_plain(row['value']):>12} {people:>14}")
        title = f"{joined['series_id']}, {joined['period']}, with the population"
        title += f" (the last {len(lines) - 1} of {len(joined['rows'])} years)"
        told = f"{short(joined['title'] or '')} ({short(joined['unit'] or 'unit not known')})"
        words = [f"  {told}"] if joined["title"] else []
        yield "\n".join([title, *words, *lines])
    if reported.report["changes"]:
        yield _revised(reported.report, lake)
    yield "\n".join(_checks(reported.report))


def _source_of(reported: Reported) -> str:
    inputs = reported.report["inputs"]
    survey, population = inputs["survey"], inputs["population"]
    return (
        f"The answers, from {survey['file']} of generation {survey['generation']} (committed "
        f"{minute(survey['committed'])})\nand generation "
        f"{population['generation']} of the population"
    )


def _population(answers: dict[str, Any]) -> Iterator[str]:
    found = answers["population_statistics"]
    estimate = found["estimate"] or "estimate not stated"
    yield f"  US population {found['first_year']}-{found['last_year']} ({estimate})"
    yield f"    mean                {found['mean']:>18,.4f}"
    both = [
        f"{found['std_sample']:>18,.4f}  (sample, ddof = 1)",
        f"{found['std_population']:>18,.4f}  (population, ddof = 0)",
    ]
    asked, other = both if found["ddof"] else reversed(both)
    yield f"    standard deviation  {asked}"
    yield f"                        {other}"


def _best(answers: dict[str, Any]) -> Iterator[str]:
    best = answers["best_year"]
    by = ", ".join(f"{n} from {FIGURES.get(basis, basis)}" for basis, n in best["by_basis"].items())
    yield f"  Best year of each of {best['series']} series ({by}; {best['tied']} tied):"
    yield "  the year with the largest sum, for example"
    told = ("unit", "series_id", "title")
    examples = [
        (str(row["year"]), _plain(row["value"]), *(row[word] or "" for word in told))
        for row in best["rows"][:EXAMPLES]
    ]
    header = ("best", "sum", "unit", "series", "what it is")
    for line in columns([header, *examples], numbers={1}):
        yield f"    {line}"


def _revised(report: dict[str, Any], lake: str) -> str:
    since, counts = report["changes"]["before"]["generation"], report["changes"]["counts"]
    said = ", ".join(f"{n:,} {what}" for what, n in counts.items() if what != "series" and n)
    survey = report["question"]["survey"]
    at = f"--lake {shlex.quote(lake)}" + (f" --survey {survey}" if survey != "pr" else "")
    head = f"Observations since generation {since}, in {counts['series']} series"
    return (
        f"{head}: {said or 'the same'}\n"
        f"  {_python()} -m flows.revisions {at}   shows the largest; keeps all\n"
        f"  {_python()} -m flows.history SERIES YEAR PERIOD {at}   every value of one"
    )


def _python() -> str:
    """The interpreter as a person in this folder would write it."""
    here = Path(sys.executable)
    return str(here.relative_to(Path.cwd())) if here.is_relative_to(Path.cwd()) else "python"


def _checks(report: dict[str, Any]) -> Iterator[str]:
    checks = report["checks"]
    made = [c["passed"] for c in checks if c["passed"] is not None]
    missing = len(checks) - len(made)
    more = f"; {missing} could not be made" if missing else ""
    yield f"Checks: {sum(made)} of {len(made)} passed{more}"
    for check in checks:
        if not check["passed"]:
            result = "not made" if check["passed"] is None else "failed"
            yield f"  {check['name']} ({check['subject']}) {result}: {check['detail']}"


def _plain(value: str | None) -> str:
    """An exact decimal without its trailing zeros."""
    return "-" if value is None else f"{Decimal(value).normalize():,f}"
