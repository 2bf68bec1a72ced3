"""How runs of `mirror` end: over one survey, and over many in one process."""

import pytest

from blsquest.sources.sample.pages import published
from tests.support.faults import Fault, html_page, status, truncate
from tests.support.lakes import LONG_AGO
from tests.support.runs import Runs, outcomes, result_of, surveys_of


@pytest.fixture
def bls(runs: Runs) -> Runs:
    """BLS with three small surveys beside `pr`, and a folder that holds none."""
    for code in ("ce", "cu", "la", "compressed"):
        bodies = {f"{code}.data.1.All": b"numbers of " + code.encode(), f"{code}.txt": b"words"}
        runs.server.surveys[code] = {
            name: published(body, LONG_AGO, generated=True) for name, body in bodies.items()
        }
    return runs


# -- One survey --------------------------------------------------------------------------------


def test_a_first_mirror_is_changed_a_second_unchanged_and_a_damaged_view_repaired(
    runs: Runs,
) -> None:
    first = runs.mirror()
    before, asked = runs.tree(), runs.asked()
    second = runs.mirror()

    (outcome,) = result_of(first).ingests
    assert (first.name, first.is_completed()) == ("Changed", True)
    assert "12 added" in str(first.message)
    assert outcome.uploaded == 12
    assert "HEAD" not in outcome.stored.requests  # one LIST tells which vintages are there
    assert (second.name, second.is_completed()) == ("Unchanged", True)
    assert runs.tree() == before
    assert runs.asked() - asked == 1
    published = {f"bls/pr/{n}": f.body for n, f in runs.server.surveys["pr"].items()}
    assert {k: v for k, v in before.items() if k.startswith("bls/pr/")} == published

    (runs.lake / "bls/pr/pr.class").write_bytes(b"oops")
    repaired = runs.mirror()
    assert (repaired.name, repaired.is_completed()) == ("Repaired", True)
    assert runs.tree()["bls/pr/pr.class"] == published["bls/pr/pr.class"]


def test_an_empty_listing_is_refused_and_the_message_says_why_and_what_to_do(runs: Runs) -> None:
    runs.mirror()
    before = runs.tree()
    runs.server.listing_rows = lambda _folder, _rows: []

    state = runs.mirror()

    assert (state.name, state.is_failed()) == ("Refused", True)
    assert "empty" in str(state.message).lower()
    assert "Nothing was changed" in str(state.message)
    assert runs.tree() == before


def test_access_denied_is_explained_and_not_tried_again(runs: Runs) -> None:
    runs.server.faults = [Fault(status(403, b"<h1>Access Denied</h1>"))]

    state = runs.mirror()

    assert state.name == "Failed"
    assert "tester@example.org" in str(state.message)
    assert "contact e-mail address" in str(state.message)
    assert runs.asked() == 1


def test_a_single_code_asks_for_no_list_of_surveys_and_ends_by_its_own_outcome(bls: Runs) -> None:
    bls.server.faults = [Fault(html_page(), path="*/la/")]

    changed, refused = (bls.mirror(surveys=[code]) for code in (" PR ", "la"))

    assert (changed.name, refused.name) == ("Changed", "Refused")
    assert bls.asked("/pub/time.series/") == 0
    assert [row["outcome"] for row in bls.table(refused, "surveys")] == ["Refused"]


def test_sub_directories_are_refused_by_name_and_the_files_mirrored_when_allowed(
    bls: Runs,
) -> None:
    bls.server.surveys["la/maps"] = {"la.map": published(b"a map", LONG_AGO, generated=True)}

    refused = bls.mirror(surveys=["la"])
    allowed = bls.mirror(surveys=["la"], allow=["subdirectories"])

    assert refused.name == "Refused"
    assert "maps/" in str(refused.message)
    assert (allowed.name, bls.table(allowed, "surveys")[0]["files"]) == ("Changed", 2)


# -- Many surveys ------------------------------------------------------------------------------


def test_patterns_select_the_surveys_that_are_mirrored(bls: Runs) -> None:
    state = bls.mirror(surveys=["c*", "la", "-cu"], tables=False)

    assert (state.name, state.is_completed()) == ("Changed", True)
    assert outcomes(state) == {"ce": "Changed", "la": "Changed"}
    assert {key.split("/")[1] for key in bls.tree() if key.startswith("bls/")} == {"ce", "la"}
    # The files of each of many surveys are one task.
    batches = [name for name in sorted(bls.tasks(state)) if "." in name]
    assert batches == ["ce.data.1.All and others", "la.data.1.All and others"]
    before = bls.asked()
    again = bls.mirror(surveys=["c*", "la", "-cu"])
    assert again.name == "Unchanged"
    assert bls.asked() - before == 1 + 2  # the root, and a listing for each
    assert {row.source_requests for row in surveys_of(again).rows} == {1}
    assert bls.mirror(surveys=["l*"]).name == "Unchanged"


def test_a_survey_that_fails_stops_no_other_and_is_named_to_run_again(bls: Runs) -> None:
    bls.server.faults = [Fault(status(404), path="*/cu/"), Fault(html_page(), path="*/la/")]

    state = bls.mirror(surveys=["all"])

    assert (state.name, state.is_failed()) == ("Incomplete", True)
    assert outcomes(state) == {"ce": "Changed", "cu": "Failed", "la": "Refused", "pr": "Changed"}
    said = str(state.message)
    assert "2 of 4 surveys are not up to date: cu (Failed), la (Refused)." in said
    assert "There is no survey 'cu'" in said
    assert "The others are up to date. Run the same again for these alone: " in said
    assert "alone: --survey cu --survey la (a refused one only after a look at why)." in said
    assert surveys_of(state).as_dict()["run_again"] == ["cu", "la"]
    rows = {row["survey"]: row for row in bls.table(state, "surveys")}
    assert {survey: row["outcome"] for survey, row in rows.items()} == outcomes(state)
    assert (rows["ce"]["files"], rows["ce"]["bytes"], rows["ce"]["source_requests"]) == (2, 18, 4)
    assert "404" in rows["cu"]["what"]


@pytest.mark.usefixtures("impatient")
def test_what_fails_for_a_while_beside_others_is_tried_again_as_in_a_run_of_one_survey(
    bls: Runs,
) -> None:
    """Four requests are one try of a step."""
    bls.server.faults = [
        Fault(status(503), path="*/cu/", times=4),
        Fault(truncate(3), path="*/ce.txt", times=4),
    ]

    state = bls.mirror(surveys=["all"], tables=False)

    assert set(outcomes(state).values()) == {"Changed"}


def test_a_dry_run_plans_for_each_survey_and_changes_nothing(bls: Runs) -> None:
    state = bls.mirror(surveys=["c*"], dry_run=True)

    assert state.message == "2 surveys: 2 planned. Nothing was changed: a dry run."
    assert all("would ask for 2 of its files" in row.what for row in surveys_of(state).rows)
    assert {row["outcome"] for row in bls.table(state, "surveys")} == {"planned"}
    assert (state.name, state.is_completed()) == ("planned", True)
    assert not bls.lake.exists()


@pytest.mark.parametrize(
    ("broken", "dry_run", "said"),
    [
        ("*/cu/", True, "1 of 2 surveys is not planned for: cu (Failed)."),
        ("*/c?/", False, "2 of 2 surveys are not up to date: ce (Failed), cu (Failed)."),
    ],
)
def test_no_others_are_called_up_to_date_where_none_is(
    bls: Runs, broken: str, dry_run: bool, said: str
) -> None:
    bls.server.faults = [Fault(status(404), path=broken)]

    state = bls.mirror(surveys=["c*"], dry_run=dry_run)

    assert state.name == "Incomplete"
    assert said in str(state.message)
    assert "others" not in str(state.message)


def test_a_survey_that_bls_no_longer_lists_is_named_and_kept_as_it_is(bls: Runs) -> None:
    bls.mirror(surveys=["all"])
    kept = {key: body for key, body in bls.tree().items() if "/ce/" in key}
    del bls.server.surveys["ce"]

    state = bls.mirror(surveys=["all", "-pr"])

    assert state.is_completed()
    assert "ce is no longer listed at BLS: kept as it is." in str(state.message)
    (table,) = [a for a in bls.all_artifacts(state) if a.key == "surveys"]
    assert "ce is no longer listed at BLS" in str(table.description)
    assert surveys_of(state).as_dict()["unlisted"] == ["ce"]
    assert outcomes(state) == {"cu": "Unchanged", "la": "Unchanged"}
    assert {key: body for key, body in bls.tree().items() if "/ce/" in key} == kept
    assert "listed" not in str(bls.mirror(surveys=["la"]).message)
