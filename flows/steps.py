"""The run's steps as Prefect tasks: what is tried again, for how long, and under which name.

`sources/http.py` tries one request up to 4 times; when that is spent, the task tries its step
again, up to 3 times in all: 12 requests for one file at the most (16 in a survey of more than
`FILES_AS_TASKS` files; 4 more where surveys run side by side). A refusal is never tried again.

Prefect enforces a task's timeout only in the main thread. Transfers run in worker threads: what
bounds them is the source's own timeouts and deadline for each request.
"""

from __future__ import annotations

from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff

from blsquest.core.errors import QuestError
from blsquest.core.stop import is_stopped
from blsquest.lake import run as plain
from blsquest.lake import transfer as lake_transfer
from blsquest.lake.view import publish
from flows.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prefect.client.schemas.objects import State, TaskRun

    from blsquest.core.source import Listing, Source
    from blsquest.lake.log import ManifestLog
    from blsquest.lake.manifest import Generation, Manifest
    from blsquest.lake.plan import Ask
    from blsquest.lake.stores.base import Store
    from blsquest.lake.transfer import Arrival
    from blsquest.lake.view import Published

P = ParamSpec("P")
R = TypeVar("R")

RETRIES = 2
FILES_AS_TASKS = 50
"""Up to so many files are a task each; beyond, tasks would cost more than the transfers."""


def may_pass(_task: object, _run: TaskRun, state: State[Any]) -> bool:
    """Whether trying the step again may help: only where the error itself says so."""
    if is_stopped():
        return False  # the task's thread would sleep, and the process wait for it
    error = state.result(raise_on_failure=False)
    return _transient(error)


_STEP: dict[str, Any] = {
    "retries": RETRIES,
    "retry_delay_seconds": exponential_backoff(backoff_factor=5),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": may_pass,
    "cache_policy": NO_CACHE,
    "persist_result": False,
}


@task(name="list", task_run_name="list {source.key}", **_STEP)
def list_source(source: Source) -> Listing:
    """Ask the publisher what there is."""
    return plain.list_source(source)


@task(name="commit", task_run_name="commit {log.source}", **_STEP)
def commit(log: ManifestLog, manifest: Manifest) -> Generation | None:
    """Make the new state true, or learn that another run was faster."""
    return plain.commit(log, manifest)


@task(name="publish", task_run_name="publish {log.source}", **_STEP)
def publish_view(log: ManifestLog, generation: Generation) -> Published:
    """Make the public view equal to the newest manifest."""
    return publish(log, generation)


@task(name="transfer", task_run_name="{ask.file.name}", **_STEP)
def transfer_file(source: Source, store: Store, ask: Ask, progress: Progress) -> Arrival:
    """Bring one file into the lake."""
    return lake_transfer.transfer(source, store, ask, progress=progress)


@task(name="transfer-batch", task_run_name="{asks[0].file.name} and others", **_STEP)
def transfer_batch(
    source: Source, store: Store, asks: Sequence[Ask], progress: Progress
) -> plain.Answers:
    """Bring many files into the lake; a file that fails is answered by its error."""
    return plain.transfer_all(source, store, asks, progress=progress)


def transfer(source: Source, store: Store, asks: Sequence[Ask]) -> plain.Answers:
    """One task a file; of a large survey, one for all, and one more for each that failed."""
    progress = Progress(source.key, sum(a.file.size or 0 for a in asks))
    answers: dict[str, Arrival | QuestError] = {}
    if len(asks) > FILES_AS_TASKS:
        first = transfer_batch(source, store, asks, progress)
        answers = {a.file.name: r for a, r in zip(asks, first, strict=True)}
        asks = [a for a in asks if _transient(answers[a.file.name])]
    futures = {a.file.name: transfer_file.submit(source, store, a, progress) for a in asks}
    for name, future in futures.items():
        future.wait()
        result = future.result(raise_on_failure=False)
        if isinstance(result, BaseException) and not isinstance(result, QuestError):
            raise result
        answers[name] = result
    progress.done()
    return list(answers.values())


def steps() -> plain.Steps:
    """The run's steps as tasks, with timeouts where Prefect can enforce them."""
    return plain.Steps(
        _bounded(list_source, 900), transfer, _bounded(commit, 900), _bounded(publish_view, 7200)
    )


def steps_of_many() -> plain.Steps:
    """The run's steps where surveys run side by side: tasks only of what did not pass at once.

    A task costs Prefect about 13 ms, more than a small file does, and nobody reads a timeline of a
    thousand of them.
    """
    return plain.Steps(
        _first_plainly(plain.list_source, list_source),
        _transfer_plainly,
        _first_plainly(plain.commit, commit),
        _first_plainly(publish, publish_view),
    )


def _transfer_plainly(source: Source, store: Store, asks: Sequence[Ask]) -> plain.Answers:
    answers = plain.transfer_all(source, store, asks)
    again = [ask for ask, answer in zip(asks, answers, strict=True) if _transient(answer)]
    if not again or is_stopped():
        return answers
    second = dict(zip(again, transfer(source, store, again), strict=True))
    return [second.get(ask, answer) for ask, answer in zip(asks, answers, strict=True)]


def _first_plainly(plain: Callable[P, R], as_task: Callable[P, R]) -> Callable[P, R]:
    def step(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return plain(*args, **kwargs)
        except QuestError as error:
            if not _transient(error) or is_stopped():
                raise
        return as_task(*args, **kwargs)

    return step


def _transient(answer: object) -> bool:
    return isinstance(answer, QuestError) and bool(getattr(answer, "transient", False))


def _bounded(step: Task[P, R], seconds: float) -> Task[P, R]:
    if current_thread() is not main_thread():
        return step
    return step.with_options(timeout_seconds=seconds)
