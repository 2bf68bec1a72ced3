"""The answers as sections, each made once from the values of `report.json` or `revisions.json`.

`html`, `markdown` and `terminal` show any section. Nothing here needs polars.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from blsquest.analytics import CHANGES
from blsquest.core.text import days, number, short

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


NOT_REAL = "Generated sample: these are not real statistics."
RESULTS = {True: "passed", False: "failed", None: "skipped"}

EXAMPLES = 5
LAST_YEARS = 8


class Signed(Decimal):
    """A difference: shown with its sign, also where it is positive."""


Cell = str | int | float | Decimal | None | tuple[str, ...]
"""A text, a number, None for an unknown number, or a text with further ones that explain it."""


@dataclass(frozen=True, slots=True)
class Section:
    """One answer, for people.

    Attributes:
        title: What it answers.
        lead: What its rows are.
        columns: The names of their cells; the first cell names the row.
        rows: The cells.
        notes: Sentences about the whole.
    """

    title: str
    lead: str = ""
    columns: tuple[str, ...] = ()
    rows: Sequence[tuple[Cell, ...]] = ()
    notes: tuple[str, ...] = ()

    def numbers(self) -> frozenset[int]:
        """Return the positions of the columns that hold only numbers."""
        return frozenset(
            at
            for at in range(len(self.columns))
            if not any(isinstance(row[at], str | tuple) for row in self.rows)
        )


def plain(cell: Cell) -> str:
    """Return a cell as text; very long text is cut short."""
    if isinstance(cell, tuple):
        first, *more = map(short, cell)
        return f"{first} ({', '.join(more)})" if more else first
    if isinstance(cell, str):
        return short(cell)
    return ("+" if isinstance(cell, Signed) and cell > 0 else "") + number(cell)


# -- A report ----------------------------------------------------------------------------------


def summary(report: Mapping[str, Any]) -> Iterator[Section]:
    """Yield a report in short.

    Args:
        report: As in `report.json`.
    """
    answers = report["answers"]
    yield population_statistics(answers["population_statistics"])
    yield best_years(answers["best_year"], most=EXAMPLES)
    yield from (series_population(pair, LAST_YEARS) for pair in answers["series_population"])
    if report["changes"]:
        yield replace(changes(report), lead="", columns=(), rows=())
    wanting = [
        f"{check['name']} ({check['subject']}): {RESULTS[check['passed']]}. {check['detail']}"
        for check in report["checks"]
        if not check["passed"]
    ]
    all_checks = replace(checks(report["checks"]), columns=(), rows=())
    yield replace(all_checks, notes=(*wanting, *report["notes"]))


def population_statistics(found: Mapping[str, Any]) -> Section:
    """The mean and both standard deviations, the one that was asked for first."""
    span = f"{found['first_year']}-{found['last_year']}"
    deviations: list[tuple[Cell, ...]] = [
        ("Standard deviation of a sample (ddof = 1)", found["std_sample"]),
        ("Standard deviation of a population (ddof = 0)", found["std_population"]),
    ]
    headline, other = deviations if found["ddof"] else reversed(deviations)
    return Section(
        f"US population, {span}: mean and standard deviation",
        f"{span}, {found['years']} years, {found['estimate'] or 'estimate not stated'}",
        ("Statistic", "People"),
        [("Mean", found["mean"]), (f"{headline[0]}, the headline", headline[1]), other],
    )


def best_years(best: Mapping[str, Any], most: int | None = None) -> Section:
    """The best year of each series.

    Args:
        best: As in `report.json`.
        most: List so many of the largest sums; None for all that are there, by id.
    """
    title = "The best year of each series"
    rows, total = best["rows"], best["series"]
    if not total:
        return Section(title, notes=("No series has a value: there is no best year.",))
    bases = ", ".join(
        f"{count:,} from {'annual figures' if basis == 'annual' else basis}"
        for basis, count in best["by_basis"].items()
    )
    notes = [
        f"{total:,} series: {bases}; {best['partial']:,} best in a year that is not complete.",
        _ties(best),
        "Sums of different units can't be compared.",
    ]
    all_or_first = f"first {len(rows):,} of {total:,}" if len(rows) < total else f"{total:,}"
    lead = f"The {all_or_first} series by id"
    lead += "; best_year.parquet has all" if len(rows) < total else ""
    if most is not None:
        lead = f"The largest sums of the {all_or_first} series"
        often = Counter(row["year"] for row in sorted(rows, key=lambda row: -row["year"]))
        years = ", ".join(f"{year} ({times:,})" for year, times in often.most_common(EXAMPLES))
        notes.insert(1, f"Most often best: {years}.")
        rows = sorted(rows, key=lambda row: (-Decimal(row["value"]), row["series_id"]))[:most]
    return Section(
        title,
        lead,
        ("Series", "Best year", "Sum", "Unit", "Answered from"),
        [(_series(r), _year(r), Decimal(r["value"]), _unit(r), r["basis"]) for r in rows],
        tuple(notes),
    )


def _ties(best: Mapping[str, Any]) -> str:
    tied = [row for row in best["rows"] if len(row["tied_years"]) > 1][:EXAMPLES]
    if not best["tied"]:
        return "No two years of any series tie."
    named = [
        f"{_name(row)} ({row['series_id']}: {' and '.join(map(str, row['tied_years']))})"
        for row in tied
    ]
    more = best["tied"] - len(tied)
    return f"Tied: {'; '.join([*named, *([f'{more:,} more'] if more else [])])}. The earliest year is the answer."


def _year(row: Mapping[str, Any]) -> tuple[str, ...]:
    tied = len(row["tied_years"]) > 1
    more = [f"tied: {', '.join(map(str, row['tied_years']))}"] if tied else []
    return (str(row["year"]), *more, *(["partial year"] if row["partial"] else []))


def series_population(pair: Mapping[str, Any], most: int | None = None) -> Section:
    """A series beside the population, the newest year first.

    Args:
        pair: As in `report.json`.
        most: List so many years; None for all.
    """
    rows = pair["rows"]
    known = sum(row["population"] is not None for row in rows)
    which = "the newest first" if most is None else f"the newest {min(most, len(rows))}"
    unit = short(pair["unit"] or "unit not known")
    return Section(
        _name(pair),
        f"{pair['series_id']} {pair['period']}: {len(rows):,} years, {known:,} of them with a "
        f"population; {which}",
        ("Year", f"Value ({unit})", "People"),
        [
            (str(row["year"]), row["value"] and Decimal(row["value"]), row["population"])
            for row in rows[::-1][:most]
        ],
    )


def changes(report: Mapping[str, Any]) -> Section:
    """What the newest release revised of the one before."""
    title, found = "What the newest release revised", report["changes"]
    if not found:
        return Section(title, notes=("Not compared: see what is missing at the top.",))
    before, now, counts = found["before"], report["inputs"]["survey"], found["counts"]
    earlier, later = days(before["committed"], now["committed"])
    note = (
        f"Generation {now['generation']} ({later}) against generation {before['generation']} "
        f"({earlier}): {counts['added']:,} added, {counts['removed']:,} removed, "
        f"{counts['revised']:,} revised (another value), {counts['annotated']:,} annotated "
        f"(another footnote), in {counts['series']:,} series."
    )
    if not counts["revised"]:
        return Section(title, notes=(note, "No value was revised."))
    return replace(_largest(found["largest"]), title=title, notes=(note,))


def checks(made: Sequence[Mapping[str, Any]]) -> Section:
    """Every check with its result."""
    return Section(
        "Checks",
        verdict(made),
        ("Check", "Of", "Kind", "Result", "Seen"),
        [
            (
                check["name"],
                check["subject"],
                "required" if check["required"] else "advisory",
                RESULTS[check["passed"]],
                check["detail"],
            )
            for check in made
        ],
    )


def verdict(made: Iterable[Mapping[str, Any]]) -> str:
    """Count the results, and name the checks that failed: `12 passed, 1 skipped, 1 failed: …`."""
    results = Counter(RESULTS[check["passed"]] for check in made)
    failed = [f"{c['name']} ({c['subject']})" for c in made if c["passed"] is False]
    told = [f"{results['passed']} passed"]
    told += [f"{results['skipped']} skipped"] if results["skipped"] else []
    told += [f"{len(failed)} failed: {'; '.join(failed)}"] if failed else []
    return ", ".join(told)


INPUTS = {
    "Source": "source",
    "Generation": "generation",
    "Committed (UTC)": "committed",
    "Manifest SHA-256": "manifest_sha256",
    "File": "file",
    "Bytes": "bytes",
    "File SHA-256": "sha256",
    "Last modified at the source": "last_modified",
    "Data set": "dataset",
}


def sources(inputs: Mapping[str, Mapping[str, Any]], survey: str) -> Section:
    """The files that a report was computed from, with the survey as the first one's data set."""
    of_survey, of_population = {**inputs["survey"], "dataset": survey}, inputs["population"]
    return Section(
        "Sources",
        "The exact files this report was computed from",
        ("", "Survey", "Population"),
        [
            (label, *(str(given[name] or "not stated") for given in (of_survey, of_population)))
            for label, name in INPUTS.items()
        ],
    )


def _name(row: Mapping[str, Any]) -> str:
    return short(row["title"] or row["series_id"])


def _series(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (row["title"], row["series_id"]) if row["title"] else (row["series_id"],)


def _unit(row: Mapping[str, Any]) -> str:
    return row["unit"] or "not known"


# -- Revisions ---------------------------------------------------------------------------------


def revisions(found: Mapping[str, Any]) -> Iterator[Section]:
    """Yield what one generation revised of another.

    Args:
        found: As in `revisions.json`.
    """
    if found["sample"]:
        yield Section(NOT_REAL)
    ends = (found["from"], found["to"])
    earlier, later = (
        f"generation {end['generation']} ({day})"
        for end, day in zip(ends, days(*(end["committed"] for end in ends)), strict=True)
    )
    yield Section(
        f"What {found['source']} revised",
        f"From {earlier} to {later}",
        ("File", *CHANGES, "series") if found["files"] else (),
        [
            (file["file"], *(file[count] for count in (*CHANGES, "series")))
            for file in found["files"]
        ],
        ("An annotated observation has its old value and another footnote.",)
        if found["files"]
        else ("No data file differs.",),
    )
    if found["largest"]:
        yield _largest(found["largest"])
    if found["notes"]:
        yield Section("Notes", notes=tuple(found["notes"]))


def sentence(found: Mapping[str, Any]) -> str:
    """Return one line: what each data file's new vintage changed.

    Args:
        found: As in `revisions.json`.
    """
    sample = " (generated sample)" if found["sample"] else ""
    files = "; ".join(
        f"{file['file']} " + ", ".join(f"{file[change]:,} {change}" for change in CHANGES)
        for file in found["files"]
    )
    return (
        f"{found['source']}{sample}, generations {found['from']['generation']} to "
        f"{found['to']['generation']}: {files or 'no data file differs'}."
    )


def _largest(rows: Iterable[Mapping[str, Any]]) -> Section:
    return Section(
        "Largest revisions",
        "The largest revisions of each unit",
        ("Series", "Observation", "Was", "Is", "Difference", "Unit"),
        [
            (
                _series(row),
                f"{row['year']} {row['period']}",
                Decimal(row["old_value"]),
                Decimal(row["new_value"]),
                Signed(row["difference"]),
                _unit(row),
            )
            for row in rows
        ],
    )
