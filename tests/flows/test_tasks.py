"""Steps as tasks: what is tried again, how often, and what never is."""

import logging

import pytest

from blsquest.core.errors import SourceError
from flows.tasks import FILES_AS_TASKS
from tests.support.faults import Fault, edit, status, truncate
from tests.support.lakes import small
from tests.support.runs import Runs

pytestmark = pytest.mark.usefixtures("impatient")

ATTEMPTS = 4
"""One request, as `sources/http.py` tries it."""

TRIES = 3
"""One step, as its Prefect task tries it."""


def test_what_fails_for_a_while_is_had_by_its_tasks_second_try_and_the_log_says_why(
    runs: Runs, said: list[str]
) -> None:
    runs.server.faults = [
        Fault(status(503), path="*/pr/", times=ATTEMPTS),
        Fault(truncate(100), path="*/pr.class", times=ATTEMPTS),
    ]

    state = runs.mirror()

    assert state.name == "Changed"
    # The list before the transfer took five requests; the one after it, one.
    assert runs.asked("/pr/") == ATTEMPTS + 1 + 1
    assert runs.asked("/pr.class") == ATTEMPTS + 1
    assert (runs.lake / "bls/pr/pr.class").read_bytes() == (
        runs.server.surveys["pr"]["pr.class"].body
    )
    (line,) = [line for line in said if "Retry" in line and "the listing of bls/pr: " in line]
    assert "503" in line
    assert "- Retry 1/2 will start " in line
    assert "SourceError(" not in line


def test_a_publisher_that_stays_down_is_given_up_after_the_stated_number_of_requests(
    runs: Runs,
) -> None:
    runs.server.faults = [Fault(status(503), path="*/pr/")]

    state = runs.mirror()

    assert state.name == "Failed"
    assert "503" in str(state.message)
    assert runs.asked() == ATTEMPTS * TRIES


def test_a_refused_file_is_asked_for_once(runs: Runs) -> None:
    page = b"<!DOCTYPE html><html><body>We'll be back soon</body></html>"
    runs.server.faults = [Fault(edit(lambda body: page.ljust(len(body))), path="*/pr.class")]

    state = runs.mirror()

    assert (state.name, state.is_failed()) == ("Refused", True)
    assert "pr.class" in str(state.message)
    assert runs.asked("/pr.class") == 1
    assert runs.generations() == 0


def test_of_many_files_only_those_that_failed_are_tasks_of_their_own(runs: Runs) -> None:
    runs.server.surveys["pr"] = small(files=FILES_AS_TASKS + 1)
    runs.server.faults = [Fault(truncate(3), path="*/pr.data.7.Some", times=ATTEMPTS)]

    state = runs.mirror(tables=False)

    assert state.name == "Changed"
    assert runs.asked("/pr.data.7.Some") == ATTEMPTS + 1
    others = {"commit bls/pr", "list bls/pr", "publish bls/pr", "front page"}
    steps = {*runs.tasks(state)} - others
    assert steps == {"pr.data.0.Some and others", "pr.data.7.Some"}


def test_the_wait_before_a_further_try_is_logged_in_whole_seconds() -> None:
    said = "Task run failed with %s: %r - Retry %s/%s will start %s"
    error = SourceError("100% of it failed.", "Wait.")
    given = ("exception", error, 1, 2, "5.288801771412106 second(s) from now")
    record = logging.LogRecord("prefect.task_runs", logging.INFO, "", 0, said, given, None)

    assert logging.getLogger("prefect.task_runs").filter(record)
    assert record.getMessage() == (
        "Task run failed with exception: 100% of it failed. - Retry 1/2 will start 5 s from now"
    )
