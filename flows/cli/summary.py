"""What a person reads when a command ends: what happened, the answers, and what to do next."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

from blsquest.analytics.report import sections
from blsquest.analytics.report.terminal import stdout_width, terminal
from blsquest.core.errors import Misuse
from blsquest.core.source import POPULATION
from blsquest.core.text import minute, printable
from blsquest.core.usage import SOURCES, STORAGE, Spent
from blsquest.lake.findings import Audited
from blsquest.lake.keys import INDEX, report_root, root_of, table_folder
from blsquest.lake.outcome import REASONS, Outcome
from blsquest.products.report import Reported
from blsquest.products.report_folders import PAGE, REPORT
from flows import STARTED
from flows.states import Result
from flows.surveys import ReportRow, Surveys

SHOWN = 20

NOTEBOOK = Path("docs/analysis.ipynb")
"""If it exists, this is the project's folder, where `make` works."""


@dataclass(frozen=True, slots=True)
class Clock:
    """When the command began, and what the process had spent by then."""

    began: float = field(default_factory=perf_counter)
    sources: Spent = field(default_factory=SOURCES.spent)
    storage: Spent = field(default_factory=STORAGE.spent)

    def spent(self, result: Result) -> dict[str, float]:
        """Return where the seconds went, including those that led to nothing.

        Waiting in parallel threads is counted once for each.
        """
        total = perf_counter() - STARTED
        start = self.began - STARTED
        if result.surveys or result.audited:
            # Neither tells its seconds apart: what they took is not Prefect's.
            work = "Prefect and the audit" if result.audited else "Prefect and the surveys"
            return {"total": total, "start-up": start, work: total - start}
        asked, stored = SOURCES.spent(), STORAGE.spent()
        report = result.report
        parts = {
            "source": asked.seconds - self.sources.seconds,
            "waiting": asked.waited - self.sources.waited + stored.waited - self.storage.waited,
            "storage": stored.seconds - self.storage.seconds,
            "analytics": max(0.0, report.computing - report.stored.seconds) if report else 0.0,
        }
        rest = max(0.0, total - start - sum(parts.values()))
        return {"total": total, "start-up": start, "Prefect": rest, **parts}


def summary(result: Result, lake: str, clock: Clock, *, tables: bool, sample: int | None) -> str:
    """Return the whole text, without a final newline; the lake is as the person named it."""
    parts = [_headline(result, sampled=sample is not None), *_ingests(result)]
    if result.audited is not None:
        parts.append("\n".join(_findings(result.audited)))
    if result.surveys is not None:
        parts.append("\n".join(_surveys(result.surveys)))
    if result.report is not None:
        parts += _answers(result.report, lake)
        parts.append(_where(result.ingests, result.report, lake, tables=tables))
    elif result.reports:
        parts.append("\n".join(_reports(result.reports, lake)))
    parts += _errors(result)  # where a person looks first: at the end
    misused = result.errors and all(isinstance(error, Misuse) for error in result.errors)
    if not misused:
        parts.append(_time(clock.spent(result)))
    parts.append(_next(result, lake, sample))
    return "\n\n".join(p for p in parts if p)


def _headline(result: Result, *, sampled: bool) -> str:
    inputs = result.report.report["inputs"].values() if result.report else ()
    sample = any(o.sample for o in result.ingests) or any(i["sample"] for i in inputs)
    # The rows of many surveys do not say; the sample was asked for by its option.
    sample = sample or bool(result.surveys and sampled)
    kind = " (generated sample data, not real statistics)" if sample else ""
    dry = any(o.plan for o in result.ingests) or (result.surveys and result.surveys.dry_run)
    name = "Dry run" if dry and not result.errors else result.name
    return f"BLS Data Quest: {name}{kind}"


def _ingests(result: Result) -> Iterator[str]:
    sentences = [o.sentence() for o in result.ingests if not result.surveys]
    if result.report:
        sentences.append(result.report.sentence())
    if sentences:
        title = "The plan" if any(o.plan for o in result.ingests) else "What was done"
        yield f"{title}\n" + "\n".join(f"  {sentence}" for sentence in sentences)
    for outcome in result.ingests:
        if outcome.changes:
            yield f"What changed in {outcome.source}\n" + "\n".join(_changes(outcome))
        if outcome.plan is not None and outcome.plan.ask:
            lines = [f"  {a.file.name:<24} {a.why}" for a in outcome.plan.ask[:SHOWN]]
            yield f"What would be asked for in {outcome.source}\n" + "\n".join(lines)


def _changes(outcome: Outcome) -> Iterator[str]:
    for change in outcome.changes[:SHOWN]:
        entry = change.new or change.old
        size = f"{entry.size:>12,} bytes" if entry else ""
        yield f"  {change.change:<10} {change.name:<24} {size}  {REASONS[change.change]}"
    yield from _more(outcome.changes)


def _more(things: Sequence[object]) -> Iterator[str]:
    if len(things) > SHOWN:
        yield f"  … and {len(things) - SHOWN} more (--json lists all)"


def _errors(result: Result) -> Iterator[str]:
    """Yield the errors, grouped by remedy, so that each remedy appears once."""
    remedies = dict.fromkeys(error.remedy for error in result.errors)
    for remedy in remedies:
        lines = [f"{e.outcome}: {e.what}" for e in result.errors if e.remedy == remedy]
        yield "\n".join([*lines, *([f"  What to do: {remedy}"] if remedy else [])])


def _surveys(surveys: Surveys) -> Iterator[str]:
    yield surveys.sentence()
    yield (
        f"  {'survey':<8}{'outcome':<12}{'files':>6}{'bytes':>17}{'received':>17}{'seconds':>9}"
        f"{'at BLS':>8}{'at storage':>12}"
    )
    for row in surveys.rows:
        files = "" if row.files is None else f"{row.files:,}"
        size = "" if row.bytes is None else f"{row.bytes:,}"
        yield (
            f"  {row.survey:<8}{row.outcome:<12}{files:>6}{size:>17}{row.received:>17,}"
            f"{row.seconds:>9.1f}{row.source_requests:>8,}{row.storage_requests:>12,}"
        )
        if row.what:
            yield f"    {row.what}"


def _reports(rows: Sequence[ReportRow], lake: str) -> Iterator[str]:
    yield "The reports"
    yield f"  {'survey':<8}{'outcome':<12}{'seconds':>9}  where"
    for row in rows:
        where = f"{lake}/{row.folder}{PAGE}" if row.folder else ""
        yield f"  {row.survey:<8}{row.outcome:<12}{row.seconds:>9.1f}  {where}".rstrip()
        if row.what:
            yield f"    {printable(' '.join(row.what.split()))}"


def _findings(audited: Audited) -> Iterator[str]:
    yield audited.sentence()
    for finding in audited.findings[:SHOWN]:
        yield f"  {finding.severity:<11} {finding.key} {finding.what}. {finding.remedy}".rstrip()
    yield from _more(audited.findings)


def _answers(reported: Reported, lake: str) -> Iterator[str]:
    """Yield the answers, what was revised, and the checks: a part each."""
    report = reported.report
    survey, population = (report["inputs"].get(role) for role in ("survey", "population"))
    people = f"\nand generation {population['generation']} of the population" if population else ""
    yield (
        f"The answers, from {survey['file']} of generation {survey['generation']} (committed "
        f"{minute(survey['committed'])}){people}"
    )
    for section in sections.summary(report):
        hints: tuple[str, ...] = ()
        if section.title == sections.REVISED:
            at = f"--lake {shlex.quote(lake)} --survey {report['question']['survey']}"
            hints = (
                f"{_command()} revisions {at}   the largest of them",
                f"{_command()} history SERIES YEAR PERIOD {at}   every value that one had",
            )
        yield terminal(replace(section, notes=(*section.notes, *hints)), width=stdout_width())


def _command() -> str:
    """Return the command as a person in this folder would write it."""
    here = Path(sys.argv[0]).absolute()
    if here.name != "blsquest":
        return "python -m flows"
    return str(here.relative_to(Path.cwd())) if here.is_relative_to(Path.cwd()) else "blsquest"


def _where(ingests: Sequence[Outcome], reported: Reported, lake: str, *, tables: bool) -> str:
    lines = [f"  the lake         {lake}"]
    lines += [f"  {o.source + ' files':<16} {lake}/{o.source}/" for o in ingests]
    surveys = [o.source for o in ingests if o.source.startswith("bls/") and tables]
    lines += [f"  as tables        {lake}/{table_folder(source)}observations" for source in surveys]
    lines.append(f"  the report       {lake}/{reported.folder}")
    forms: dict[str, list[str]] = {}
    for name in [*sorted(reported.report["outputs"]), REPORT]:
        stem, _, form = name.rpartition(".")
        forms.setdefault(stem, []).append(f".{form}")
    lines += [f"    {stem}{', '.join(endings)}" for stem, endings in forms.items()]
    return "Where it is\n" + "\n".join(lines)


def _time(spent: dict[str, float]) -> str:
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in spent.items() if name != "total")
    return f"Time: {spent['total']:.1f} s ({parts})"


def _next(result: Result, lake: str, sample: int | None) -> str:
    """Return the next steps for a person, the report first; none after an error with its remedy."""
    if result.errors:
        return ""
    steps: list[tuple[str, str]] = []
    in_project = NOTEBOOK.is_file()
    dry = any(o.plan for o in result.ingests) or (result.surveys and result.surveys.dry_run)
    if result.report is not None:
        steps.append((_opened(f"{lake}/{result.report.folder}{PAGE}"), "the report"))
    page = f"{lake}/{INDEX}"
    # Where looking takes a request, it is taken for granted.
    there = not _is_path(page) or Path(page.removeprefix("file://")).expanduser().is_file()
    if there and not dry and result.audited is None:
        steps.append((_opened(page), "what the lake holds, and what changed"))
    # The notebook asks the usual question of pr's newest state, as a pipeline does.
    usual = result.report and root_of(result.report.folder) == report_root("pr")
    if usual and result.ingests and in_project:
        at = "" if lake == "./lake" else f" LAKE={shlex.quote(lake)}"
        steps.append((f"make notebook{at}", "the same as an analyst works it out"))
    sources = {outcome.source for outcome in result.ingests}
    if sample is not None and lake == "./lake" and POPULATION in sources and len(sources) > 1:
        first = "make run" if in_project else f"{_command()} pipeline --sample 1"
        second = "make run RELEASE=2" if in_project else f"{_command()} pipeline --sample 2"
        again, other = (first, second) if sample == 1 else (second, first)
        if in_project:
            steps.append(("make dashboard", "these runs in the Prefect dashboard"))
        steps += [
            (again, "to do it" if dry else "the same again: Unchanged"),
            (other, "the sample publisher's other release"),
        ]
        if in_project:
            steps.append(("make live CONTACT=you@example.org", "the real sources"))
    width = max((len(what) for what, _ in steps), default=0)
    return "\n".join(["Next", *(f"  {what:<{width}}  {why}" for what, why in steps)] * bool(steps))


def _opened(page: str) -> str:
    """Return the command that opens a page of the lake; its address if that is not a path."""
    return f"open {shlex.quote(page)}" if _is_path(page) else page


def _is_path(page: str) -> bool:
    return page.startswith(("/", ".", "~", "file://"))
