"""The audit of a whole lake: first `blsquest.lake.audit`, then the derived objects.

Reports, comparisons of generations and tables must be what their records say. The records are
sealed, or compared with what they describe, and the manifests that they name must be in the log.
If wanted, wrong objects are made again, from the same generations and for the same question. The
libraries' versions are not part of that: another one may write other bytes, which is reported.

Costs a LIST of `analytics/`, a GET for each record there and for each output in the share; for each
source with tables a LIST, three GETs, one for each generation in them and one for each Parquet
and Avro file in the share. The front page and the feed are made, and compared, at the cost of
`front_page_content.look`.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

from blsquest.core.errors import Corrupt, Missing, Refused
from blsquest.core.source import source_of, survey_of
from blsquest.lake import keys
from blsquest.lake.audit import MOVE_AWAY, Log, Named, altered, audit_logs, in_share
from blsquest.lake.findings import REPAIR, Audited, Finding, Findings
from blsquest.lake.log import ManifestLog
from blsquest.lake.record import read_record
from blsquest.lake.stores.base import Store
from blsquest.products.record import is_sealed
from blsquest.products.report import ASK_ANEW, make_again
from blsquest.products.report_folders import REPORT, read_or_none

if TYPE_CHECKING:  # it imports pyiceberg
    from blsquest.products.iceberg import Table

COMPARISON = "revisions.json"
EARLIER = "The next run with a change makes it, or the audit with --repair."
OTHER_BYTES = "These library versions write other bytes than the earlier ones."
UNSEALED = "Nothing needs to be done; one that is made again can."


@dataclass(frozen=True, slots=True)
class Account:
    """The parts of a `report.json` or a `revisions.json` that the audit needs.

    Attributes:
        key: Its key.
        sizes: Name → bytes, of all objects in its folder.
        wrong: The fault of the record itself; "" for none.
        sealed: See `is_sealed`.
        outputs: Name → bytes and SHA-256, of the files that should be there.
        named: The manifests that it was made from.
        made_of: The question and the inputs of a report.
    """

    key: str
    sizes: Mapping[str, int]
    wrong: str = ""
    sealed: bool | None = None
    outputs: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    named: tuple[Named, ...] = ()
    made_of: tuple[Any, Any] | None = None

    @property
    def folder(self) -> str:
        """Its folder, ending in `/`."""
        return self.key.rpartition("/")[0] + "/"


def audit(
    store: Store, *, share: float = 1.0, repair: bool = False, now: datetime | None = None
) -> Audited:
    """Check a whole lake; with `repair`, make derived objects that are wrong again.

    See `blsquest.lake.audit.audit_logs`; the share applies to reports' outputs and tables too.
    Manifests and vintages are never touched, and nothing is made from a damaged log.

    Raises:
        Misuse: There is no lake.
        StoreError: Its top can't be looked at.
    """
    found = Findings(repair)
    records: list[Account] = []
    # Records before logs: the generations of a record are then in its log.
    with found.seen(keys.ANALYTICS):
        records += _records(store, found)
    named = [each for record in records for each in record.named]
    audited, logs = audit_logs(store, share=share, now=now, found=found, named=named)
    for record in records:
        with found.seen(record.key):
            _check_record(store, record, logs, found, share)
    if unsealed := sum(record.sealed is None and not record.wrong for record in records):
        what = f"holds {unsealed} records of an earlier version, which can't be checked whole"
        found.add("note", keys.ANALYTICS, what, UNSEALED)
    tables = 0
    for source, log in logs.items():
        with found.seen(keys.table_folder(source)):
            tables += _check_tables(store, source, log, found, share)
    with found.seen(keys.INDEX):
        _check_front_page(store, logs, found)
    return replace(audited, findings=found.sorted(), reports=len(records), tables=tables)


# -- Reports and comparisons -------------------------------------------------------------------


def _records(store: Store, found: Findings) -> Iterator[Account]:
    """Read the record of each folder that has one, or should."""
    folders: dict[str, dict[str, int]] = {}
    for stored in store.list(keys.ANALYTICS):
        folder, _, name = stored.key.rpartition("/")
        folders.setdefault(f"{folder}/", {})[name] = stored.size
    for folder, sizes in folders.items():
        name = REPORT if keys.root_of(folder) else COMPARISON if keys.revisions_of(folder) else ""
        # Other objects there are not this project's.
        if name and (name in sizes or any(each.endswith(".parquet") for each in sizes)):
            with found.seen(folder + name, of_many=True):
                yield _read(store, folder + name, sizes)


def _read(store: Store, key: str, sizes: Mapping[str, int]) -> Account:
    folder, _, name = key.rpartition("/")
    made_of = None
    try:
        document = json.loads(store.read(key))
        sealed = is_sealed(document)
        outputs = {n: (o["bytes"], o["sha256"]) for n, o in document["outputs"].items()}
        if name == REPORT:
            made_of = (document["question"], document["inputs"])
            parts = [(part["source"], part) for part in document["inputs"].values()]
        else:
            parts = [(document["source"], document[role]) for role in ("from", "to")]
        named = tuple(
            Named(str(s), int(p["generation"]), str(p["manifest_sha256"]), key) for s, p in parts
        )
        is_its_own = name != REPORT or document["folder"] == f"{folder}/"
    except Missing:
        return Account(key, sizes, "is missing beside its files")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Account(key, sizes, "was altered: it makes no sense")
    if sealed is False or not is_its_own:
        wrong = "was altered: its seal is broken"
        return Account(key, sizes, wrong, sealed, made_of=made_of)
    return Account(key, sizes, "", sealed, outputs, named, made_of)


def _check_record(
    store: Store, record: Account, logs: Mapping[str, Log], found: Findings, share: float
) -> None:
    wrong = [Finding("repairable", record.key, record.wrong, REPAIR)] if record.wrong else []
    for name, (size, digest) in sorted(record.outputs.items()):
        key, there = record.folder + name, record.sizes.get(name)
        what = "is missing" if there is None else ""
        if there is not None and there != size:
            what = f"has {there:,} bytes and not {size:,}"
        elif there is not None and in_share(key, share):
            with found.seen(key, of_many=True):
                what = altered(store, key, digest)
        if what:
            wrong.append(Finding("repairable", key, what, REPAIR))
    # A report may have been put since its record was read.
    if not wrong or _read(store, record.key, record.sizes) != record:
        return
    trusted = all(
        each.source in logs and logs[each.source].trusted and logs[each.source].has(each)
        for each in record.named
    )
    found.mend(wrong, partial(_make_again, store, record), trusted=trusted)


def _make_again(store: Store, record: Account) -> str:
    """Make a report or a comparison again; return a remark if its bytes differ from before."""
    if (pair := keys.revisions_of(record.folder)) is not None:
        from blsquest.products.revisions import revise

        survey, generation, since = pair
        outputs = revise(store, source_of(survey), generation, since).summary["outputs"]
    else:
        question, inputs = _made_of(store, record)
        outputs = make_again(store, record.folder, question, inputs).report["outputs"]
    now = {name: (made["bytes"], made["sha256"]) for name, made in outputs.items()}
    differ = not record.wrong and now != record.outputs
    return OTHER_BYTES if differ else ""


def _made_of(store: Store, record: Account) -> tuple[Any, Any]:
    """Return a report's question and inputs, from its record or else from a Parquet file."""
    import polars as pl

    for name in sorted(record.sizes) if record.wrong or not record.made_of else ():
        if name.endswith(".parquet"):
            with suppress(Missing, KeyError, ValueError, pl.exceptions.PolarsError, OSError):
                about = pl.read_parquet_metadata(BytesIO(store.read(record.folder + name)))
                question, inputs = (about[f"bls-data-quest:{n}"] for n in ("request", "inputs"))
                return json.loads(question), json.loads(inputs)
    if record.made_of is None:
        raise Corrupt("Nothing beside it says what it was made from.", ASK_ANEW)
    return record.made_of


# -- Tables ------------------------------------------------------------------------------------


def _check_tables(store: Store, source: str, log: Log, found: Findings, share: float) -> int:
    """Check the tables of a source; return the number of their Parquet files."""
    from blsquest.products.tables import make_tables, tables_of

    listed = store.list(keys.table_folder(source))
    if not listed:
        return 0
    parts = {s.key: s.size for s in listed if keys.table_sha256(s.key)}
    wrong: dict[str, str] = {}
    for key in parts:
        if in_share(key, share):
            with found.seen(key, of_many=True):
                if what := altered(store, key, keys.table_sha256(key) or ""):
                    wrong[key] = what
    had: set[int] = set()
    for table in tables_of(store, source):
        with found.seen(table.root):
            try:
                table.read(listed)
            except Refused as error:
                found.add("unseen", table.root, error.what, error.remedy)
                continue
            had |= _check_table(store, log, table, parts, wrong, share)
            if table.elsewhere:
                what = "is of another place: the lake was copied or moved"
                found.add("note", table.key(table.number), what, "The next run makes it again.")

    def make() -> str:
        for key in wrong:
            store.delete(key)
        make_tables(store, source, anew=had or log.hashes)
        there = {s.key for s in store.list(keys.table_folder(source))}
        return OTHER_BYTES if {key for key in wrong if keys.table_sha256(key)} - there else ""

    findings = [Finding("repairable", key, what, REPAIR) for key, what in sorted(wrong.items())]
    found.mend(findings, make, trusted=log.trusted)
    return len(parts)


def _check_table(
    store: Store,
    log: Log,
    table: "Table",
    parts: Mapping[str, int],
    wrong: dict[str, str],
    share: float,
) -> set[int]:
    """Add a table's faults to `wrong`; return the generations that it has."""
    from blsquest.products.catalogue import data_files
    from blsquest.products.tables import left_out

    if table.metadata is None:
        if not table.elsewhere:
            torn = "makes no sense" if table.number else "is missing beside its files"
            wrong[table.key(max(table.number, 1))] = torn
        return set(table.elsewhere)
    faults, had = table.faults(log.hashes, parts, whole=lambda key: in_share(key, share))
    wrong |= faults
    known = table.known()
    if table.name == survey_of(log.source):
        for number, has in had.items():
            manifest = ManifestLog(store, log.source).read(number).manifest
            left = {(name, vintage) for name, (vintage, _) in left_out(known[number]).items()}
            want = {(entry.name, entry.sha256) for entry in data_files(manifest)}
            if {tuple(key.split("/")[-3:-1]) for key in has} | left != want:
                what = f"is not of the data files of generation {number}"
                wrong.setdefault(table.key(table.number), what)
    return {*known}


# -- The front page ----------------------------------------------------------------------------


def _check_front_page(store: Store, logs: Mapping[str, Log], found: Findings) -> None:
    """Check the front page and the feed, if a run ever made them.

    One of an earlier state is only noted: a run may be about to make it.
    """
    from blsquest.products.front_page import KEYS, is_foreign, is_whole, make_front_page, render
    from blsquest.products.front_page_content import look

    there = {key: read_or_none(store, key) for key in KEYS}
    ever = any(there.values()) or any("index" in read_record(store, s).made for s in logs)
    trusted = any(log.hashes for log in logs.values()) and all(log.trusted for log in logs.values())
    now = render(look(store)) if trusted else {}
    wrong = []
    for key, body in there.items():
        if body is None:
            if ever:
                wrong.append(Finding("repairable", key, "is missing", REPAIR))
        elif is_foreign(body):
            found.add("note", key, "is nothing that this project writes", MOVE_AWAY)
        elif not is_whole(body):
            wrong.append(Finding("repairable", key, "was altered: its seal is broken", REPAIR))
        elif now.get(key, body) != body:
            wrong.append(Finding("note", key, "is of an earlier state of the lake", EARLIER))

    def make() -> None:
        make_front_page(store, logs)

    found.mend(wrong, make, trusted=trusted)
