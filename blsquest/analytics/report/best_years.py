"""The best years as a section, from `answers.best_year` of `report.json`.

By sums in `pr`, as the quest says; elsewhere by means, and no sum is shown as if it were a
quantity. Needs no polars.
"""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from blsquest.analytics.report.section import (
    Cell,
    Section,
    in_columns,
    name_of,
    periods_of,
    plain,
    series_of,
    shown_with,
    unit_of,
)
from blsquest.core.text import mean_decimals

EXAMPLES = 5


def best_years(best: Mapping[str, Any], most: int | None = None) -> Section:
    """Show the best year of all listed series by id, or of the first `most` headline series.

    Series are not ranked: an index, a price and a rate can't be compared.
    """
    title, rows, total = "The best year of each series", best["rows"], best["series"]
    if not total:
        return Section(title, notes=("No series has a value: there is no best year.",))
    which, all_in = f"{total:,} series", ""
    if len(rows) < total:
        which, all_in = f"first {len(rows):,} of {which}", "; best_year.parquet has all"
    notes = _best_notes(best)
    lead = f"The {which} by id{all_in}"
    if most is not None:
        years = Counter(sorted((row["year"] for row in rows), reverse=True)).most_common(EXAMPLES)
        often = ", ".join(f"{year} ({times:,})" for year, times in years)
        notes.append(f"Most often best: {often}.")
        rows = best["headlines"][:most]
        lead = f"The headline series, of {total:,} in all"
    annual = set(best["by_basis"]) == {"annual"}

    def cells(row: Mapping[str, Any]) -> dict[str, Cell]:
        columns: dict[str, Cell] = {"Series": series_of(row), "Best year": _year(row)}
        if best["by"] == "sum":
            total = shown_with(row["decimals"], row["value"])
            return columns | {"Sum": total, "Unit": unit_of(row), "Answered from": row["basis"]}
        columns |= {"Value" if annual else "Average": average(row), "Unit": unit_of(row)}
        further = {"Average of": _average_of(row), "So far": _so_far(row)}
        return columns if annual else columns | further

    return Section(title, lead, *in_columns([cells(row) for row in rows]), tuple(notes))


def _best_notes(best: Mapping[str, Any]) -> list[str]:
    bases = ", ".join(
        f"{count:,} from {'annual figures' if basis == 'annual' else basis}"
        for basis, count in best["by_basis"].items()
    )
    counted = f"{best['series']:,} series: {bases}; "
    partial = f"{best['partial']:,} " if best["partial"] else ""
    if best["by"] == "sum":
        how = "best in a year that is not complete" if partial else "all best in a complete year"
        different = "Sums of different units can't be compared."
        return [f"{counted}{partial}{how}.", different, *_ties(best)]
    how = "without a complete year are answered from what they have"
    counted += f"{partial}{how}." if partial else "all have complete years."
    largest = "Best means largest: of prices or unemployment that is not the most welcome year."
    annual = best["by_basis"].get("annual", 0)
    if annual == best["series"]:
        return [largest, f"{annual:,} series, each compared by its annual figures.", *_ties(best)]
    ways = {
        "their annual figures": annual,
        "the publisher's annual averages": best["compared"].get("annual average", 0) - annual,
        "the means of their periods": best["compared"].get("mean", 0),
    }
    how = " and ".join(f"{count:,} by {way}" for way, count in ways.items() if count)
    compete = f"Only complete years compete: {how}; the running year is shown beside them, so far."
    return [largest, counted, compete, *_ties(best)]


def average(row: Mapping[str, Any]) -> Decimal | None:
    """Return the best year's average: the publisher's, or its periods' mean rounded for people."""
    if row["annual_average"] is not None:
        return shown_with(row["decimals"], row["annual_average"])
    return shown_with(mean_decimals(row["decimals"], row["periods"]), row["mean"])


def _average_of(row: Mapping[str, Any]) -> str:
    if row["basis"] == "annual":
        return "annual figure"
    if row["annual_average"] is not None:
        by_mean = row["compared"] != "annual average"
        return "publisher's" + (", compared by means" if by_mean else "")
    return periods_of(row["periods"], row["basis"])


def _so_far(row: Mapping[str, Any]) -> Cell:
    """Return the running year's mean, and its number of periods."""
    if row["running_year"] is None:
        return ""
    places = mean_decimals(row["decimals"], row["running_periods"])
    mean = plain(shown_with(places, row["running_mean"]))
    periods = periods_of(row["running_periods"], row["basis"])
    return mean, f"{row['running_year']}, {periods}"


def _ties(best: Mapping[str, Any]) -> list[str]:
    if not best["tied"]:
        return ["No two years of any series tie."]
    tied = [row for row in best["rows"] if len(row["tied_years"]) > 1][:EXAMPLES]
    more = best["tied"] - len(tied)
    return [
        "Where years tie, the earliest is the answer.",
        *(
            f"Tied: {name_of(r)} ({r['series_id']}), {' and '.join(map(str, r['tied_years']))}."
            for r in tied
        ),
        *([f"Tied: {more:,} more series, named in best_year.parquet."] if more else []),
    ]


def _year(row: Mapping[str, Any]) -> tuple[str, ...]:
    years = [str(year) for year in row["tied_years"]]
    tied = [f"tied: {', '.join(years)}"] if len(years) > 1 else []
    return (str(row["year"]), *tied, *(["partial year"] if row["partial"] else []))


# -- What years are made of --------------------------------------------------------------------

_OWN_PERIODS = {
    "months": ("months (M01-M12)", "M13"),
    "quarters": ("quarters (Q01-Q04)", "Q05"),
    "halves": ("halves (S01-S02)", "S03"),
    "annual": ("annual figures", "A01"),
}


def own_periods(best: Mapping[str, Any]) -> tuple[str, str]:
    """Return the kinds of a survey's periods, and the codes of their annual averages."""
    own = [_OWN_PERIODS[basis] for basis in best["by_basis"]] or [("periods", "its own code")]
    periods, averages = (" or ".join(names) for names in zip(*own, strict=True))
    return periods, averages
