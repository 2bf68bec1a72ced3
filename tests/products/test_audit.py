"""The audit of a whole lake: whatever is altered, lost or not ours is reported as what it is."""

import json
import re
import shutil
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from blsquest.core.errors import Misuse, StoreError
from blsquest.lake.audit import audit_logs, checksums, strays
from blsquest.lake.findings import Audited, Finding
from blsquest.lake.keys import manifest_folder, manifest_key, view_record_key
from blsquest.lake.manifest import encode
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.products.audit import audit
from blsquest.products.question import Request
from blsquest.products.record import SEAL, record
from blsquest.products.report import current_report, make_report, read_answers
from blsquest.products.report_folders import put_report
from blsquest.products.revisions import revise
from blsquest.products.status import status_of
from blsquest.products.tables import make_tables
from blsquest.sources.sample.population import payload
from blsquest.sources.sample.server import SampleServer
from tests.support.lakes import (
    PR,
    Clock,
    Killed,
    When,
    contents,
    mirror,
    recorded,
    take_population,
    twin,
    watched,
)
from tests.support.manifests import kept, manifest
from tests.support.publishing import legacy_payload

DAYS = (datetime(2025, 8, 15, 12, tzinfo=UTC), datetime(2025, 8, 16, 12, tzinfo=UTC))
FIRST, SECOND = "analytics/2025-08-15/", "analytics/2025-08-16/"
NEWEST = manifest_key(PR, 2)
RECORD = view_record_key(PR)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> DirectoryStore:
    """Two generations of both sources, and all that is made of them."""
    lake = DirectoryStore(tmp_path_factory.mktemp("audit") / "lake")
    with SampleServer() as server:
        for number, day in enumerate(DAYS, 1):
            server.publish(number)
            server.population = legacy_payload() if number == 1 else payload()
            mirror(server, lake, Clock(day))
            make_tables(lake, PR)
            take_population(server, lake, Clock(day))
            make_report(lake, Request(), now=Clock(day))
    make_report(lake, Request(first_year=2014), now=Clock(DAYS[1]))
    make_report(lake, Request(), "1", now=Clock(DAYS[1]))
    revise(lake, PR, 2)
    return twin(lake, lake.root.with_name("saved"))


@pytest.fixture
def lake(saved: DirectoryStore) -> DirectoryStore:
    """It, where it was made: its tables and records name the place.

    To be damaged by `put` and `delete` only: files are shared.
    """
    place = saved.root.with_name("lake")
    shutil.rmtree(place)
    return twin(saved, place)


def worst(audited: Audited) -> list[Finding]:
    return [f for f in audited.findings if f.severity in {"damage", "unseen", "repairable"}]


def flipped(body: bytes) -> bytes:
    return body[:-20] + bytes([body[-20] ^ 1]) + body[-19:]


def elsewhere(body: bytes) -> bytes:
    """The Avro file with the name of another data file, as long."""
    return body.replace(b"/pr.data.", b"/pr.datb.")


def changed(*path: Any, to: object) -> Callable[[bytes], bytes]:
    """The JSON with one value replaced, spelled as before."""

    def change(body: bytes) -> bytes:
        node = document = json.loads(body)
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = to
        return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()

    return change


def test_a_whole_lake_is_sound_and_the_audit_writes_nothing(lake: DirectoryStore) -> None:
    store, wrote = recorded(lake, "put", "put_new", "upload", "copy", "delete")
    audited = audit(store, repair=True)
    assert (audited.name, audited.findings, wrote) == ("Sound", (), [])
    assert (audited.sources, audited.generations) == ((PR, "census"), 4)
    assert (audited.reports, audited.tables) == (5, 8)
    assert audited.hashed == audited.vintages


# -- What is derived ---------------------------------------------------------------------------

GONE = None
OBSERVATIONS = "tables/bls/pr/observations/metadata/"
DERIVED: dict[str, tuple[str, Callable[[bytes], bytes] | None]] = {
    "a bit flipped in a table": ("tables/bls/pr/pr.data.0.Current/*.parquet", flipped),
    "a table removed": ("tables/bls/pr/pr.data.1.AllData/*.parquet", GONE),
    "a catalogue's Parquet file removed": ("tables/bls/pr/series/*.parquet", GONE),
    "a snapshot's list torn": (f"{OBSERVATIONS}*.list.avro", lambda body: body[:99]),
    "a snapshot's list removed": (f"{OBSERVATIONS}*.list.avro", GONE),
    "a file's description altered": (f"{OBSERVATIONS}*[!t].avro", elsewhere),
    "a file's description removed": (f"{OBSERVATIONS}*[!t].avro", GONE),
    "metadata torn": ("tables/bls/pr/files/metadata/v2.metadata.json", lambda body: body[:-9]),
    "an answer altered": (f"{FIRST}report.json", changed("checks", 0, "detail", to="x")),
    "report.json torn": (f"{FIRST}report.json", lambda body: body[:99]),
    "report.json removed": (f"{FIRST}report.json", GONE),
    "report.html altered": (f"{FIRST}report.html", flipped),
    "an answer's file altered": (f"{FIRST}best_year.parquet", flipped),
    "an answer's file removed": (f"{SECOND}catalogue.parquet", GONE),
    "an asked question's removed": ("analytics/asked/*/report.json", GONE),
    "a moment's altered": ("analytics/as-of/*/bls_census_stats.parquet", flipped),
    "revisions.json altered": ("analytics/revisions/*/revisions.json", changed("notes", to=["x"])),
    "revisions.json removed": ("analytics/revisions/*/revisions.json", GONE),
    "revisions altered": ("analytics/revisions/*/revisions.parquet", flipped),
    "an earlier day altered": ("census/2025-08-15/census.json", flipped),
    "an earlier day removed": ("census/2025-08-15/census.json", GONE),
    "the view altered": ("bls/pr/pr.series", flipped),
    "the view removed": ("bls/pr/pr.series", GONE),
}


@pytest.mark.parametrize("how", DERIVED)
def test_what_is_derived_and_wrong_is_found_and_made_again_as_it_was(
    lake: DirectoryStore, how: str
) -> None:
    pattern, change = DERIVED[how]
    whole = contents(lake)
    key, *more = (k for k in sorted(whole) if fnmatch(k, pattern))
    assert not more or pattern.startswith("tables/")
    if change is None:
        lake.delete(key)
    else:
        lake.put(key, change(lake.read(key)))
    before = contents(lake)
    assert before != whole

    audited = audit(lake)
    assert audited.name == "Repairable"
    assert [(f.severity, f.key) for f in audited.findings] == [("repairable", key)]
    assert "--repair" in audited.findings[0].remedy
    assert contents(lake) == before

    repaired = audit(lake, repair=True)
    assert repaired.name == "Repaired"
    assert [(f.severity, f.key) for f in repaired.findings] == [("repaired", key)]
    assert re.fullmatch("Made (again from|equal to) the log.", repaired.findings[0].remedy)
    assert audit(lake).findings == ()
    # Metadata has numbers and marks of its own; what it says is what was just audited.
    wanted, found = (
        {k: v for k, v in each.items() if not k.startswith("state/") and "/metadata/" not in k}
        for each in (whole, contents(lake))
    )
    assert found == wanted


def test_tables_to_which_another_program_committed_are_reported_and_left(
    lake: DirectoryStore,
) -> None:
    key = f"{OBSERVATIONS}v2.metadata.json"
    theirs = lake.read(f"{OBSERVATIONS}v1.metadata.json").replace(b"manifest-sha256", b"other")
    lake.put(key, theirs)
    [found] = audit(lake, repair=True).findings
    assert (found.severity, found.key) == ("unseen", "tables/bls/pr/observations/")
    assert "v2.metadata.json has snapshots that another program wrote" in found.what
    assert lake.read(key) == theirs


def test_tables_of_another_place_are_a_note(lake: DirectoryStore, tmp_path: Path) -> None:
    moved = twin(lake, tmp_path / "moved")
    assert {f.severity for f in audit(moved).findings if f.key.startswith("tables/")} == {"note"}


def test_a_day_that_no_generation_is_of_is_repairable_and_a_persons_notes_are_not(
    lake: DirectoryStore,
) -> None:
    lake.put("census/2025-08-15/notes.txt", b"mine")
    lake.put("census/2025-09-01/census.json", b"{}")
    assert [f.key for f in worst(audit(lake))] == ["census/2025-09-01/census.json"]
    audit(lake, repair=True)
    assert audit(lake).findings == ()
    assert lake.read("census/2025-08-15/notes.txt") == b"mine"


def test_a_report_of_other_library_versions_is_no_damage_and_is_noted_when_made_again(
    lake: DirectoryStore,
) -> None:
    """The record names other bytes, as the versions of that time made them."""
    document = json.loads(lake.read(f"{FIRST}report.json"))
    document.pop(SEAL)
    files = {name: lake.read(FIRST + name) for name in document.pop("outputs")}
    files["report.html"] = b"drawn by another version"
    put_report(lake, FIRST, {**files, "report.json": record(document, files)})
    assert audit(lake).findings == ()
    lake.delete(f"{FIRST}best_year.parquet")
    (finding,) = audit(lake, repair=True).findings
    assert finding.severity == "repaired"
    assert "library versions write other bytes" in finding.remedy


def test_reports_of_before_there_were_seals_are_one_note(lake: DirectoryStore) -> None:
    for key in (f"{FIRST}report.json", f"{SECOND}report.json"):
        document = json.loads(lake.read(key))
        document.pop(SEAL)
        lake.put(key, json.dumps(document).encode())
    (finding,) = audit(lake).findings
    assert (finding.severity, finding.key) == ("note", "analytics/")
    assert finding.what.startswith("holds 2 records")
    assert audit(lake).name == "Sound"


def test_what_a_killed_older_writer_left_beside_a_newer_report_is_made_again(
    lake: DirectoryStore,
) -> None:
    good = contents(lake, SECOND)
    newer = {key.rpartition("/")[2]: body for key, body in good.items()}
    old = {name: flipped(body) for name, body in newer.items()}

    # It was paused before: it deletes no report.json of somebody else's.
    def forgets(when: When, verb: str, key: str) -> None:
        if (when, verb) == ("after", "put"):
            raise Killed

    with pytest.raises(Killed):
        put_report(
            watched(lake, forgets), SECOND, old | {"report.json": good[SECOND + "report.json"]}
        )
    assert contents(lake, SECOND) != good
    assert current_report(lake, Request()) is None
    later = twin(lake, lake.root.with_name("later"))  # while the older one's file lies there

    assert make_report(lake, Request(), now=Clock(DAYS[1])).name == "Repaired"
    assert contents(lake, SECOND) == good

    # A later day's run makes a report of that day; the earlier one is the audit's matter.
    make_report(later, Request(), now=Clock(DAYS[1] + timedelta(days=1)))
    assert contents(later, SECOND) != good
    assert {f.key.rpartition("/")[0] + "/" for f in worst(audit(later))} == {SECOND}
    assert audit(later, repair=True).name == "Repaired"
    assert contents(later, SECOND) == good


# -- The log -----------------------------------------------------------------------------------

LOG: dict[str, Callable[[bytes], bytes] | None] = {
    "deleted": GONE,
    "without a tombstone": changed("tombstones", to=[]),
    "of another run": changed("run", to="another"),
    "of 2099": changed("committed", to="2099-01-01T00:00:00.000000Z"),
}


@pytest.mark.parametrize("witness", ["state/", "analytics/"])
@pytest.mark.parametrize("how", LOG)
def test_a_newest_manifest_that_is_not_what_was_published_is_damage(
    lake: DirectoryStore, how: str, witness: str
) -> None:
    """Notified by the view's record, and, where that is lost, by what was made of the manifest."""
    for other in {"state/", "analytics/"} - {witness}:
        shutil.rmtree(lake.root / other)
    change = LOG[how]
    if change is None:
        lake.delete(NEWEST)
    else:
        lake.put(NEWEST, change(lake.read(NEWEST)))
    before = contents(lake, "manifests/") | contents(lake, "vintages/")
    audited = audit(lake, repair=True)
    assert audited.name == "Damaged"
    damaged = [f for f in audited.findings if f.severity == "damage"]
    assert {f.key for f in damaged} == {NEWEST}
    assert all(f.remedy for f in damaged)
    assert any(witness in f.what for f in damaged)
    assert contents(lake, "manifests/") | contents(lake, "vintages/") == before


def test_a_record_that_was_copied_from_another_place_is_no_false_alarm_where_it_is_ahead(
    lake: DirectoryStore, tmp_path: Path
) -> None:
    """A copy of a lake that was being written to: the log was copied first, then the record."""
    shutil.rmtree(lake.root / "analytics")
    shutil.rmtree(lake.root / "tables")
    lake.delete(NEWEST)
    copy = twin(lake, tmp_path / "copy")
    assert "damage" in {f.severity for f in audit(lake).findings}
    assert "damage" not in {f.severity for f in audit(copy).findings}
    altered = changed("run", to="another")(copy.read(manifest_key("census", 2)))
    copy.put(manifest_key("census", 2), altered)
    (finding,) = (f for f in audit(copy).findings if f.severity == "damage")
    assert (finding.key, "altered or replaced" in finding.what) == (manifest_key("census", 2), True)


def test_a_commit_in_the_future_is_damage_and_reported_once(
    lake: DirectoryStore, server: SampleServer
) -> None:
    assert audit(lake, now=DAYS[1] - timedelta(minutes=59)).findings == ()
    early = audit(lake, now=DAYS[1] - timedelta(minutes=61))
    assert {f.key for f in worst(early)} == {NEWEST, manifest_key("census", 2)}
    assert all("in the future" in f.what for f in worst(early))
    much_earlier = audit(lake, now=DAYS[0] - timedelta(days=1))
    assert {f.key for f in worst(much_earlier)} == {manifest_key(s, 1) for s in (PR, "census")}


@pytest.mark.parametrize("lost", ["manifests/bls/", "manifests/"])
def test_vintages_without_a_log_are_damage(lake: DirectoryStore, lost: str) -> None:
    shutil.rmtree(lake.root / lost)
    audited = audit(lake, repair=True)
    assert (audited.name, audited.sources) == ("Damaged", (PR, "census"))
    finding = [f for f in audited.findings if "the log is lost" in f.what]
    sources = [PR] if lost == "manifests/bls/" else [PR, "census"]
    assert sorted(f.key for f in finding) == [manifest_folder(source) for source in sources]
    assert all(f.severity == "damage" and "Restore it" in f.remedy for f in finding)


@pytest.mark.parametrize("kept_part", ["vintages/", "state/", "tables/", "analytics/"])
def test_whatever_is_left_of_a_source_shows_that_its_log_is_lost(
    lake: DirectoryStore, kept_part: str
) -> None:
    for folder in {p.name + "/" for p in lake.root.iterdir()} - {kept_part}:
        shutil.rmtree(lake.root / folder)
    assert any(f.severity == "damage" and PR in f.key for f in audit(lake).findings)


def test_what_another_program_keeps_there_is_no_source_and_is_reported(
    lake: DirectoryStore,
) -> None:
    lake.put("manifests/dbt/manifest.json", b"{}")
    lake.put("manifests/bls/dbt/manifest.json", b"{}")
    lake.put("manifests/bls/dbt/run_results.json", b"{}")
    lake.put("bls/mine/notes.txt", b"mine")
    audited = audit(lake)
    assert (audited.name, audited.sources) == ("Sound", (PR, "census"))
    assert [(f.severity, f.key, f.remedy) for f in audited.findings] == [
        ("note", "manifests/dbt/", "Move it away."),
        ("note", "manifests/bls/dbt/manifest.json", "Move it away."),
        ("note", "bls/mine/", "Move it away."),
    ]
    assert [one.newest.source for one in status_of(lake)] == [PR, "census"]
    assert len(list(checksums(lake))) == len(list(checksums(lake)))
    with pytest.raises(Misuse, match="There is no lake"):
        audit(DirectoryStore(lake.root / "bls"))


def test_a_stray_manifest_is_moved_away_and_a_lost_one_restored(lake: DirectoryStore) -> None:
    stray, lost = manifest_key(PR, 99), manifest_key(PR, 1)
    lake.put(stray, changed("generation", to=99)(lake.read(NEWEST)))
    (finding,) = worst(audit(lake))
    assert (finding.severity, finding.key, finding.remedy[:12]) == ("damage", stray, "Move it away")
    lake.delete(stray)
    lake.delete(lost)
    finding = worst(audit(lake))[0]
    assert (finding.severity, finding.key, finding.remedy[:7]) == ("damage", lost, "Restore")


@pytest.mark.parametrize(
    ("numbers", "named", "put_there"),
    [
        ([1, 2, 3], [], set()),
        ([1, 2, 3, 99], [], {99}),
        ([1, 2, 3, 99], [99], set()),
        ([1, 2, 4], [], set()),
        ([1, 2, 4], [2], {4}),
        ([1, 4, 5, 6, 7], [], set()),
    ],
)
def test_what_follows_a_gap_is_put_there_or_what_lies_in_it_is_lost(
    numbers: list[int], named: list[int], put_there: set[int]
) -> None:
    assert strays(numbers, named) == put_there


def test_what_was_made_of_a_generation_that_was_replaced_is_not_current(
    lake: DirectoryStore, server: SampleServer
) -> None:
    """A restore rolled the log back, and another generation 2 was committed."""
    assert current_report(lake, Request()) is not None
    lake.delete(NEWEST)
    lake.delete(RECORD)
    server.publish(2)
    server.surveys["pr"].pop("pr.notice")
    assert mirror(server, lake, Clock(DAYS[1])).generation == 2
    assert current_report(lake, Request()) is None
    assert [one.report for one in status_of(lake)] == [f"{SECOND} (due)", ""]
    with pytest.raises(Misuse, match="is of a state that the lake's log does not have"):
        read_answers(lake, "pr")
    damaged = [f for f in audit(lake).findings if f.severity == "damage"]
    assert [f.key for f in damaged] == [NEWEST]
    assert "delete what names it" in damaged[0].remedy
    assert make_report(lake, Request(), now=Clock(DAYS[1])).name == "Changed"
    assert read_answers(lake, "pr")


def test_a_view_that_its_run_is_about_to_make_is_no_false_alarm(
    lake: DirectoryStore, server: SampleServer
) -> None:
    """It committed a moment ago, and the view is still of the generation before."""
    server.publish(1)

    def dies(when: When, verb: str, key: str) -> None:
        if verb == "copy":
            raise Killed

    with pytest.raises(Killed):
        mirror(server, watched(lake, dies), Clock(DAYS[1] + timedelta(hours=1)))
    soon, later = DAYS[1] + timedelta(hours=1, minutes=1), DAYS[1] + timedelta(hours=3)
    audited = audit(lake, repair=True, now=soon)
    assert (audited.name, {f.severity for f in audited.findings}) == ("Sound", {"note"})
    assert audit(lake, now=later).name == "Repairable"
    assert audit(lake, repair=True, now=later).name == "Repaired"
    assert audit(lake, now=later).findings == ()


# -- What can't be looked at -------------------------------------------------------------------


def refusing(lake: DirectoryStore, verb: str, prefix: str) -> Any:
    """The lake, in which whoever audits may not do that."""

    def refuse(when: When, called: str, key: str) -> None:
        if (when, called) == ("before", verb) and key.startswith(prefix):
            raise StoreError(f"{key}: access was denied.", "Grant it.")

    return watched(lake, refuse)


def test_uploads_that_may_not_be_listed_are_a_note_and_the_findings_stay(
    lake: DirectoryStore,
) -> None:
    lake.delete(f"{FIRST}report.html")
    damaged, note = audit(refusing(lake, "unfinished", "")).findings
    assert (damaged.severity, damaged.key) == ("repairable", f"{FIRST}report.html")
    assert (note.severity, "not looked at" in note.what) == ("note", True)


@pytest.mark.parametrize(
    ("verb", "prefix"),
    [
        ("list", "manifests/census/"),
        ("list", "vintages/census/"),
        ("list", "census/"),
        ("list", "tables/"),
        ("list", "analytics/"),
        ("folders", "state/"),
        ("open", "vintages/census/"),
        ("open", FIRST),
        ("read", f"{FIRST}report.json"),
        ("read", "manifests/census/00000002.json"),
        ("read", "state/census/"),
    ],
)
def test_what_can_not_be_read_is_reported_and_the_rest_is_found(
    lake: DirectoryStore, verb: str, prefix: str
) -> None:
    (lost,) = (s.key for s in lake.list("vintages/bls/pr/pr.txt/"))
    lake.put(lost, b"x")
    audited = audit(refusing(lake, verb, prefix))
    assert lost in {f.key for f in audited.findings if f.severity == "damage"}
    unseen = [f for f in audited.findings if f.severity == "unseen"]
    assert unseen
    assert all("not looked at" in f.what and f.remedy == "Grant it." for f in unseen)
    # The front page is made from everything, so that it can't be held against the rest either.
    assert all(f.key.startswith((prefix.partition("/")[0], "index.html")) for f in unseen)

    lake.put(lost, lake.read("bls/pr/pr.txt"))
    audited = audit(refusing(lake, verb, prefix))
    assert audited.name == "Failed"
    assert "not looked at" in audited.sentence()


def test_a_storage_that_goes_away_is_not_waited_for_at_each_object(lake: DirectoryStore) -> None:
    store, calls = recorded(refusing(lake, "open", "vintages/bls/"), "open")
    audited = audit(store)
    assert audited.name == "Failed"
    assert "vintages/bls/pr/" in {f.key for f in audited.findings if f.severity == "unseen"}
    assert len([key for _, key in calls if key.startswith("vintages/bls/")]) == 3


# -- Cost --------------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    files = [kept(f"pr.{n:04}", sha256=f"{n:064x}") for n in range(200)]

    def peak(generations: int) -> int:
        lake, parent, moment = DirectoryStore(tmp_path / str(generations)), None, DAYS[0]
        for number in range(1, generations + 1):
            one = manifest(*files, generation=number, parent=parent, run=f"run {number}")
            moment += timedelta(hours=1)
            body = encode(replace(one, committed=moment))
            path = lake.root / manifest_key(PR, number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
            parent = sha256(body).hexdigest()
        tracemalloc.start()
        _, logs = audit_logs(lake, now=moment)
        assert len(logs[PR].hashes) == generations
        try:
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)  # imports
    few, many = peak(5), peak(50)
    # Kept whole, each of the 45 more would take over 100 KB.
    assert many - few < 500_000
