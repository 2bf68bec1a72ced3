"""The run's steps as Prefect tasks: what is tried again, for how long, and under which name.

`sources/http.py` retries one request; when that is spent, the task retries its step. The two
together are bounded (`RETRIES` here times `ATTEMPTS` there); a refusal is never tried again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff

from flows.lake import run as lake_run
from flows.lake import transfer as lake_transfer
from flows.lake.model import QuestError
from flows.lake.publish import publish
from flows.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefect.client.schemas.objects import State, TaskRun

    from flows.lake.model import Source, Store
    from flows.lake.plan import Arrival, Ask

RETRIES = 2
FILES_AS_TASKS = 50
"""Up to so many files are a task each; beyond, tasks would cost more than the transfers."""


def may_pass(_task: object, _run: TaskRun, state: State[Any]) -> bool:
    """Whether trying the step again may help: only where the error itself says so."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, QuestError) and bool(getattr(error, "transient", False))


_STEP: dict[str, Any] = {
    "retries": RETRIES,
    "retry_delay_seconds": exponential_backoff(backoff_factor=5),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": may_pass,
    "cache_policy": NO_CACHE,
    "persist_result": False,
}

list_source = task(
    lake_run.list_source, name="list", task_run_name="list {source.key}", timeout_seconds=900, **_STEP
)
commit = task(lake_run.commit, name="commit", task_run_name="commit {log.source}", **_STEP)
publish_view = task(publish, name="publish", task_run_name="publish {log.source}", **_STEP)


@task(name="transfer", task_run_name="{ask.file.name}", timeout_seconds=4 * 3600, **_STEP)
def transfer_file(source: Source, store: Store, ask: Ask, progress: Progress) -> Arrival:
    """Bring one file into the lake."""
    return lake_transfer.transfer(source, store, ask, progress=progress)


@task(name="transfer-batch", task_run_name="{asks[0].file.name} and others", **_STEP)
def transfer_batch(
    source: Source, store: Store, asks: Sequence[Ask], progress: Progress
) -> lake_run.Answers:
    """Bring many files into the lake; a file that fails is answered by its error."""
    return lake_run.transfer_all(source, store, asks, progress=progress)


def transfer(source: Source, store: Store, asks: Sequence[Ask]) -> lake_run.Answers:
    """One task a file; of a large survey, one for all, and one more for each that failed."""
    progress = Progress(source.key, sum(a.file.size or 0 for a in asks))
    answers: dict[str, Arrival | QuestError] = {}
    if len(asks) > FILES_AS_TASKS:
        first = transfer_batch(source, store, asks, progress)
        answers = {a.file.name: r for a, r in zip(asks, first, strict=True)}
        asks = [a for a in asks if getattr(answers[a.file.name], "transient", False)]
    futures = {a.file.name: transfer_file.submit(source, store, a, progress) for a in asks}
    for name, future in futures.items():
        future.wait()
        result = future.result(raise_on_failure=False)
        if isinstance(result, BaseException) and not isinstance(result, QuestError):
            raise result
        answers[name] = result
    progress.done()
    return list(answers.values())


STEPS = lake_run.Steps(list_source, transfer, commit, publish_view)
