"""How runs of `mirror`, `population` and `report` end: the state's name and its message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.faults import Fault, html_page, status

if TYPE_CHECKING:
    import pytest

    from tests.support.runs import Runs


def test_a_first_mirror_is_changed_and_a_second_one_unchanged(runs: Runs) -> None:
    first = runs.mirror()
    before = runs.tree()
    asked = runs.asked()
    second = runs.mirror()

    assert (first.name, first.is_completed()) == ("Changed", True)
    assert "12 added" in str(first.message)
    assert (second.name, second.is_completed()) == ("Unchanged", True)
    assert runs.tree() == before
    assert runs.asked() - asked == 1
    published = {f"bls/pr/{n}": f.body for n, f in runs.server.surveys["pr"].items()}
    assert {k: v for k, v in before.items() if k.startswith("bls/pr/")} == published


def test_a_second_release_shows_exactly_what_it_changed(runs: Runs) -> None:
    runs.mirror()
    runs.server.publish(2)

    state = runs.mirror()

    assert state.name == "Changed"
    kinds = {row["file"]: row["change"] for row in runs.table(state)}
    assert set(kinds.values()) == {"added", "changed", "restamped", "removed"}
    assert {f"bls/pr/{n}" for n in runs.server.surveys["pr"]} == {
        key for key in runs.tree() if key.startswith("bls/pr/")
    }


def test_a_new_date_on_the_same_bytes_is_restamped(runs: Runs) -> None:
    runs.mirror()
    vintages = {k for k in runs.tree() if k.startswith("vintages/")}
    runs.restamp("pr.class")

    state = runs.mirror()

    assert (state.name, state.is_completed()) == ("Restamped", True)
    assert {k for k in runs.tree() if k.startswith("vintages/")} == vintages


def test_a_view_that_someone_damaged_is_repaired(runs: Runs) -> None:
    runs.mirror()
    damaged = runs.lake / "bls/pr/pr.class"
    damaged.write_bytes(b"oops")

    state = runs.mirror()

    assert (state.name, state.is_completed()) == ("Repaired", True)
    assert damaged.read_bytes() == runs.server.surveys["pr"]["pr.class"].body


def test_an_empty_listing_is_refused_and_the_message_tells_why_and_what_to_do(runs: Runs) -> None:
    runs.mirror()
    before = runs.tree()
    runs.server.listing_rows = lambda _folder, _rows: []

    state = runs.mirror()

    assert (state.name, state.is_failed()) == ("Refused", True)
    assert "empty" in str(state.message).lower()
    assert "Nothing was changed" in str(state.message)
    assert runs.tree() == before


def test_a_guard_is_lifted_by_its_name(runs: Runs) -> None:
    runs.mirror()
    for name in list(runs.server.surveys["pr"])[:6]:
        if not name.startswith("pr.data."):
            del runs.server.surveys["pr"][name]

    refused = runs.mirror()
    allowed = runs.mirror(allow=["removals"])

    assert refused.name == "Refused"
    assert "removals" in str(refused.message)
    assert allowed.name == "Changed"


def test_an_unknown_survey_fails_by_name(runs: Runs) -> None:
    state = runs.mirror(survey="xx")

    assert (state.name, state.is_failed()) == ("Failed", True)
    assert "no survey 'xx'" in str(state.message)
    assert "404" in str(state.message)
    assert not runs.lake.exists()


def test_access_denied_is_explained_and_not_tried_again(runs: Runs) -> None:
    runs.server.faults = [Fault(status(403, b"<h1>Access Denied</h1>"))]

    state = runs.mirror()

    assert state.name == "Failed"
    assert "tester@example.org" in str(state.message)
    assert "contact e-mail address" in str(state.message)
    assert runs.asked() == 1


def test_without_a_contact_nothing_is_asked(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BLS_CONTACT", raising=False)

    states = [runs.mirror(contact=contact) for contact in (None, "nobody")]

    assert [s.name for s in states] == ["Failed", "Failed"]
    assert all("--contact" in str(s.message) for s in states)
    assert runs.asked() == 0


def test_a_dry_run_tells_the_plan_and_changes_nothing(runs: Runs) -> None:
    state = runs.mirror(dry_run=True)

    assert state.is_completed()
    assert state.name == "planned"
    assert "would ask for 12 of its files" in str(state.message)
    assert not runs.lake.exists()


def test_the_population_is_filed_under_its_day_and_then_unchanged(runs: Runs) -> None:
    states = [runs.population(), runs.population()]

    assert [s.name for s in states] == ["Changed", "Unchanged"]
    (key,) = [k for k in runs.tree() if k.startswith("census/")]
    assert key.endswith("/census.json")


def test_a_population_that_is_a_web_page_is_refused_and_the_last_good_one_stays(
    runs: Runs,
) -> None:
    runs.population()
    before = runs.tree()
    runs.server.faults = [Fault(html_page())]

    state = runs.population()

    assert state.name == "Refused"
    assert "web page" in str(state.message)
    assert runs.tree() == before


def test_a_report_on_an_empty_lake_says_that_it_must_be_mirrored_first(runs: Runs) -> None:
    state = runs.report()

    assert state.name == "Failed"
    assert "no generation of bls/pr" in str(state.message)
    assert "Mirror it first" in str(state.message)


def test_years_that_no_population_has_fail_before_it_is_asked_for(runs: Runs) -> None:
    state = runs.population(last_year=30_000_000)

    assert state.name == "Failed"
    assert "do not lie within 1900 to 2100" in str(state.message)
    assert runs.asked() == 0


def test_a_lake_whose_parent_does_not_exist_is_named_with_the_remedy(runs: Runs) -> None:
    missing = runs.lake.parent / "not" / "there"

    state = runs.mirror(lake=str(missing))

    assert state.name == "Failed"
    assert str(missing.parent) in str(state.message)
    assert "Create it, or correct the path." in str(state.message)
    assert not missing.parent.exists()
