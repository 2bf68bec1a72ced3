"""The commands that work on a lake: no Prefect, no publisher; most only read.

`tables` makes what is derived from it, `copy` writes another.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from inspect import Parameter as Argument
from inspect import Signature, cleandoc, signature
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from blocks.lake import open_lake
from blsquest.analytics.periods import in_words, period_code
from blsquest.core.clock import http_date, time_text, utcnow
from blsquest.core.errors import Misuse, QuestError
from blsquest.core.text import columns, counted, number, printable, published, short, shown, some
from blsquest.lake.as_of import check_known, parse_as_of
from blsquest.lake.log import ManifestLog, held_surveys, no_lake
from blsquest.lake.manifest import FileChange, diff
from blsquest.lake.record import read_record
from blsquest.lake.rollback import trusted_newest
from blsquest.products.catalogue import generations_of, survey_of_series
from blsquest.products.status import status_of
from blsquest.sources.config import source_named

if TYPE_CHECKING:  # it imports polars, which takes longer than most commands here
    from blsquest.products.history import History, Value, Vintage

SERIES = ("series_id", "title", "unit")
"""What a catalogue says of a series first."""

_SERIES_ID = re.compile(r"[A-Za-z]{2}(?=\w*[0-9]{3})\w{5,}", re.ASCII)
"""What is an id, or the beginning of one, and no word."""

_MONTH = re.compile(r"([0-9]{4})-(0?[1-9]|1[0-2])", re.ASCII)
_YEAR = re.compile("[0-9]{4}", re.ASCII)

MATRIX_ENDINGS = (".csv", ".parquet")


def _code(_: Any, tokens: Sequence[Any]) -> str:
    """Read a survey as BLS writes it: its folders are in lower case, its documents mostly not."""
    return str(tokens[0].value).strip().lower()


LakeOption = Annotated[
    str, Parameter(env_var="LAKE", help="A path, s3://bucket/prefix, or a Prefect block.")
]
SurveyOption = Annotated[str, Parameter(converter=_code, help="The survey's folder at BLS.")]
AnySurvey = Annotated[str | None, Parameter(converter=_code)]

Answer = tuple[Callable[[], Any], Iterable[str]]
"""A command's answer: a document for programs and lines for people, each made on demand."""


def complain(error: QuestError) -> int:
    """Print the error that ends a command, and return its exit code."""
    kind = "Error" if isinstance(error, Misuse) else error.outcome
    print(f"{kind}: {error}", file=sys.stderr)
    return error.exit_code


def described(
    work: Callable[..., int], name: str, docstring: str | None, options: Sequence[Argument]
) -> Callable[..., int]:
    """Give a function the name, help and options that the command line is to read from it.

    Sentences on arguments are one line each, as help wraps them.
    """
    work.__name__ = name
    work.__doc__ = re.sub(r"\n {8,}", " ", cleandoc(docstring or ""))
    work.__signature__ = Signature(options)  # type: ignore[attr-defined]
    # What the function says of an option itself would hide the option's help.
    work.__annotations__ = {option.name: option.annotation for option in options}
    return work


def _reads(command: Callable[..., Answer]) -> Callable[..., int]:
    """Print what a command answers, as JSON where that is asked for; return its exit code."""

    def reading(*args: Any, json: bool = False, **kwargs: Any) -> int:
        try:
            document, lines = command(*args, **kwargs)
            text = dumps(document(), indent=2) if json else "\n".join(lines)
        except QuestError as error:
            return complain(error)
        print(text)
        return 0

    as_json = Annotated[bool, Parameter(help="Print JSON.")]
    option = Argument("json", Argument.KEYWORD_ONLY, default=False, annotation=as_json)
    options = [*signature(command, eval_str=True).parameters.values(), option]
    return described(reading, command.__name__, command.__doc__, options)


@_reads
def status(*, lake: LakeOption = "./lake") -> Answer:
    """Show how fresh and how large the lake is, and whether a report is due.

    `bytes` are those of the newest files, which the view and the vintages both hold; `kept` are
    those of all vintages. Costs four LISTs of the sources, and for each three requests, those of
    its last change, and a LIST for each 1,000 vintages.
    """
    store = open_lake(lake)
    found = status_of(store)
    if not found:
        raise no_lake(store)
    now = utcnow()
    header = ("source", "generation", "age", "files", "bytes", "kept", "last change (UTC)")
    rows = [(*header, "the report")]
    rows += [
        (
            one.newest.source + (" (sample)" if one.newest.sample else ""),
            str(one.newest.generation),
            _age(now - one.newest.committed),
            str(len(one.newest.files)),
            f"{one.bytes:,}",
            f"{one.vintage_bytes:,}",
            f"{one.changed.committed:%Y-%m-%d %H:%M}, generation {one.changed.generation}",
            one.report,
        )
        for one in found
    ]
    vintages = counted(sum(one.vintages for one in found), "vintage")
    kept = f"kept in all: {vintages}, {sum(one.vintage_bytes for one in found):,} bytes"
    lines = [store.url, *columns(rows, numbers={1, 3, 4, 5}), kept]
    return lambda: [one.as_dict() for one in found], lines


def _age(age: timedelta) -> str:
    hours = int(age.total_seconds() // 3600)
    return f"{hours // 24} days" if hours >= 48 else f"{hours} h" if hours else "under 1 h"  # noqa: PLR2004


@_reads
def series(*words: str, lake: LakeOption = "./lake", survey: AnySurvey = None) -> Answer:
    """Find series whose title, unit or id hold all of these words.

    Args:
        words: In any order and case; without any, all series.
        survey: The survey's folder at BLS; by default that of an id among the words, else pr.
    """
    from blsquest.products.catalogue import find_series

    store = open_lake(lake)
    if survey is None:
        ids = [word for word in words if _SERIES_ID.fullmatch(word.strip())]
        survey = survey_of_series(store, ids[0]) if ids else "pr"
    manifest = ManifestLog(store, source_named(survey)).newest().manifest
    frame = find_series(store, manifest, words)
    noted = [c for c in ("footnote_codes", "footnotes") if "footnotes" in frame.columns]

    def lines() -> Iterator[str]:
        if frame.is_empty() and not words:
            raise Misuse(
                f"The survey {survey} does not describe its series: {survey}.series is missing, or "
                "lists none.",
                f"The ids in its data files are right: from blsquest import Lake; "
                f"Lake(…).observations({survey!r}).",
            )
        if frame.is_empty():
            raise Misuse(
                f"No series of {survey} is described by {' '.join(words)!r}.",
                "Try fewer words, a part of one, or another survey (--survey).",
            )
        header = ("series", "what it is", "unit", *noted[1:])
        rows = frame.select(*SERIES, *noted[1:]).iter_rows()
        cells = [header, *(tuple(cell or "" for cell in row) for row in rows)]
        yield from columns(cells, numbers=())

    return frame.select(*SERIES, *noted).to_dicts, lines()


@_reads
def releases(*, lake: LakeOption = "./lake", survey: SurveyOption = "pr") -> Answer:
    """List a survey's generations: when each was committed, and what it changed.

    They are the states that --as-of, `blsquest revisions` and the library take.
    """
    manifests = [g.manifest for g in generations_of(open_lake(lake), source_named(survey))]
    steps = [
        (manifest, diff(earlier, manifest))
        for earlier, manifest in zip([None, *manifests], manifests, strict=False)
    ]
    document = [
        {
            "generation": manifest.generation,
            "committed": time_text(manifest.committed),
            "sample": manifest.sample,
            "files": len(manifest.files),
            "changes": {change.name: change.change for change in changes},
        }
        for manifest, changes in steps
    ]
    rows = [("generation", "committed (UTC)", "files", "what changed")]
    rows += [
        (
            str(manifest.generation),
            f"{manifest.committed:%Y-%m-%d %H:%M}",
            str(len(manifest.files)),
            _changes(changes),
        )
        for manifest, changes in steps
    ]
    title = manifests[-1].source + (" (generated sample)" if manifests[-1].sample else "")
    return lambda: document, [title, *columns(rows, numbers={0, 2})]


def _changes(changes: Sequence[FileChange]) -> str:
    """Return `3 changed, 5 restamped: pr.data.0.Current, pr.series, pr.class and 5 more`."""
    counted = Counter(change.change for change in changes)
    # New content is named first: the rest is paperwork.
    names = sorted(changes, key=lambda c: (c.change != "changed", c.change == "restamped", c.name))
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(counted.items()))
    return f"{kinds}: {some([change.name for change in names])}"


@_reads
def revisions(
    *,
    lake: LakeOption = "./lake",
    survey: SurveyOption = "pr",
    since: Annotated[str | None, Parameter(name="--from")] = None,
    until: Annotated[str | None, Parameter(name="--to")] = None,
) -> Answer:
    """Show which observations were withdrawn, filled, added, removed or revised, and keep them.

    A mirror run does this by itself for each generation and its parent.

    Args:
        since: The earlier state: a generation, a date (its end in UTC) or a time with zone. By
            default the parent of --to.
        until: The later state; by default the newest.
    """
    from blsquest.analytics.report.sections import revisions as sections
    from blsquest.analytics.report.terminal import stdout_width, terminal
    from blsquest.products.revisions import revise

    store = open_lake(lake)
    log = ManifestLog(store, source_named(survey))
    later = _generation(log, until)
    earlier = None if since is None else _generation(log, since)
    revised = revise(store, log.source, later, earlier)

    def lines() -> Iterator[str]:
        yield terminal(*sections(revised.summary), width=stdout_width())
        yield ""
        yield f"Kept in {store.url}/{revised.folder}"

    return revised.as_dict, lines()


def _generation(log: ManifestLog, state: str | None) -> int:
    """Return the generation that was current at a named state; the newest for None."""
    if state is None:
        return log.newest().manifest.generation
    as_of = parse_as_of(state)
    check_known(as_of, now=utcnow())
    return as_of.generation or log.as_of(as_of).manifest.generation


@_reads
def history(
    series: str,
    /,
    year: str | None = None,
    period: str | None = None,
    *,
    lake: LakeOption = "./lake",
    survey: AnySurvey = None,
    data_file: str | None = None,
    matrix: Path | None = None,
) -> Answer:
    """Show each value that one observation ever had, from when to when, and from which release.

    Args:
        series: The series, for example PRS30006032, in any case.
        year: The year of the observation, or its year and month (2023-12); by default the year of
            the series' newest value.
        period: Its period: Q01-Q05, M01-M13, S01-S03 or A01; by default that of the year's newest
            value, of the finest periods that the series has.
        survey: The survey's folder at BLS; by default the one whose code the series begins with.
        data_file: The survey's file to read; by default its main one, else the one with most of
            the series.
        matrix: Also write the whole series, observation by vintage, to this .csv or .parquet file.
    """
    if matrix is not None and matrix.suffix not in MATRIX_ENDINGS:
        raise Misuse(
            f"--matrix {matrix} is neither a .csv nor a .parquet file.", "Name one of these."
        )
    if year is not None and period is None and (month := _MONTH.fullmatch(year)):
        year, period = month[1], f"M{int(month[2]):02}"
    if year is not None and not _YEAR.fullmatch(year):
        raise Misuse(
            f"{shown(year)} is no year.",
            "Write the year and then the period: 2023 M12, 2023 Q04, or 2023-12 for a month.",
        )
    from blsquest.products.history import trace

    store = open_lake(lake)
    found, vintages = trace(
        store,
        source_named(survey or survey_of_series(store, series)),
        data_file,
        series,
        int(year) if year else None,
        period_code(period) if period else None,
    )
    if matrix is not None:
        _write_matrix(matrix, found, vintages)
        print(f"The whole series, observation by vintage: {matrix}", file=sys.stderr)
    return found.as_dict, _history(found)


def _history(found: History) -> Iterator[str]:
    sample = " (generated sample)" if found.sample else ""
    title = short(found.title or "Its survey does not say what the series is.")
    unit = f" [{short(found.unit)}]" if found.unit and short(found.unit) not in title else ""
    when = in_words(found.period, found.year)
    yield f"{found.series_id}, {when}{sample}, {found.file}"
    yield f"{title}{unit}"
    yield ""
    rows = [("from (UTC)", "to (UTC)", "value", "notes", "generation", "released (UTC)")]
    rows += [
        (
            f"{value.since:%Y-%m-%d %H:%M}",
            f"{value.until:%Y-%m-%d %H:%M}" if value.until else "now",
            _seen(value, found.decimals),
            short(value.notes),
            str(value.generation),
            _released(value.released),
        )
        for value in found.values
    ]
    yield from columns(rows, numbers={2, 4})
    for generation, why in found.unreadable:
        yield ""
        yield f"Generation {generation} can't be read: {printable(why)}"


def _released(dated: str) -> str:
    """Return a `Last-Modified` as the other times are written; a listing's stamp has no zone."""
    moment = http_date(dated)
    return f"{moment:%Y-%m-%d %H:%M}" if moment else short(dated)


def _seen(value: Value, decimals: int) -> str:
    if value.present is None:
        return "unreadable"
    if not value.present:
        return "removed"
    return "none" if value.value is None else number(published(value.value, decimals))


def _write_matrix(target: Path, found: History, vintages: Sequence[Vintage]) -> None:
    """Write the series' vintage matrix; a column is named by its vintage's commit time in UTC.

    A vintage that can't be read has no column.

    Raises:
        Misuse: The file can't be written.
    """
    from blsquest.analytics.csv_table import csv_bytes
    from blsquest.analytics.parquet_table import parquet_bytes
    from blsquest.analytics.vintages import matrix

    frame = matrix({time_text(v.since): v.rows for v in vintages if not v.problem})
    about = {
        "bls-data-quest:source": found.source,
        "bls-data-quest:file": found.file,
        "bls-data-quest:series": f"{found.series_id} {found.title or ''}".strip(),
        "bls-data-quest:unit": found.unit or "",
        "bls-data-quest:sample": str(found.sample).lower(),
    }
    is_csv = target.suffix == ".csv"
    try:
        target.write_bytes(
            csv_bytes(frame, found.decimals) if is_csv else parquet_bytes(frame, about)
        )
    except OSError as error:
        raise Misuse(
            f"{target} can't be written: {error.strerror}.", "Name another file."
        ) from error


@_reads
def tables(
    *,
    lake: LakeOption = "./lake",
    survey: Annotated[
        str | None, Parameter(converter=_code, help="One survey; by default all that the lake has.")
    ] = None,
    rebuild: bool = False,
) -> Answer:
    """Bring the Iceberg tables up to the newest generation, as each run does. See docs/tables.md.

    Args:
        rebuild: Make the metadata anew, for every generation of the log. Parquet files stay; those
            of vintages that never had one are made.
    """
    from blsquest.products.tables import make_tables

    store = open_lake(lake)
    done = []
    for code in [survey] if survey else held_surveys(store) or ["pr"]:
        log = ManifestLog(store, source_named(code))
        if trusted_newest(log, log.latest(), read_record(store, log.source)) is None:
            raise log.empty()
        done.append(make_tables(store, log.source, anew=log.generations() if rebuild else ()))
    for warning in (each for one in done for each in one.unpointed):
        print(f"Warning: {warning}", file=sys.stderr)
    return lambda: [asdict(each) for each in done], (each.sentence() for each in done)


@_reads
def copy(source: str, target: str, /) -> Answer:
    """Copy a lake to another folder or bucket, or bring an earlier copy up to date.

    Runs may write to the lake meanwhile. Nothing at the target is put over but reports and views;
    what was cut off is finished by the same command. See docs/restore.md.

    Args:
        source: The lake: a path, s3://bucket/prefix, or a Prefect block.
        target: Where to: an empty place, or one that holds an earlier copy.
    """
    from blsquest.lake.copy import copy_lake

    store = open_lake(target)
    done = copy_lake(open_lake(source), store)
    summary = (
        f"Copied to {store.url}: {counted(done.vintages, 'vintage')} ({done.vintage_bytes:,} "
        f"bytes), {counted(done.manifests, 'manifest')}, {counted(done.derived, 'other object')}."
    )
    logs = [f"{name} is there up to generation {n}." for name, n in done.logs.items()]
    tables = "Tables are not copied: blsquest tables makes those of the copy, there."
    return lambda: asdict(done), [summary, *logs, tables]
