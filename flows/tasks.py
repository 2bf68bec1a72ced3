"""The steps of a run as Prefect tasks: what is retried, for how long, and under which name.

`sources/http.py` tries one request up to 4 times; when that is spent, the task tries its step
again, up to 3 times in all: 12 requests for one file at the most (16 in a survey of more than
`FILES_AS_TASKS` files). A refusal is never tried again.

Prefect enforces a task's timeout only in the main thread. Transfers run in worker threads: what
bounds them is the source's own timeouts and deadline for each request.
"""

from collections.abc import Sequence
from functools import partial
from threading import current_thread, main_thread
from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.tasks import exponential_backoff

from blocks.lake import open_lake
from blsquest.core.errors import QuestError
from blsquest.core.source import Listing, Source, source_of, survey_of
from blsquest.core.stop import is_stopped
from blsquest.core.text import some
from blsquest.lake import run as lake_run
from blsquest.lake.keys import report_root, root_of
from blsquest.lake.log import ManifestLog
from blsquest.lake.manifest import Generation, Manifest
from blsquest.lake.plan import Ask
from blsquest.lake.stores.base import Store
from blsquest.lake.transfer import Arrival, transfer
from blsquest.lake.view import publish
from blsquest.products.front_page import behind, front_page_current, make_front_page
from blsquest.products.revisions import Revised, revise
from blsquest.products.tables import Tabled, make_tables
from flows.artifacts import Progress
from flows.states import Result

MADE = {"Changed", "Repaired"}
"""How a report ends that was made."""
FILES_AS_TASKS = 50
"""Up to so many files are a task each; beyond, tasks would cost more than the transfers."""


def is_transient(_task: object, _run: TaskRun, state: State[Any]) -> bool:
    """Say whether trying the step again may help: only where the error itself says so."""
    if is_stopped():
        return False  # the task's thread would sleep, and the process wait for it
    return _transient(state.result(raise_on_failure=False))


ONCE: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}
_STEP: dict[str, Any] = ONCE | {
    "retries": 2,
    "retry_delay_seconds": exponential_backoff(backoff_factor=5),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": is_transient,
}


@task(name="list", task_run_name="list {source.key}", **_STEP)
def list_source(source: Source) -> Listing:
    """Ask the publisher which files there are."""
    return source.list()


@task(name="confirm-removal", task_run_name="is {name} gone", **_STEP)
def serves(source: Source, name: str) -> bool:
    """Ask whether the publisher still has an unlisted file."""
    return source.serves(name)


@task(name="commit", task_run_name="commit {log.source}", **_STEP)
def commit(log: ManifestLog, manifest: Manifest) -> Generation | None:
    """Commit the new generation; None where another run was faster."""
    return log.commit(manifest)


publish_view = Task(publish, name="publish", task_run_name="publish {log.source}", **_STEP)
transfer_file = Task(transfer, name="transfer", task_run_name="{ask.file.name}", **_STEP)
_several = "{asks[0].file.name} and others"
transfer_batch = Task(lake_run.transfer_all, name="transfer-batch", task_run_name=_several, **_STEP)


def wait(source: Source, names: Sequence[str]) -> None:
    """Wait, and say so, before a second listing may confirm that files are gone."""
    if source.removal_wait:
        message = "%s no longer lists %s. Looking again in %.0f s."
        get_run_logger().warning(message, source.key, some(names), source.removal_wait)
    lake_run.wait(source, names)


@task(name="tables", task_run_name="tables {source}", **ONCE)
def write_tables(store: Store, source: str) -> Tabled:
    """Bring the tables up to a new generation: frames do not travel between tasks."""
    return make_tables(store, source)


@task(name="revisions", task_run_name="revisions {source}", **ONCE)
def find_revisions(store: Store, source: str, generation: int, since: int | None = None) -> Revised:
    """Compare a generation's data files with those of an earlier one, by default its parent."""
    return revise(store, source, generation, since)


@task(name="front-page", task_run_name="front page", **ONCE)
def write_front_page(store: Store, sources: Sequence[str]) -> tuple[str, ...]:
    """Make the lake's front page and feed; return the keys that were left as somebody's own."""
    return make_front_page(store, sources)


def keep_front_page(lake: str, result: Result) -> None:
    """Make the front page if a top-level run changed its content.

    If the records say that it is of the newest state, and no report was made, there is nothing to
    do, at no request; a run over many tasks reads the record of each survey. An error is only a
    warning: the next run tries again.
    """
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.parent_task_run_id is not None:
        return
    try:
        store = open_lake(lake)
        due = _behind(store, result)
        if not due:
            return
        left = write_front_page(store, due)
        if left:
            message = "%s: not written by a run, left alone. Move it away to get a front page."
            get_run_logger().warning(message, " and ".join(left))
    except Exception as error:  # noqa: BLE001 - the lake is up to date: its run may not fail now
        message = "The front page was not made: %s The next run tries again."
        get_run_logger().warning(message, error)


def _behind(store: Store, result: Result) -> list[str]:
    """Return the sources whose newest state, or newest report, the front page may not tell."""
    newest = {source_of(row.survey): row.folder for row in result.reports}
    made = {source_of(row.survey) for row in result.reports if row.outcome in MADE}
    if result.report and result.report.name in MADE:
        made.add(result.report.report["inputs"]["survey"]["source"])
    for outcome in result.ingests:
        folder = newest.get(outcome.source, "")
        usual = root_of(folder) == report_root(survey_of(outcome.source))
        report = folder if usual else None
        is_current = outcome.plan or front_page_current(outcome.front_page, report)
        if outcome.generation and not is_current:
            made.add(outcome.source)
    if result.surveys and result.surveys.tasks and not result.surveys.dry_run:
        done = [source_of(row.survey) for row in result.surveys.rows if row.done]
        made.update(behind(store, done))
    return sorted(made)


def steps(files_as_tasks: int = FILES_AS_TASKS) -> lake_run.Steps:
    """Return the run's steps as tasks, with timeouts where Prefect can enforce them.

    Up to `files_as_tasks` files are a task each, more are one batch. A run over many surveys gives
    0: a task takes 12 ms of processor time, and nobody reads a timeline of a thousand.
    """
    return lake_run.Steps(
        list=_bounded(list_source, 900),
        wait=wait,
        serves=serves,
        transfer=partial(_transfer, files_as_tasks),
        commit=_bounded(commit, 900),
        publish=_bounded(publish_view, 7200),
    )


def _transfer(
    files_as_tasks: int, source: Source, store: Store, asks: Sequence[Ask]
) -> lake_run.Answers:
    """Run one task per file; for many files, one batch, then a task per transient failure."""
    progress = Progress(source.key, sum(a.file.size or 0 for a in asks))
    answers: dict[str, Arrival | QuestError] = {}
    if len(asks) > files_as_tasks:
        first = transfer_batch(source, store, asks, progress=progress)
        answers = {a.file.name: r for a, r in zip(asks, first, strict=True)}
        asks = [a for a in asks if _transient(answers[a.file.name])]
    how: Any = {"progress": progress, "size_of": lake_run.vintage_sizes(source, store, asks)}
    futures = {a.file.name: transfer_file.submit(source, store, a, **how) for a in asks}
    for name, future in futures.items():
        future.wait()
        result = future.result(raise_on_failure=False)
        if isinstance(result, BaseException) and not isinstance(result, QuestError):
            raise result
        answers[name] = result
    progress.done()
    return list(answers.values())


def _transient(answer: object) -> bool:
    return isinstance(answer, QuestError) and answer.transient


def _bounded(step: Task[..., Any], seconds: float) -> Task[..., Any]:
    if current_thread() is not main_thread():
        return step
    return step.with_options(timeout_seconds=seconds)
