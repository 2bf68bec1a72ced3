"""One source within a flow: the run with its steps as tasks, then its tables and revisions."""

from threading import Lock
from typing import Any

from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from blocks.notice import Notice
from blsquest.analytics.report.markdown import escape
from blsquest.core.errors import Corrupt, StoreError
from blsquest.core.progress import Step, emit
from blsquest.core.source import Source, is_data_file, survey_of
from blsquest.core.stop import raise_if_stopped
from blsquest.lake.outcome import Outcome
from blsquest.lake.run import Options, run
from blsquest.lake.stores.base import Store
from blsquest.products.catalogue import data_prefix
from blsquest.products.notice import Notified, begin
from blsquest.products.tables import tables_current
from flows.artifacts import key_of, leave_changes, leave_text
from flows.events import emit_changed, send_notice
from flows.tasks import find_revisions, steps, write_tables

_POLARS = Lock()
"""Each work with polars takes all cores and up to 600 MB: surveys side by side take turns."""


def ingest(
    publisher: Source,
    store: Store,
    options: Options,
    event: str,
    *,
    tables: bool = False,
    revisions: bool = False,
    beside_others: bool = False,
    notice: Notice | None = None,
) -> Outcome:
    """Bring one source up to date, and show what changed.

    The mirror is up to date before tables and revisions are made: nothing there can fail its run.
    `event` is emitted where content changed; `beside_others` says whether the same run brings other
    surveys up to date.

    Raises:
        QuestError: See `blsquest.lake.run.run`.
    """
    notified: Notified | None = None
    if notice is not None and not options.dry_run:
        # Before anything is committed: if the run then dies, the next one sends its notice.
        try:
            notified = begin(store, publisher.key)
        except StoreError as error:
            get_run_logger().warning("No notice of a release will be sent: %s", error)
            notice = None
    if not beside_others:
        emit(Step(f"{publisher.key}: asking what there is"))
    how = steps(0) if beside_others else steps()
    outcome = run(publisher, store, options, steps=how, run_id=str(flow_run.id))
    emit(Step(outcome.sentence()))
    leave_changes(outcome, store)
    emit_changed(event, outcome, store)
    if options.dry_run or not outcome.generation or not (tables or revisions):
        return outcome
    with _POLARS:
        raise_if_stopped()
        if tables:
            _tables(outcome, store)
        if revisions:
            _revisions(outcome, store)
    if notice is not None:

        def compare(since: int) -> dict[str, Any]:
            with _POLARS:
                return find_revisions(store, outcome.source, outcome.generation, since).summary

        send_notice(notice, outcome, store, notified, compare)
    return outcome


def _tables(outcome: Outcome, store: Store) -> None:
    """Make the tables, unless the record shows, at no request, that they are current."""
    try:
        if not tables_current(store, outcome.tables):
            emit(Step(f"{outcome.source}: keeping it as tables"))
            tabled = write_tables(store, outcome.source)
            get_run_logger().info(tabled.sentence())
            if tabled.unpointed:
                next_ = "The lake's own tables are up to date; the next run sets Glue's again."
                _warn(outcome.source, " ".join(tabled.unpointed), next_)
    except Exception as error:  # noqa: BLE001 - the mirror is up to date: its run may not fail now
        what = f"The tables of {outcome.source} were not made: {error}"
        next_ = "The mirror itself is up to date; the next run tries again."
        if isinstance(error, Corrupt):
            next_ = (
                "No run makes them before that. One with --recheck puts a vintage back that is "
                "gone, if the publisher still has it."
            )
        _warn(outcome.source, what, next_)


def _warn(source: str, what: str, next_: str) -> None:
    get_run_logger().warning("%s %s", what, next_)
    text = f"{escape(what)}\n\n{next_}"
    leave_text("the note on tables", f"tables-{key_of(source)}", text, what)


def _revisions(outcome: Outcome, store: Store) -> None:
    """Compare the data files that a run changed with their last vintages, and show the summary."""
    survey = survey_of(outcome.source)
    changed = [
        c.name
        for c in outcome.changes
        if c.old and c.new and c.old.sha256 != c.new.sha256
        if is_data_file(data_prefix(survey), c.name)
    ]
    if not changed:
        return
    emit(Step(f"{outcome.source}: comparing {', '.join(changed)} with the release before"))
    try:
        revised = find_revisions(store, outcome.source, outcome.generation)
        text, summary = revised.markdown, revised.sentence()
        get_run_logger().info(summary)
    except Exception as error:  # noqa: BLE001 - the mirror is up to date: its run may not fail now
        summary = f"What {', '.join(changed)} revised is not known: {error}"
        text = f"{escape(summary)}\n\nThe mirror itself is up to date."
        get_run_logger().warning(summary)
    leave_text("the revisions", f"revisions-{survey}", text, summary)
