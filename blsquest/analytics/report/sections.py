"""The answers as sections, each made once from the values of `report.json` or `revisions.json`.

`html`, `markdown` and `terminal` show any section. Nothing here needs polars.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from blsquest.analytics import CHANGES
from blsquest.analytics.periods import in_words
from blsquest.analytics.report.best_years import EXAMPLES, best_years
from blsquest.analytics.report.latest_values import latest
from blsquest.analytics.report.section import (
    Amount,
    Cell,
    Section,
    Signed,
    in_columns,
    name_of,
    series_of,
    shown_with,
    unit_of,
)
from blsquest.core.text import days, published, short

NOT_REAL = "Generated sample: these are not real statistics."
REVISED = "What the newest release revised"
RESULTS = {True: "passed", False: "failed", None: "skipped"}

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


# -- A report (the values of report.json) --------------------------------------------------------


def summary(report: Mapping[str, Any]) -> Iterator[Section]:
    """Yield the sections of a report's summary."""
    answers, made = report["answers"], report["checks"]
    newest = [latest(answers["latest"])] if answers["latest"]["rows"] else []
    statistics = answers["population_statistics"]
    people = [population_statistics(statistics)] if statistics else []
    quest = answers["best_year"]["by"] == "sum"
    yield from people if quest else newest
    yield best_years(answers["best_year"], most=EXAMPLES)
    yield from (series_population(pair, LAST_YEARS) for pair in answers["series_population"])
    yield from newest if quest else people
    if report["changes"]:
        yield changes(report)
        yield from withdrawn_and_filled(report["changes"], most=EXAMPLES)
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


def series_population(pair: Mapping[str, Any], most: int | None = None) -> Section:
    """Show a series beside the population, all years or the `most` newest, newest first."""
    rows, unit = pair["rows"], short(pair["unit"] or "unit not stated")
    known = [row["year"] for row in rows if row["population"] is not None]
    which = "" if most is None else f"; the newest {min(most, len(rows))}"
    shown = rows[::-1][:most]
    noted = any(row.get("footnotes") for row in shown)  # an older report's have none

    def cells(row: Mapping[str, Any]) -> dict[str, Cell]:
        value = shown_with(pair.get("decimals"), row["value"]) if row["value"] else NO_VALUE
        people = NO_ESTIMATE if row["population"] is None else row["population"]
        columns = {"Year": str(row["year"]), f"Value ({unit})": value, "People": people}
        return columns | ({"Footnotes": short(row["footnotes"])} if noted else {})

    notes = []
    if not known:
        notes = ["The population of these years was not estimated."]
    elif len(known) < len(rows):
        first, last = known[0], known[-1]
        gaps = ", ".join(str(year) for year in range(first, last) if year not in known)
        span = f"{first}-{last}{f' without {gaps}' if gaps else ''}"
        notes = [f"The population is estimated for {span}; nothing is filled in."]
    return Section(
        name_of(pair),
        f"{pair['series_id']}, {in_words(pair['period'])}: {len(rows):,} years, {len(known):,} of "
        f"them with a population{which}",
        *in_columns([cells(row) for row in shown]),
        tuple(notes),
    )


NO_VALUE, NO_ESTIMATE = Amount("not published"), Amount("no estimate")


def changes(report: Mapping[str, Any]) -> Section:
    """Count the newest release's changes from the previous one."""
    found = report["changes"]
    if not found:
        return Section(REVISED, notes=(f"Not compared: {uncompared(report['notes'])}",))
    before, now, counts = found["before"], report["inputs"]["survey"], found["counts"]
    earlier, later = days(before["committed"], now["committed"])
    compared = (
        f"Generation {now['generation']} ({later}) was compared with generation "
        f"{before['generation']} ({earlier})."
    )
    return Section(REVISED, notes=(f"{changed(counts).capitalize()}.", compared))


def uncompared(notes: Iterable[str]) -> str:
    """Return why a report compares no releases, from its notes."""
    start = f"{REVISED}: "
    return next(
        (n.removeprefix(start) for n in notes if n.startswith(start)), "no reason is given."
    )


def changed(counts: Mapping[str, int]) -> str:
    """Say how many observations changed and how, in the one form that every text uses.

    `3 values withdrawn, 15,988 revised, 1,761 added, none removed, in 282 series`.

    Args:
        counts: By `CHANGES`, and `series`; earlier versions did not count some kinds separately.
    """
    # What must not be overlooked comes first, and is named only where it happened.
    rare = [name for name in ("withdrawn", "filled") if counts.get(name)]
    usual = [name for name in ("revised", "added", "removed") if name in counts]
    last = ["annotated"] if counts.get("annotated") else []
    kinds = [*rare, *usual, *last]
    if not any(counts[name] for name in kinds):
        return "no value differs"
    amounts = [f"{counts[name]:,}" if counts[name] else "none" for name in kinds]
    things = " values" if counts[kinds[0]] > 1 else " value"
    amounts[0] = "no values" if amounts[0] == "none" else amounts[0] + things
    words = {"annotated": "with other footnotes"}
    parts = ", ".join(f"{n} {words.get(k, k)}" for n, k in zip(amounts, kinds, strict=True))
    return f"{parts}, in {counts['series']:,} series"


def highlights(found: Mapping[str, Any]) -> Iterator[Section]:
    """Yield what changed, for people: withdrawn and filled values, then the largest revisions.

    Those of earlier versions (`found` is `changes`, or the values of `revisions.json`) list less.
    """
    yield from withdrawn_and_filled(found)
    if found.get("largest"):
        yield top_revisions(found)


def ranked(found: Mapping[str, Any]) -> Iterator[Section]:
    """Yield the largest revisions by either ranking."""
    title, lead = "Largest revisions", "The largest revisions of each unit and measure"
    if found.get("largest"):
        yield Section(title, lead, *in_columns([_moved(row) for row in found["largest"]]))
    if found.get("largest_percent"):
        yield Section(
            f"{title} in percent",
            f"{lead}, in percent of the old value",
            *in_columns([_moved(row, percent=True) for row in found["largest_percent"]]),
        )


def top_revisions(found: Mapping[str, Any]) -> Section:
    """Show the largest revisions in percent, and those without a percent; few of each measure."""
    groups: dict[tuple[Any, Any], list[Mapping[str, Any]]] = {}
    for row in found["largest"]:
        groups.setdefault((row.get("unit"), row.get("measure")), []).append(row)
    each = max(1, EXAMPLES // len(groups))
    rows = [row for group in groups.values() for row in group[:each]]
    levels = [row for row in rows if row.get("percent") is not None]
    levels.sort(key=lambda row: -abs(row["percent"]))
    others = [row for row in rows if row.get("percent") is None]
    others.sort(key=lambda row: -abs(Decimal(row["difference"])))
    which = f"{f'up to {each:,}' if each > 1 else 'one'} of each unit and measure"
    if left := len(levels[EXAMPLES:]) + len(others[EXAMPLES:]):
        which += f"; those of {left:,} more are in revisions.json"
    ways = [way for way, kind in (("in percent", levels), ("by difference", others)) if kind]
    shown = [*levels[:EXAMPLES], *others[:EXAMPLES]]
    return Section(
        "Largest revisions",
        f"The largest {' and '.join(ways)}, {which}",
        *in_columns([_moved(row, percent=True) for row in shown]),
    )


def withdrawn_and_filled(found: Mapping[str, Any], most: int | None = None) -> Iterator[Section]:
    """Yield the withdrawn and the filled values, all or the `most` newest, newest first."""
    sides = (
        ("withdrawn", "a value became none", "old", "Was"),
        ("filled", "a value where there was none", "new", "Is"),
    )
    for change, meant, side, column in sides:
        if rows := found.get(change, ())[:most]:
            # Files overlap: the largest count is shown.
            counts = [found["counts"]] if "counts" in found else found["files"]
            count = max(int(each[change]) for each in counts)
            some = f"The newest {len(rows):,} of {count:,}" if len(rows) < count else f"{count:,}"
            yield Section(
                f"Values {change}",
                f"{some}; {meant}",
                ("Series", "Period", column, "Footnotes now", "Unit"),
                [
                    (
                        series_of(row),
                        in_words(row["period"], row["year"]),
                        shown_with(row.get("decimals"), row[f"{side}_value"]),
                        row["new_footnotes"],
                        unit_of(row),
                    )
                    for row in rows
                ],
            )


def checks(made: Sequence[Mapping[str, Any]]) -> Section:
    """Show every check with its result."""
    rows = []
    for check in made:
        kind = "required" if check["required"] else "advisory"
        named = (check["name"], check["subject"], kind, RESULTS[check["passed"]])
        rows.append((named, check["detail"]))
    return Section("Checks", verdict(made), ("Check", "Seen"), rows)


def verdict(made: Sequence[Mapping[str, Any]]) -> str:
    """Count the results, and name the checks that failed: `12 passed, 1 skipped, 1 failed: …`."""
    results = Counter(RESULTS[check["passed"]] for check in made)
    failed = "; ".join(f"{c['name']} ({c['subject']})" for c in made if c["passed"] is False)
    skipped = f", {results['skipped']} skipped" if results["skipped"] else ""
    named = f", {results['failed']} failed: {failed}" if failed else ""
    return f"{results['passed']} passed{skipped}{named}"


def sources(inputs: Mapping[str, Mapping[str, Any]], survey: str) -> Section:
    """Show the files that a report was computed from."""
    named = {**inputs, "survey": {**inputs["survey"], "dataset": survey}}
    return Section(
        "Sources",
        "The exact files this report was computed from",
        ("", *(role.capitalize() for role in named)),
        [
            (label, *(str(given[name] or "not stated") for given in named.values()))
            for label, name in INPUTS.items()
        ],
    )


# -- Revisions (the values of revisions.json) ----------------------------------------------------


def revisions(found: Mapping[str, Any]) -> Iterator[Section]:
    """Yield the revisions between two generations."""
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
        # An earlier version counted neither withdrawn nor filled values apart.
        [(file["file"], *(file.get(count) for count in counted)) for file in found["files"]],
        (_EXPLAINED if found["files"] else "No data file differs.",),
    )
    yield from highlights(found)
    if found["notes"]:
        yield Section("Notes", notes=tuple(found["notes"]))


_EXPLAINED = (
    "Withdrawn: a value became none. Filled: a value where there was none. Annotated: the old "
    "value with another footnote."
)


def sentence(found: Mapping[str, Any]) -> str:
    """Return one line: the changes in each data file's new vintage."""
    sample = " (generated sample)" if found["sample"] else ""
    files = "; ".join(f"{file['file']}: {changed(file)}" for file in found["files"])
    return (
        f"{found['source']}{sample}, generations {found['from']['generation']} to "
        f"{found['to']['generation']}: {files or 'no data file differs'}."
    )


# -- Cells -------------------------------------------------------------------------------------


def _moved(row: Mapping[str, Any], *, percent: bool = False) -> dict[str, Cell]:
    # The comparisons of earlier versions have no decimals, and no percent.
    decimals = row.get("decimals")
    columns: dict[str, Cell] = {
        "Series": series_of(row),
        "Period": in_words(row["period"], row["year"]),
        "Was": published(row["old_value"], decimals),
        "Is": published(row["new_value"], decimals),
        "Change": Signed(published(row["difference"], decimals)),
    }
    if percent and row.get("percent") is not None:
        columns["Percent"] = Signed(published(str(row["percent"]), 1))
    elif percent and "percent" in row:
        columns["Percent"] = Amount("in points" if Decimal(row["old_value"]) else "from zero")
    elif percent:
        columns["Percent"] = None
    return columns | {"Unit": unit_of(row)}
