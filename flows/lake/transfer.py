"""Bring one file from its publisher into the lake: spool, check, keep as a vintage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.lake.arrival import Arrival
from flows.lake.errors import Corrupt, Refused, SourceError
from flows.lake.keys import vintage_key
from flows.lake.model import NotModified
from flows.lake.spool import spool_folder

if TYPE_CHECKING:
    from flows.lake.model import Progress, Source
    from flows.lake.plan import Ask
    from flows.lake.store import Store


def transfer(
    source: Source, store: Store, ask: Ask, *, progress: Progress | None = None
) -> Arrival:
    """Ask for one file; put its bytes into the lake unless they are there already.

    The body is spooled to a temporary file and hashed as it arrives, so memory does not grow with
    it and nothing unchecked reaches the lake. Costs one source request; for new content one HEAD
    and one PUT (parts beyond one), for content that the lake has ever seen no PUT.

    Raises:
        SourceError: The publisher did not deliver the file whole.
        Refused: What it delivered is not the file.
        StoreError: The lake did not take it, or the temporary folder did not; Corrupt, if what the
            lake holds under the content's name is something else.
    """
    file, prior = ask.file, ask.prior
    with spool_folder() as folder:
        spool = folder / "body"
        with spool.open("w+b") as body:
            answer = source.fetch(
                file, body, if_modified_since=ask.if_modified_since, progress=progress
            )
        if isinstance(answer, NotModified):
            if prior is None or ask.if_modified_since is None:
                raise SourceError(
                    f"{file.name}: the publisher answered 304 Not Modified to a plain request.",
                    "Run again later; if it stays so, report it.",
                )
            return Arrival(
                file, prior.size, prior.sha256, prior.identity, prior.last_modified, answer.age
            )
        if file.size is not None and answer.size != file.size:
            # Sources check this too; the lake must not depend on it.
            raise Refused(
                f"{file.name}: the listing announces {file.size:,} bytes and {answer.size:,} came.",
                "Nothing was changed. Run again later.",
            )
        kept = prior if prior is not None and prior.identity == answer.identity else None
        # The stored bytes stay, also where the publisher's own are spelled another way.
        size, digest = (kept.size, kept.sha256) if kept else (answer.size, answer.sha256)
        key = vintage_key(source.key, file.name, digest)
        # A recheck also puts back a vintage that someone removed.
        wanted = kept is None or (ask.why == "recheck" and digest == answer.sha256)
        held = store.size(key) if wanted else None
        if held is not None and held != size:
            raise Corrupt(
                f"{store.url}/{key} was altered: it has {held:,} bytes and not {size:,}.",
                "Nothing was changed. Delete it (an administrator may) and run again with a "
                "recheck: the publisher still sends these bytes.",
            )
        uploaded = wanted and held is None
        if uploaded:
            store.upload(spool, key)
    return Arrival(
        file=file,
        size=size,
        sha256=digest,
        identity=answer.identity,
        last_modified=answer.last_modified,
        age=answer.age,
        uploaded=uploaded,
        received=answer.size,
    )
