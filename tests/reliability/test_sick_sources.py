"""A sick publisher changes nothing; once it is well, the lake is as if it had never been sick."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from blsquest.core.errors import QuestError, Refused, SourceError
from tests.reliability.fault_table import CHANGED, FAILED, PASSING, REFUSED, UNCHANGED, Row
from tests.reliability.faults_of_listings import CHANGES, LISTINGS, NAMES, TIMES
from tests.reliability.faults_of_population import POPULATION
from tests.reliability.faults_on_the_wire import ANSWERS, BODIES, CONNECTIONS
from tests.support.lakes import PR, contents
from tests.support.stage import CENSUS, Stage, mirrored, staged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blsquest.lake.stores.directory import DirectoryStore

TABLE = [*ANSWERS, *CONNECTIONS, *BODIES, *LISTINGS, *NAMES, *CHANGES, *TIMES, *POPULATION]


@pytest.fixture
def stage(row: Row, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """The row's publisher with release 2 out, sick."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):  # would answer in the host's place
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with staged(row.source) as found:
        found.publish(2)
        row.sicken(found)
        yield found


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.fault)
def test_a_run_ends_as_it_must_and_the_next_as_if_nothing_had_been(
    row: Row,
    stage: Stage,
    lake: DirectoryStore,
    in_health: dict[str, dict[str, Any]],
) -> None:
    before = contents(lake)
    if row.ends in {CHANGED, UNCHANGED}:
        assert stage.run(lake).name == row.ends
    else:
        with pytest.raises(QuestError) as caught:
            stage.run(lake)
        assert ending(caught.value) == row.ends
        check_message(caught.value, row.says)
        check_nothing_but_vintages_came(before, contents(lake))
    check_nobody_else_was_asked(stage)
    stage.heal()
    stage.run(lake)
    now, healthy = mirrored(lake, row.source), in_health[row.source]
    assert now["vintages"] >= healthy["vintages"]
    assert now | {"vintages": None} == healthy | {"vintages": None}


def ending(error: QuestError) -> str:
    """How the table calls a run that ended with this error."""
    if isinstance(error, Refused):
        return REFUSED
    assert isinstance(error, SourceError)
    return PASSING if error.transient else FAILED


def check_message(error: QuestError, patterns: tuple[str, ...]) -> None:
    """The message names the file and the cause, gives a remedy, and can be printed anywhere."""
    assert patterns
    for pattern in patterns:
        assert re.search(pattern, str(error))
    assert error.remedy
    assert str(error).isprintable()
    assert len(str(error)) < 600


def check_nothing_but_vintages_came(before: dict[str, bytes], after: dict[str, bytes]) -> None:
    """Every object is there with the same bytes; what arrived before the failure may be kept."""
    assert {key: after.get(key) for key in before} == before
    assert {key for key in after.keys() - before.keys() if not key.startswith("vintages/")} == set()


def check_nobody_else_was_asked(stage: Stage) -> None:
    """No request left the publisher's folder, or its host."""
    folder = {PR: "/pub/time.series/pr/", CENSUS: "/tesseract/data.jsonrecords"}[stage.source]
    paths = {request.path for request in stage.server.requests}
    assert {path for path in paths if not path.startswith(folder)} == set()
    assert stage.other is None or stage.other.requests == []


def test_the_table_has_at_least_forty_faults_and_each_is_named_once() -> None:
    assert len(TABLE) >= 40
    assert len({row.fault for row in TABLE}) == len(TABLE)
