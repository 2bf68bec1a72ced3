"""The events of a run, which automations listen to, and the notice of a release."""

from collections.abc import Callable, Mapping
from typing import Any

from prefect.context import FlowRunContext
from prefect.events import emit_event
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.utilities.urls import url_for

from blocks.notice import Notice
from blsquest.core.clock import utcnow
from blsquest.core.errors import Misuse, QuestError
from blsquest.core.source import POPULATION, survey_of
from blsquest.lake.keys import revisions_folder
from blsquest.lake.log import ManifestLog
from blsquest.lake.outcome import Outcome
from blsquest.lake.stores.base import Store
from blsquest.products.notice import (
    Notified,
    claim,
    has_news,
    kept_comparison,
    mark_notified,
    notice_base,
    notice_text,
    read_notified,
    release,
)
from blsquest.products.question import Request
from blsquest.products.report import unanswerable
from flows.artifacts import place

BLS_CHANGED = "bls.changed"
POPULATION_CHANGED = "population.changed"
SURVEY = Request().survey
"""The survey whose report needs the population by default."""


def emit_changed(event: str, outcome: Outcome, store: Store) -> None:
    """Emit `event` if a run changed content.

    The event's `by` says whether a pipeline ran the ingest: the pipeline makes the report itself,
    so the report's trigger listens only to ingests that ran alone. A part of a pipeline has a
    parent and no deployment; a run that `fan_out` started has both. `survey` is the survey whose
    report is now due, and `report` says whether there can be one: for a survey that has nothing to
    answer from, none is started, and the log gives the reason.
    """
    if not outcome.content_changed:
        return
    context = FlowRunContext.get()
    own = context.flow_run if context else None
    part = own is not None and own.parent_task_run_id is not None and own.deployment_id is None
    survey = SURVEY if outcome.source == POPULATION else survey_of(outcome.source)
    why = None if part else _no_report(store, survey)
    if why:
        get_run_logger().info("No report on %s follows: %s", survey, why)
    emit_event(
        event,
        resource={
            "prefect.resource.id": f"bls-data-quest.{outcome.source.replace('/', '.')}",
            "prefect.resource.name": outcome.source,
            "by": "pipeline" if part else "itself",
            "survey": survey,
            "report": "none" if why else "due",
        },
        payload={
            "lake": store.url,
            "source": outcome.source,
            "generation": outcome.generation,
            "changes": [{"file": c.name, "change": c.change} for c in outcome.changes],
        },
    )


def _no_report(store: Store, survey: str) -> str | None:
    try:
        return unanswerable(store, Request(survey))
    except Misuse as error:  # the lake has none of it
        return error.what
    except QuestError:  # the report's own run says it, and is tried again
        return None


def send_notice(
    notice: Notice,
    outcome: Outcome,
    store: Store,
    notified: Notified | None,
    compare: Callable[[int], Mapping[str, Any]],
) -> None:
    """Send the notice of the changes since the last notified generation, once per generation.

    Also if an earlier run committed it and died, or could not send. Nothing here can fail a run.
    `compare` returns the values of `revisions.json` since a generation, if none was made.
    """
    if notified is not None and notified.generation >= outcome.generation:
        return
    source, logger = outcome.source, get_run_logger()
    try:
        newest = ManifestLog(store, source).read(outcome.generation)
        since = notice_base(store, source, notified, newest)
        if since is None:
            return
        if not claim(store, source, outcome.generation, run=str(flow_run.id), now=utcnow()):
            logger.info(
                "Another run sends the notice of generation %s of %s.", outcome.generation, source
            )
            return
        try:
            notified = read_notified(store, source)  # a run that sent it may just have ended
            if notified is not None and notified.generation >= outcome.generation:
                release(store, source, outcome.generation)
                return
            found = kept_comparison(store, source, newest, since) or compare(since)
            if has_news(found):
                notice.send(f"A release of {source}", notice_text(found, _links(found, store)))
                logger.info(
                    "The notice of generation %s of %s is sent.", outcome.generation, source
                )
        except BaseException:  # also one that ends the process: the next run tells
            release(store, source, outcome.generation)
            raise
        mark_notified(store, source, newest)
    except Exception as error:  # noqa: BLE001 - the mirror is up to date: its run may not fail now
        logger.warning("No notice of the release of %s was sent: %s", source, error)


def _links(found: Mapping[str, Any], store: Store) -> dict[str, str]:
    parts = [found[role]["generation"] for role in ("from", "to")]
    pair = None if parts[0] == parts[1] - 1 else parts[0]
    folder = revisions_folder(survey_of(found["source"]), parts[1], pair)
    links = {"All differences": place(store, folder)[0]}
    page = url_for("flow-run", obj_id=str(flow_run.id))
    return links | ({"The run": page} if page else {})
