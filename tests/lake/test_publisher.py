"""What a run believes of its publisher: one page, one 304, one clock is not yet the truth."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from time import monotonic

import pytest

from blsquest.core.errors import QuestError, Refused, SourceError
from blsquest.core.source import Source
from blsquest.lake.guards import Allowance
from blsquest.lake.outcome import Outcome
from blsquest.lake.run import Options, Steps, run
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.bls import REMOVAL_WAIT, BlsSurvey
from blsquest.sources.http import Client, Timeouts
from blsquest.sources.pacer import Pacer
from blsquest.sources.sample.pages import PublishedFile, Row, stamp
from blsquest.sources.sample.server import Request, SampleServer
from tests.support.faults import (
    Act,
    Fault,
    content_type,
    header,
    html_page,
    redirect,
    status,
    trickle,
)
from tests.support.lakes import (
    LONG_AGO,
    PR,
    Clock,
    assert_whole,
    census,
    client,
    contents,
    history,
    kinds,
    mirror,
    release,
    small,
    survey,
    take_population,
)

CURRENT = "pr.data.0.Current"
Files = dict[str, PublishedFile]


def hide(server: SampleServer, names: Collection[str]) -> None:
    """Leave files out of the listing that are served all the same."""
    server.listing_rows = lambda _, rows: [row for row in rows if row.name not in names]


def shift(server: SampleServer, hours: int) -> None:
    """Move the stamps of all files, and nothing else."""

    def moved(row: Row) -> Row:
        modified = server.surveys["pr"][row.name].last_modified
        assert modified is not None
        return replace(row, stamp=stamp(modified + timedelta(hours=hours)))

    server.listing_rows = lambda _, rows: [moved(row) for row in rows]


def changes_nothing(server: SampleServer, lake: DirectoryStore, match: str) -> QuestError:
    """Run, expecting a failure that leaves log and view as they are."""
    before = contents(lake, "manifests/") | contents(lake, f"{PR}/")
    with pytest.raises(QuestError, match=match) as caught:
        mirror(server, lake)
    assert contents(lake, "manifests/") | contents(lake, f"{PR}/") == before
    return caught.value


# -- Removals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [[CURRENT], ["pr.contacts", "pr.class", "pr.txt"]])
def test_a_file_that_is_not_listed_but_served_is_kept_and_reported(
    server: SampleServer, lake: DirectoryStore, names: list[str]
) -> None:
    mirror(server, lake)
    hide(server, names)
    asked = len(server.requests)
    outcome = mirror(server, lake)
    assert (outcome.name, outcome.changes, outcome.generation) == ("Unchanged", (), 1)
    assert outcome.notes == (f"Not listed, still served, and kept: {', '.join(sorted(names))}.",)
    assert outcome.notes[0] in outcome.sentence()
    paths = [request.path.rpartition("/")[2] for request in server.requests[asked:]]
    assert paths == ["", "", *sorted(names)]
    assert {r.headers["Range"] for r in server.requests[asked + 2 :]} == {"bytes=0-0"}
    assert {r.headers["Cache-Control"] for r in server.requests[asked + 2 :]} == {"no-cache"}
    assert_whole(lake)
    server.listing_rows = lambda _, rows: rows
    assert mirror(server, lake).notes == ()


def test_the_rest_is_committed_beside_a_kept_file(
    server: SampleServer, lake: DirectoryStore
) -> None:
    mirror(server, lake)
    server.publish(2)
    hide(server, [CURRENT])
    outcome = mirror(server, lake)
    assert kinds(outcome)["pr.data.1.AllData"] == "changed"
    assert CURRENT not in kinds(outcome)
    assert CURRENT in {e.name for e in history(lake)[-1].manifest.files}


@pytest.mark.parametrize("code", [404, 410])
def test_a_removal_takes_two_looks(server: SampleServer, lake: DirectoryStore, code: int) -> None:
    mirror(server, lake)
    del server.surveys["pr"]["pr.contacts"]
    server.faults = [Fault(status(code), "*pr.contacts")]
    asked = len(server.requests)
    assert kinds(mirror(server, lake)) == {"pr.contacts": "removed"}
    paths = [request.path.rpartition("/")[2] for request in server.requests[asked:]]
    assert paths == ["", "", "pr.contacts"]


def test_a_removal_waits_before_it_looks_again(server: SampleServer, lake: DirectoryStore) -> None:
    mirror(server, lake)
    del server.surveys["pr"]["pr.contacts"]
    waited = []
    asked = len(server.requests)

    def wait(source: Source, names: Sequence[str]) -> None:
        waited.append((source.removal_wait, list(names), len(server.requests) - asked))

    run(survey(server), lake, steps=Steps(wait=wait), now=server.now)
    assert waited == [(0.0, ["pr.contacts"], 1)]
    somebody = Client(Pacer(None), contact="somebody@corp.com")
    assert BlsSurvey("pr", somebody).removal_wait == REMOVAL_WAIT
    own = BlsSurvey("pr", client(), server.bls_url, removal_wait=7.0)
    assert own.removal_wait == 7.0


def test_a_file_listed_again_was_never_gone(server: SampleServer, lake: DirectoryStore) -> None:
    mirror(server, lake)
    hide(server, [CURRENT])

    def wait(*_: object) -> None:
        server.listing_rows = lambda _, rows: rows

    outcome = run(survey(server), lake, steps=Steps(wait=wait), now=server.now)
    assert (outcome.name, outcome.notes) == ("Unchanged", ())


@pytest.mark.parametrize(
    "act",
    [status(403), status(500), status(503), redirect("/pub/time.series/pr/pr.class"), html_page(),
     redirect("https://elsewhere.example/x", 301), status(401), status(204, b"")],
    ids=["403", "500", "503", "a redirect", "a page", "another host", "401", "204"],
)  # fmt: skip
def test_what_is_not_gone_is_not_removed(
    server: SampleServer, lake: DirectoryStore, act: Act
) -> None:
    mirror(server, lake)
    contacts = server.surveys["pr"].pop("pr.contacts")
    server.faults = [Fault(act, "*pr.contacts")]
    error = changes_nothing(server, lake, r"pr\.contacts, which is not listed any more: ")
    assert isinstance(error, SourceError)
    server.faults, server.surveys["pr"]["pr.contacts"] = [], contacts
    assert mirror(server, lake).name == "Unchanged"


@pytest.mark.parametrize(
    ("name", "act"), [("pr.txt", status(416)), ("pr.notes.htm", content_type("text/html"))]
)
def test_an_unlisted_empty_file_and_an_unlisted_page_are_there_too(
    server: SampleServer, lake: DirectoryStore, name: str, act: Act
) -> None:
    server.surveys["pr"] |= release({"pr.notes.htm": b"<html>notes</html>"})
    mirror(server, lake)
    hide(server, [name])
    server.faults = [Fault(act, f"*{name}")]
    assert mirror(server, lake).notes == (f"Not listed, still served, and kept: {name}.",)


def test_a_file_listed_in_other_case_was_renamed(
    server: SampleServer, lake: DirectoryStore
) -> None:
    """IIS ignores case; a lake with both names could not be held by every file system."""
    mirror(server, lake)
    server.surveys["pr"]["pr.Contacts"] = server.surveys["pr"].pop("pr.contacts")
    server.faults = [Fault(status(206, b"x", {"Content-Type": "text/plain"}), "*pr.contacts")]
    assert kinds(mirror(server, lake)) == {"pr.contacts": "removed", "pr.Contacts": "added"}
    assert_whole(lake)


def test_a_probe_does_not_wait_for_a_whole_body(server: SampleServer, lake: DirectoryStore) -> None:
    mirror(server, lake)
    hide(server, ["pr.txt"])
    server.faults = [Fault(trickle(1, 0.2), "*pr.txt")]
    impatient = Client(Pacer(None), contact="tests@example.org", timeouts=Timeouts(read=0.5))
    began = monotonic()
    outcome = run(BlsSurvey("pr", impatient, server.bls_url), lake, now=server.now)
    assert "still served" in outcome.notes[0]
    assert monotonic() - began < 60


def test_losing_the_main_file_takes_a_person(server: SampleServer, lake: DirectoryStore) -> None:
    mirror(server, lake)
    del server.surveys["pr"][CURRENT]
    error = changes_nothing(server, lake, rf"{CURRENT}, which answers are made from, is gone")
    assert isinstance(error, Refused)
    assert "--allow removals" in error.remedy
    outcome = mirror(server, lake, allow=frozenset({"removals"}))
    assert kinds(outcome) == {CURRENT: "removed"}


def test_allowed_removals_are_asked_nothing(server: SampleServer, lake: DirectoryStore) -> None:
    mirror(server, lake)
    hide(server, ["pr.contacts"])
    asked = len(server.requests)
    outcome = mirror(server, lake, allow=frozenset({"removals"}))
    assert kinds(outcome) == {"pr.contacts": "removed"}
    assert len(server.requests) - asked == 1


# -- Stale pages, stamps, dates ------------------------------------------------------------------


def test_a_page_one_release_old_is_stale(server: SampleServer, lake: DirectoryStore) -> None:
    mirror(server, lake)
    old = dict(server.surveys["pr"])
    server.publish(2)
    mirror(server, lake)
    true = server.surveys["pr"]

    def stale(_: str, rows: list[Row]) -> list[Row]:
        names = {row.name: row for row in rows}
        return [
            replace(names.get(name, rows[0]), name=name, stamp=f.stamp, size=len(f.body))
            for name, f in sorted(old.items())
        ]

    server.listing_rows = stale
    error = changes_nothing(server, lake, "is stale")
    assert isinstance(error, Refused)
    # Also where no size tells: only the dates of restamped files do.
    same = {"pr.class": true["pr.class"]}
    server.surveys["pr"] = true | same
    old = true | {"pr.class": replace(true["pr.class"], stamp=old["pr.class"].stamp)}
    error = changes_nothing(server, lake, "is stale.*modified")
    server.listing_rows = lambda _, rows: rows
    assert mirror(server, lake).name == "Unchanged"


def dated(*days: int) -> Files:
    """Return a release with a file modified at each of these days."""
    files: Files = {}
    for number, day in enumerate(days):
        moment = LONG_AGO + timedelta(days=day)
        files |= release({f"pr.data.{number}.Some": b"%d" % number}, moment)
    return files


def page_of(server: SampleServer, files: Files) -> None:
    """Serve the page of another release than the files'."""
    rows = [Row(name, len(file.body), file.stamp) for name, file in sorted(files.items())]
    server.listing_rows = lambda *_: rows


def lately(minutes: int, body: bytes) -> Files:
    return release({"pr.data.0.Some": body}, Clock()() - timedelta(minutes=minutes))


IN_DOUBT = small(1) | lately(8, b"1")


@pytest.mark.parametrize(
    ("held", "page", "true"),
    [
        (small(3), small(4), small(3)),  # a cache has the page of a release that was withdrawn
        (IN_DOUBT, IN_DOUBT, small(1) | release({"pr.data.0.Some": b"2"}, LONG_AGO)),
        (lately(11, b"1"), lately(11, b"1"), lately(8, b"2")),  # nothing is settled yet
    ],
)
def test_a_page_that_its_files_contradict_is_stale(
    server: SampleServer, lake: DirectoryStore, held: Files, page: Files, true: Files
) -> None:
    server.surveys["pr"] = held
    mirror(server, lake)
    page_of(server, page)
    server.surveys["pr"] = true
    changes_nothing(server, lake, "is stale")


def test_a_new_file_that_is_not_its_row_is_asked(
    server: SampleServer, lake: DirectoryStore
) -> None:
    """Nothing can contradict the first page; what was wrong in it is found by the next run."""
    page_of(server, small(4))
    server.surveys["pr"] = small(3)
    mirror(server, lake)
    server.listing_rows = lambda _, rows: rows
    mirror(server, lake)
    assert_whole(lake)
    assert mirror(server, lake).name == "Unchanged"
    assert contents(lake, f"{PR}/") == {f"{PR}/{n}": f.body for n, f in small(3).items()}


def test_an_oddly_dated_file_takes_a_person_once(
    server: SampleServer, lake: DirectoryStore
) -> None:
    clock = Clock()
    server.surveys["pr"] = small(1)
    mirror(server, lake, clock)
    odd = replace(small(1)["pr.data.0.Some"], stamp="5/9/2019 7:13 AM")
    server.surveys["pr"] |= {"pr.odd": odd}
    changes_nothing(server, lake, "is stale")
    assert kinds(mirror(server, lake, clock, allow=frozenset({"stale"}))) == {"pr.odd": "added"}
    assert mirror(server, lake, clock).name == "Unchanged"
    clock.moment += timedelta(days=1)
    assert kinds(mirror(server, lake, clock)) == {"pr.odd": "settled"}
    # From then on it is asked for as it is, and the others' dates still tell a stale page.
    server.surveys["pr"] |= {"pr.odd": replace(odd, body=b"odd", stamp="6/1/2020 1:22 AM")}
    assert kinds(mirror(server, lake, clock)) == {"pr.odd": "changed"}
    before = dict(server.surveys["pr"])
    server.surveys["pr"] |= small(2)
    assert "changed" in kinds(mirror(server, lake, clock)).values()
    page_of(server, before)
    with pytest.raises(Refused, match=r"is stale.*modified"):
        mirror(server, lake, clock)


def test_what_came_under_another_page_is_stale(server: SampleServer, lake: DirectoryStore) -> None:
    """The publisher goes back, and forth again, within one run: its two listings are the same."""
    server.surveys["pr"] = small(1)
    mirror(server, lake)
    server.surveys["pr"] = small(5)

    def there_and_back(request: Request) -> None:
        listing = request.path.endswith("/pr/")
        server.surveys["pr"] = small(5) if listing else small(3)

    server.on_request = there_and_back
    changes_nothing(server, lake, "is stale")


@pytest.mark.parametrize("hours", [1, -1, 5, -3])
def test_equal_hours_are_a_clock_change(
    server: SampleServer, lake: DirectoryStore, hours: int
) -> None:
    server.surveys["pr"] = dated(0, 3, 3)
    mirror(server, lake)
    shift(server, hours)
    asked = len(server.requests)
    outcome = mirror(server, lake)
    assert outcome.name == "Restamped"
    assert set(kinds(outcome).values()) == {"restamped"}
    assert mirror(server, lake).name == "Unchanged"
    assert [r.path.endswith("/") for r in server.requests[asked:]] == [True, True]


def test_one_stamp_an_hour_later_is_asked_for(server: SampleServer, lake: DirectoryStore) -> None:
    """They may have been published again: the same sizes and an hour prove nothing."""
    server.surveys["pr"] = dated(0, 0, 0)
    mirror(server, lake)
    shift(server, 1)
    asked = len(server.requests)
    outcome = mirror(server, lake)
    assert (outcome.name, outcome.received) == ("Restamped", 0)
    assert {r.status for r in server.requests[asked:] if not r.path.endswith("/")} == {304}
    asked = len(server.requests)
    assert mirror(server, lake).name == "Unchanged"
    assert len(server.requests) - asked == 1


@pytest.mark.parametrize(("apart", "minutes"), [(0, 60), (1, 59), (1, 61)])
def test_stamps_that_moved_by_about_an_hour_are_a_release(
    server: SampleServer, lake: DirectoryStore, apart: int, minutes: int
) -> None:
    """The same script at its usual pace: a clock change moves a stamp by exactly an hour."""
    for moved, body in ((0, b"1"), (minutes, b"2")):
        first, second = (LONG_AGO + timedelta(minutes=moved + n * apart) for n in range(2))
        files = release({"pr.data.0.Some": body}, first) | release({"pr.data.1.Some": body}, second)
        server.surveys["pr"] = files
        outcome = mirror(server, lake)
    assert set(kinds(outcome).values()) == {"changed"}


# -- Names, empty folders, the clock ---------------------------------------------------------------


def test_stray_names_are_left_out_if_allowed(server: SampleServer, lake: DirectoryStore) -> None:
    mirror(server, lake)
    server.surveys["pr"] |= release({".DS_Store": b"x", "pr:1": b"x", "pr.é": b"x"})
    error = changes_nothing(server, lake, r"unsafe name: '\.DS_Store'")
    assert "--allow names" in error.remedy
    outcome = mirror(server, lake, allow=frozenset({"names"}))
    assert outcome.name == "Unchanged"
    (note,) = outcome.notes
    assert note.startswith("Left out for their names: '.DS_Store'")
    assert "'pr:1'" in note
    assert not [r for r in server.requests if "DS_Store" in r.path]
    server.surveys["pr"] |= release({f"pr:{n}": b"x" for n in range(3000)})
    (note,) = mirror(server, lake, allow=frozenset({"names"})).notes
    assert note.endswith(" and 2,982 more.")
    assert len(note) < 600


def test_an_empty_folder_is_nothing_to_mirror(server: SampleServer, lake: DirectoryStore) -> None:
    server.surveys["pr"] = {}
    outcome = mirror(server, lake)
    assert (outcome.name, outcome.generation, outcome.files) == ("Unchanged", 0, 0)
    assert "nothing to mirror" in outcome.sentence()
    assert lake.list("") == []


def take(server: SampleServer, lake: DirectoryStore, clock: Clock, *allow: Allowance) -> Outcome:
    """Run by a clock that is not the publisher's."""
    return run(survey(server), lake, Options(allow=frozenset(allow)), now=clock)


@pytest.mark.parametrize("days", [30, -30])
def test_a_wrong_clock_is_refused(server: SampleServer, lake: DirectoryStore, days: int) -> None:
    right = server.now = Clock()
    wrong = Clock(right() + timedelta(days=days))
    with pytest.raises(Refused, match=r"This machine's clock says .* and the publisher's"):
        take(server, lake, wrong)
    assert lake.list("") == []
    assert take(server, lake, wrong, "clock").committed == wrong()
    assert take(server, lake, Clock(right() + timedelta(minutes=50)), "clock").name == "Unchanged"


def test_a_lake_that_is_dated_ahead_is_refused(server: SampleServer, lake: DirectoryStore) -> None:
    right = server.now = Clock()
    take(server, lake, Clock(right() + timedelta(days=30)), "clock")
    with pytest.raises(Refused, match="Generation 1 of bls/pr was committed at 2025-09-14"):
        take(server, lake, right)
    assert take(server, lake, right, "clock").name == "Unchanged"


def test_the_age_of_a_cached_page_counts(server: SampleServer, lake: DirectoryStore) -> None:
    right = server.now = Clock()
    later = Clock(right() + timedelta(hours=3))
    for said in ("-10800", "+10800", "10_800", "2147483648", "9" * 40, "soon"):  # no age
        server.faults = [Fault(header("Age", said))]
        assert take(server, lake, right).notes == ()
    server.faults = [lambda _, reply: reply.with_header("Age", "10800")]
    assert take(server, lake, later).notes == ()
    server.faults = [lambda _, reply: reply.with_header("Date", None)]
    (note,) = take(server, lake, later).notes
    assert "clock was not checked" in note


def test_the_population_takes_a_right_clock_too(server: SampleServer, lake: DirectoryStore) -> None:
    take_population(server, lake)
    server.now = Clock(Clock()() + timedelta(days=2))
    with pytest.raises(Refused, match="clock"):
        run(census(server), lake, now=Clock())
