"""Checks on the population by year. The payload's own form was checked when it was mirrored."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from flows.analytics.checks import advisory, required, some
from flows.analytics.questions import never_published

if TYPE_CHECKING:
    import polars as pl

    from flows.analytics.checks import Check

LEAST_GROWTH, MOST_GROWTH = -1.0, 3.0
"""Percent a year. Since 1900 the United States have grown by -0.1 (1918) to 2.1 (1909, 1914):
Census Bureau, national intercensal estimates. Beyond lies another country, or another unit."""


def population_checks(name: str, population: pl.DataFrame, estimate: str) -> list[Check]:
    """Whether the population can carry the answers.

    Args:
        name: What the lake calls the file.
        population: As from `population_frame`.
        estimate: Which estimate it is.
    """
    people = dict(population.select("year", "population").iter_rows())
    return [_growth(name, people), _gaps(name, people, never_published(estimate))]


def _growth(name: str, people: dict[int, int]) -> Check:
    rates = {
        f"{before}-{after}": 100 * ((people[after] / people[before]) ** (1 / (after - before)) - 1)
        for before, after in pairwise(people)
    }
    beyond = [
        f"{span} ({rate:+.2f} %)"
        for span, rate in rates.items()
        if not LEAST_GROWTH <= rate <= MOST_GROWTH
    ]
    allowed = f"{LEAST_GROWTH:+.0f} to {MOST_GROWTH:+.0f} % a year are plausible"
    if beyond:
        return required("growth plausible", name, f"{some(beyond)}; {allowed}", passed=False)
    if not rates:
        return required("growth plausible", name, "one year alone has no growth", passed=None)
    seen = f"{min(rates.values()):+.2f} to {max(rates.values()):+.2f} %; {allowed}"
    return required("growth plausible", name, seen, passed=True)


def _gaps(name: str, people: dict[int, int], never: frozenset[int]) -> Check:
    first, last = min(people), max(people)
    gaps = [year for year in range(first, last) if year not in people]
    detail = f"{first}-{last}" + (f" without {some(gaps)}" if gaps else "")
    if explained := sorted(never & set(gaps)):
        detail += f" (no one-year estimate was published for {some(explained)})"
    return advisory("no year is missing", name, detail, passed=never.issuperset(gaps))
