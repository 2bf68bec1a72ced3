"""The steps of a run that reach outside; each can be handed in wrapped, as Prefect tasks are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.lake.arrival import Arrival
from flows.lake.errors import QuestError
from flows.lake.publish import Published, publish
from flows.lake.stop import Workers
from flows.lake.transfer import transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flows.lake.log import ManifestLog
    from flows.lake.manifest import Generation
    from flows.lake.model import Listing, Manifest, Progress, Source
    from flows.lake.plan import Ask
    from flows.lake.store import Store

IN_FLIGHT = 4
"""Files asked for at once. The source's pacer, not this number, keeps the polite pace."""

Answers = list[Arrival | QuestError]


def list_source(source: Source) -> Listing:
    """The step that asks the publisher what there is."""
    return source.list()


def transfer_all(
    source: Source, store: Store, asks: Sequence[Ask], *, progress: Progress | None = None
) -> Answers:
    """The step that brings files in; each ask is answered by an arrival or by its error."""

    def one(ask: Ask) -> Arrival | QuestError:
        try:
            return transfer(source, store, ask, progress=progress)
        except QuestError as error:
            return error

    if len(asks) == 1:
        return [one(asks[0])]
    with Workers(IN_FLIGHT, "transfer") as pool:
        return list(pool.map(one, asks))


def commit(log: ManifestLog, manifest: Manifest) -> Generation | None:
    """The step that makes the new state true; None when another run was faster."""
    return log.commit(manifest)


@dataclass(frozen=True, slots=True)
class Steps:
    """The four steps that reach outside, each replaceable by a wrapped one."""

    list: Callable[[Source], Listing] = list_source
    transfer: Callable[[Source, Store, Sequence[Ask]], Answers] = transfer_all
    commit: Callable[[ManifestLog, Manifest], Generation | None] = commit
    publish: Callable[[ManifestLog, Generation], Published] = publish


PLAIN = Steps()
"""As they are."""
