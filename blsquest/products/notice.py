"""The notice of a release: its text, and the generation of the last one.

`state/<source>/notice.json` names that generation. It is derived: if it is lost, or the log has
another generation of that number, notices begin again with the next release. A run claims a
generation by put-if-absent before it sends, and marks it afterwards: so one of several runs at once
sends, and the claim of a run that died in between is taken over after `STALE`. A notice is sent at
least once: twice only if a run dies between sending and marking, or if the receiver accepted a
notice without confirming it.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from blsquest.analytics import CHANGES
from blsquest.analytics.periods import in_words
from blsquest.analytics.report.section import Signed, plain
from blsquest.analytics.report.sections import changed
from blsquest.core.clock import time_text
from blsquest.core.errors import Missing, QuestError
from blsquest.core.source import survey_of
from blsquest.core.text import number, percent, published, short
from blsquest.lake.keys import notice_claim_key, notice_key, revisions_folder
from blsquest.lake.log import ManifestLog
from blsquest.lake.manifest import Generation
from blsquest.lake.stores.base import Store
from blsquest.products.record import json_bytes

STALE = timedelta(hours=1)
"""The age at which a claim is taken as a dead run's: a survey of 10 GB is compared in minutes, and
sending is bounded."""
TRIES = 3
"""Runs that may die with the claim on one generation before no further run tries."""
NAMED = 3
"""Observations that a text names of each kind."""


class Notified(BaseModel):
    """The generation of the last notice, or the one after which notices begin."""

    model_config = ConfigDict(extra="allow")

    version: int = 1
    generation: int
    manifest_sha256: str


def begin(store: Store, source: str) -> Notified | None:
    """Return the last generation notified; the first time, mark the newest one as that.

    So the first run with a notice marks where notices begin before it commits anything, and a
    run that dies leaves its notice to the next one. None for a lake without a generation: its
    first is no news.
    """
    notified = read_notified(store, source)
    if notified is None:
        newest = ManifestLog(store, source).latest()
        notified = mark_notified(store, source, newest) if newest else None
    return notified


def read_notified(store: Store, source: str) -> Notified | None:
    """Return the last generation notified; None where that is not known."""
    try:
        return Notified.model_validate_json(store.read(notice_key(source)), strict=True)
    except (Missing, ValidationError):
        return None


def mark_notified(store: Store, source: str, generation: Generation) -> Notified:
    """Mark a generation as notified, and lift the claim on it."""
    notified = Notified(
        generation=generation.manifest.generation, manifest_sha256=generation.sha256
    )
    store.put(notice_key(source), json_bytes(notified.model_dump()))
    release(store, source, notified.generation)
    return notified


def notice_base(
    store: Store, source: str, notified: Notified | None, newest: Generation
) -> int | None:
    """Return the generation that a notice compares the newest one with; None where none is due.

    Where the log has another generation of that number, the newest is marked and none is due.
    """
    if notified is not None:
        if notified.generation >= newest.manifest.generation:
            return None
        with suppress(Missing):
            kept = ManifestLog(store, source).read(notified.generation)
            if kept.sha256 == notified.manifest_sha256:
                return notified.generation
    mark_notified(store, source, newest)
    return None


def claim(store: Store, source: str, generation: int, *, run: str, now: datetime) -> bool:
    """Claim a generation for this run; False where another run is about to send its notice.

    Raises:
        QuestError: `TRIES` runs died with the claim: something about it ends them.
    """
    key = notice_claim_key(source, generation)

    def body(tries: int) -> bytes:
        return json_bytes({"run": run, "at": time_text(now), "tries": tries})

    if store.put_new(key, body(1)):
        return True
    try:
        other = json.loads(store.read(key))
        stale, tries = now - datetime.fromisoformat(other["at"]) > STALE, int(other["tries"])
    except Missing:  # sent meanwhile, or given up: the next run looks again
        return False
    except (ValueError, KeyError, TypeError):  # not of a run that is alive
        stale, tries = True, 1
    if not stale:
        return False
    if tries >= TRIES:
        raise QuestError(
            f"{tries} runs died while they compared generation {generation} for its notice.",
            f"See what it revised on a larger machine, then delete {store.url}/{key}.",
        )
    store.put(key, body(tries + 1))
    return True


def release(store: Store, source: str, generation: int) -> None:
    """Lift a claim: the next run sends a notice that was not sent."""
    store.delete(notice_claim_key(source, generation))


def kept_comparison(
    store: Store, source: str, newest: Generation, since: int
) -> dict[str, Any] | None:
    """Return the `revisions.json` of two generations, if it was made of this log; else None."""
    generation = newest.manifest.generation
    pair = None if since == generation - 1 else since
    try:
        found = json.loads(
            store.read(revisions_folder(survey_of(source), generation, pair) + "revisions.json")
        )
        is_its_own = found["to"]["manifest_sha256"] == newest.sha256
    except (Missing, ValueError, KeyError, TypeError):
        return None
    return found if is_its_own else None


# -- Its text ----------------------------------------------------------------------------------


def has_news(found: Mapping[str, Any]) -> bool:
    """Whether any observation differs, by the values of `revisions.json`."""
    return any(file.get(change) for file in found["files"] for change in CHANGES)


def notice_text(found: Mapping[str, Any], links: Mapping[str, str]) -> str:
    """Write a notice from the values of `revisions.json`, one fact a line.

    `links` are addresses to read on, by their label.
    """
    sample = " (generated sample, not real statistics)" if found["sample"] else ""
    now = found["to"]
    of, since = found["source"], found["from"]["generation"]
    states = f"generation {now['generation']} ({now['committed'][:10]}), against generation {since}"
    lines = [f"BLS Data Quest: a release of {of}{sample}, {states}."]
    lines += [
        f"{_quiet(file['file'])}: {changed(file)}."
        for file in found["files"]
        if any(file.get(change) for change in CHANGES)
    ]
    for row in found.get("withdrawn", ())[:NAMED]:
        lines.append(f"Withdrawn: {_observation(row)}, which was {_value(row, 'old_value')}.")
    for row in found.get("filled", ())[:NAMED]:
        lines.append(f"Filled: {_observation(row)}: {_value(row, 'new_value')}.")
    lines += [f"Largest revision: {_observation(r)}: {_moved(r)}." for r in _largest(found)]
    return "\n".join([*lines, *(f"{what}: {address}" for what, address in links.items())])


def _largest(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the largest revision of each unit, of up to `NAMED` units."""
    best: dict[str | None, dict[str, Any]] = {}
    for row in found["largest"]:
        known = best.get(row["unit"])
        if known is None or abs(Decimal(row["difference"])) > abs(Decimal(known["difference"])):
            best[row["unit"]] = row
    return list(best.values())[:NAMED]


def _observation(row: Mapping[str, Any]) -> str:
    title = f"{_quiet(row['title'])} ({row['series_id']})" if row["title"] else row["series_id"]
    return f"{title}, {in_words(row['period'], row['year'])}"


def _moved(row: Mapping[str, Any]) -> str:
    amounts = [plain(Signed(published(row["difference"], row.get("decimals"))))]
    amounts += [percent(row["percent"])] if row.get("percent") is not None else []
    unit = f" {_quiet(row['unit'])}" if row["unit"] else ""
    return f"{_value(row, 'old_value')} to {_value(row, 'new_value')}{unit} ({', '.join(amounts)})"


def _value(row: Mapping[str, Any], name: str) -> str:
    # The comparisons of earlier versions have no decimals.
    return number(published(row[name], row.get("decimals")))


def _quiet(text: str) -> str:
    """Return a publisher's words so that they mention nobody and link nowhere in a chat."""
    plain = short(text)
    for mark in ("<", "@", "://"):  # of <!channel>, @everyone, https://
        plain = plain.replace(mark, f"{mark[0]}\N{WORD JOINER}{mark[1:]}")
    return plain
