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
REVISED = "What the newest release revised"
RESULTS = {True: "passed", False: "failed", None: "skipped"}

EXAMPLES = 5
LAST_YEARS = 8

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


# -- A report (the values of report.json) --------------------------------------------------------


def summary(report: Mapping[str, Any]) -> Iterator[Section]:
    """Yield a report in short."""
    answers, made = report["answers"], report["checks"]
    yield population_statistics(answers["population_statistics"])
    yield best_years(answers["best_year"], most=EXAMPLES)
    yield from (series_population(pair, LAST_YEARS) for pair in answers["series_population"])
    if report["changes"]:
        yield replace(changes(report), lead="", columns=(), rows=())
    wanting = [
        f"{check['name']} ({check['subject']}): {RESULTS[check['passed']]}. {check['detail']}"
        for check in made
        if not check["passed"]
    ]
    yield Section("Checks", verdict(made), notes=(*wanting, *report["notes"]))


def population_statistics(found: Mapping[str, Any]) -> Section:
    """Show the mean and both standard deviations, the one that was asked for first."""
    span = f"{found['first_year']}-{found['last_year']}"
    of_sample = "Standard deviation of a sample (ddof = 1)", found["std_sample"]
    of_whole = "Standard deviation of a population (ddof = 0)", found["std_population"]
    headline, other = (of_sample, of_whole) if found["ddof"] else (of_whole, of_sample)
    return Section(
        f"US population, {span}: mean and standard deviation",
        f"{span}, {found['years']} years, {found['estimate'] or 'estimate not stated'}",
        ("Statistic", "People"),
        [("Mean", found["mean"]), (f"{headline[0]}, the headline", headline[1]), other],
    )


def best_years(best: Mapping[str, Any], most: int | None = None) -> Section:
    """Show the best year of all listed series by id, or so many of the largest sums."""
    title, rows, total = "The best year of each series", best["rows"], best["series"]
    if not total:
        return Section(title, notes=("No series has a value: there is no best year.",))
    which, all_in = f"{total:,} series", ""
    if len(rows) < total:
        which, all_in = f"first {len(rows):,} of {which}", "; best_year.parquet has all"
    bases = ", ".join(
        f"{count:,} from {'annual figures' if basis == 'annual' else basis}"
        for basis, count in best["by_basis"].items()
    )
    counted = f"{total:,} series: {bases}; {best['partial']:,} best in a year that is not complete."
    notes = [counted, _ties(best), "Sums of different units can't be compared."]
    if most is not None:
        years = Counter(sorted((row["year"] for row in rows), reverse=True)).most_common(EXAMPLES)
        often = ", ".join(f"{year} ({times:,})" for year, times in years)
        notes.append(f"Most often best: {often}.")
        rows = sorted(rows, key=lambda row: (-Decimal(row["value"]), row["series_id"]))[:most]
    return Section(
        title,
        (f"The {which} by id" if most is None else f"The largest sums of the {which}") + all_in,
        ("Series", "Best year", "Sum", "Unit", "Answered from"),
        [(_series(r), _year(r), Decimal(r["value"]), _unit(r), r["basis"]) for r in rows],
        tuple(notes),
    )


def _ties(best: Mapping[str, Any]) -> str:
    if not best["tied"]:
        return "No two years of any series tie."
    tied = [row for row in best["rows"] if len(row["tied_years"]) > 1][:EXAMPLES]
    named = [
        f"{_name(row)} ({row['series_id']}: {' and '.join(map(str, row['tied_years']))})"
        for row in tied
    ]
    if more := best["tied"] - len(tied):
        named.append(f"{more:,} more")
    return f"Tied: {'; '.join(named)}. The earliest year is the answer."


def _year(row: Mapping[str, Any]) -> tuple[str, ...]:
    years = [str(year) for year in row["tied_years"]]
    tied = [f"tied: {', '.join(years)}"] if len(years) > 1 else []
    return (str(row["year"]), *tied, *(["partial year"] if row["partial"] else []))


def series_population(pair: Mapping[str, Any], most: int | None = None) -> Section:
    """Show a series beside the population, all years or so many, the newest first."""
    rows, unit = pair["rows"], short(pair["unit"] or "unit not known")
    known = sum(row["population"] is not None for row in rows)
    which = "the newest first" if most is None else f"the newest {min(most, len(rows))}"
    shown = rows[::-1][:most]
    noted = any(row.get("footnotes") for row in shown)  # an older report's have none
    return Section(
        _name(pair),
        f"{pair['series_id']} {pair['period']}: {len(rows):,} years, {known:,} of them with a "
        f"population; {which}",
        ("Year", f"Value ({unit})", "People", *(["Footnotes"] * noted)),
        [
            (
                str(row["year"]),
                row["value"] and Decimal(row["value"]),
                row["population"],
                *((short(row["footnotes"]),) if noted else ()),
            )
            for row in shown
        ],
    )


def changes(report: Mapping[str, Any]) -> Section:
    """Show what the newest release revised of the one before."""
    title, found = REVISED, report["changes"]
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
    """Show every check with its result."""
    rows = [
        (
            check["name"],
            check["subject"],
            "required" if check["required"] else "advisory",
            RESULTS[check["passed"]],
            check["detail"],
        )
        for check in made
    ]
    return Section("Checks", verdict(made), ("Check", "Of", "Kind", "Result", "Seen"), rows)


def verdict(made: Sequence[Mapping[str, Any]]) -> str:
    """Count the results, and name the checks that failed: `12 passed, 1 skipped, 1 failed: …`."""
    results = Counter(RESULTS[check["passed"]] for check in made)
    failed = "; ".join(f"{c['name']} ({c['subject']})" for c in made if c["passed"] is False)
    skipped = f", {results['skipped']} skipped" if results["skipped"] else ""
    named = f", {results['failed']} failed: {failed}" if failed else ""
    return f"{results['passed']} passed{skipped}{named}"


def sources(inputs: Mapping[str, Mapping[str, Any]], survey: str) -> Section:
    """Show the files that a report was computed from."""
    both = ({**inputs["survey"], "dataset": survey}, inputs["population"])
    return Section(
        "Sources",
        "The exact files this report was computed from",
        ("", "Survey", "Population"),
        [
            (label, *(str(given[name] or "not stated") for given in both))
            for label, name in INPUTS.items()
        ],
    )


# -- Revisions (the values of revisions.json) ----------------------------------------------------


def revisions(found: Mapping[str, Any]) -> Iterator[Section]:
    """Yield what one generation revised of another."""
    if found["sample"]:
        yield Section(NOT_REAL)
    ends = (found["from"], found["to"])
    moments = zip(ends, days(*(end["committed"] for end in ends)), strict=True)
    states = [f"generation {end['generation']} ({day})" for end, day in moments]
    counted = (*CHANGES, "series")
    yield Section(
        f"What {found['source']} revised",
        f"From {states[0]} to {states[1]}",
        ("file", *counted),
        [(file["file"], *(file[count] for count in counted)) for file in found["files"]],
        (
            "An annotated observation has its old value and another footnote."
            if found["files"]
            else "No data file differs.",
        ),
    )
    if found["largest"]:
        yield _largest(found["largest"])
    if found["notes"]:
        yield Section("Notes", notes=tuple(found["notes"]))


def sentence(found: Mapping[str, Any]) -> str:
    """Return one line: what each data file's new vintage changed."""
    sample = " (generated sample)" if found["sample"] else ""
    files = "; ".join(
        f"{file['file']} " + ", ".join(f"{file[change]:,} {change}" for change in CHANGES)
        for file in found["files"]
    )
    return (
        f"{found['source']}{sample}, generations {found['from']['generation']} to "
        f"{found['to']['generation']}: {files or 'no data file differs'}."
    )


# -- Cells -------------------------------------------------------------------------------------


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


def _name(row: Mapping[str, Any]) -> str:
    return short(row["title"] or row["series_id"])


def _series(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (row["title"], row["series_id"]) if row["title"] else (row["series_id"],)


def _unit(row: Mapping[str, Any]) -> str:
    return row["unit"] or "not known"
