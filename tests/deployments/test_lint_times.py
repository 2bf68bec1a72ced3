"""Lint of what starts runs: schedules and triggers."""

from __future__ import annotations

from copy import deepcopy

import pytest

from tests.deployments.broken import Break, daily, report, said_of


@pytest.mark.parametrize(
    ("wrong", "finding"),
    [
        pytest.param(
            lambda c: daily(c)["schedules"][0].update(cron="50 25 * * *"),
            "pipeline/daily bls-data-quest-daily: '50 25 * * *'",
            id="cron",
        ),
        pytest.param(
            lambda c: daily(c)["schedules"][0].update(timezone="America/New York"),
            "pipeline/daily bls-data-quest-daily: 'America/New York'",
            id="zone",
        ),
        pytest.param(
            lambda c: daily(c)["schedules"][0].update(timezone=""),
            "timezone: String should have at least 1 character",
            id="empty zone",
        ),
        pytest.param(
            lambda c: daily(c)["schedules"][0].pop("timezone"),
            "schedules[0].timezone: Field required",
            id="no time zone",
        ),
        pytest.param(
            lambda c: daily(c)["schedules"][0].pop("slug"),
            "schedules[0].slug: Field required",
            id="no slug",
        ),
        pytest.param(
            lambda c: daily(c)["schedules"][0].update(zone="x"),
            "schedules[0].zone: Extra inputs",
            id="schedule key",
        ),
        pytest.param(
            lambda c: report(c)["triggers"].append(deepcopy(report(c)["triggers"][0])),
            "is taken: both would run the deployment.",
            id="trigger twice",
        ),
        pytest.param(
            lambda c: report(c)["triggers"][0].update(parameters={"nope": 1}),
            "report/on-change triggers: The flow has no parameter nope.",
            id="trigger's parameter",
        ),
        pytest.param(
            lambda c: report(c)["triggers"][0].update(matches={}),
            "An event trigger has no matches",
            id="trigger's key",
        ),
        pytest.param(
            lambda c: report(c)["triggers"][0].update(name="report"),
            "Its name must begin with 'BLS Data Quest: '",
            id="trigger's name",
        ),
        pytest.param(
            lambda c: report(c)["triggers"][0].pop("expect"),
            "Without expect, any event would run the deployment.",
            id="trigger without event",
        ),
        pytest.param(
            lambda c: report(c)["triggers"][0].update(posture="Sometimes"),
            "report/on-change triggers: posture: Input should be",
            id="trigger's posture",
        ),
        pytest.param(
            lambda c: daily(c)["schedules"][0].update(cron="0 0 31 2 *"),
            "bls-data-quest-daily: '0 0 31 2 *': This date never comes",
            id="31 February",
        ),
    ],
)
def test_what_prefect_would_start_otherwise_than_written_is_named_with_what_is_wrong(
    wrong: Break, finding: str
) -> None:
    assert finding in said_of(wrong)
