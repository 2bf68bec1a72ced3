"""A workspace that may have no more of something, as Prefect Cloud says it."""

import json
import re
from collections.abc import Callable, Iterator

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.schemas.automations import AutomationCore
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, temporary_settings

from blsquest.core.errors import QuestError
from deployments.apply import drift
from tests.deployments.conftest import POOL
from tests.deployments.installation import applied, declared, deployments, sentences
from tests.support.prefect_server import PrefectServer
from tests.support.s3_proxy import Fault, Request, Wire, relay

HOOK = "https://hooks.example.org/hush"
LIMIT = "You have reached the maximum number of {} for your plan."
PLAN = "Your plan does not support hybrid work pools."
GUARDS = ("run again what crashed", "a silent run has crashed")


def forbidden(words: str) -> bytes:
    """Prefect Cloud's answer."""
    body = json.dumps({"detail": words})
    head = "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json"
    return f"{head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()


def refusing(path: str, words: str, *, after: int = 0) -> Callable[[Request], Fault]:
    """Refuse what is made at that path, after so many; one that is sent again is the same."""
    made: list[bytes] = []

    def fault(request: Request) -> Fault:
        if request.method != "POST" or not re.fullmatch(path, request.target):
            return None
        if request.body not in made:
            made.append(request.body)
        return forbidden(words) if made.index(request.body) >= after else None

    return fault


@pytest.fixture
def cloud(workspace: SyncPrefectClient, prefect_api: PrefectServer) -> Iterator[Wire]:
    """A real server behind a relay that answers in its place, as Prefect Cloud does."""
    with (
        relay(prefect_api.api_url) as wire,
        temporary_settings({PREFECT_API_URL: f"{wire.endpoint}/api"}),
    ):
        yield wire
        EventsWorker.drain_all(timeout=10)


def test_a_plan_that_is_too_small_is_reported_before_anything_has_a_schedule(
    workspace: SyncPrefectClient, cloud: Wire
) -> None:
    what = declared("weekly-audit", NOTIFY_WEBHOOK_URL=HOOK)
    cloud.fault = refusing("/api/work_pools/", PLAN)

    with pytest.raises(QuestError) as caught:
        applied(what)

    assert f"(403): {PLAN}\nDone: nothing.\nNot done: create work pool {POOL};" in caught.value.what
    assert "create deployment audit/weekly-audit" in caught.value.what
    assert "The project needs one work pool of its own" in caught.value.remedy
    assert workspace.read_automations() == []

    words = LIMIT.format("automations")
    cloud.fault = refusing("/api/automations/", words, after=2)

    with pytest.raises(QuestError) as caught:
        applied(what)

    done, left = re.findall(r"^(?:Done|Not done): (.*)\.$", caught.value.what, re.MULTILINE)
    assert words in caught.value.what
    assert all(f"create automation BLS Data Quest: {name}" in done for name in GUARDS)
    assert f"create work pool {POOL}" in done
    assert "create automation BLS Data Quest: tell when the daily run does not succeed" in left
    assert "create deployment audit/weekly-audit" in left
    assert "5 automations, or 3 with NOTIFY_WEBHOOK_URL=none" in caught.value.remedy
    assert workspace.read_deployments() == []

    # How to go on, as it says.
    cloud.reset()
    applied(what)
    assert drift(what) == ()


def test_one_deployment_too_many_is_reported_and_those_before_it_are_watched(
    workspace: SyncPrefectClient, cloud: Wire
) -> None:
    words = LIMIT.format("deployments")
    cloud.fault = refusing("/api/deployments/", words, after=1)
    what = declared("daily-pipeline", "weekly-audit")

    with pytest.raises(QuestError) as caught:
        applied(what)

    done, left = re.findall(r"^(?:Done|Not done): (.*)\.$", caught.value.what, re.MULTILINE)
    assert words in caught.value.what
    assert "create deployment pipeline/daily-pipeline" in done
    assert left == "create deployment audit/weekly-audit"
    assert "The project needs 5 deployments" in caught.value.remedy
    assert deployments(workspace).keys() == {"pipeline/daily-pipeline"}
    watching = {automation.name for automation in workspace.read_automations()}
    assert watching == {f"BLS Data Quest: {name}" for name in GUARDS}

    cloud.reset()
    assert sentences(applied(what)) == ["create deployment audit/weekly-audit"]


@pytest.mark.parametrize("status", ["409 Conflict", "422 Unprocessable Entity"])
def test_a_deployment_that_the_api_refuses_is_named_with_the_reason(
    cloud: Wire, status: str
) -> None:
    cloud.fault = lambda request: (
        forbidden("memory: 'much' is no number").replace(b"403 Forbidden", status.encode())
        if (request.method, request.target) == ("POST", "/api/deployments/")
        else None
    )

    with pytest.raises(QuestError, match="no such deployment") as caught:
        applied(declared("weekly-audit"))

    assert caught.value.what.endswith(f"({status[:3]}): memory: 'much' is no number")
    assert caught.value.remedy.startswith("Correct what it names")


def test_what_watches_goes_after_what_it_watches(workspace: SyncPrefectClient, cloud: Wire) -> None:
    applied(declared("weekly-audit"))
    guard = next(a for a in workspace.read_automations() if a.name.endswith(GUARDS[0]))
    old = AutomationCore(
        name="BLS Data Quest: of an earlier release", trigger=guard.trigger, actions=guard.actions
    )
    workspace.create_automation(old)
    cloud.fault = lambda request: (
        forbidden("no")
        if request.method == "DELETE" and request.target.startswith("/api/deployments/")
        else None
    )

    with pytest.raises(QuestError, match="without what watches it"):
        applied(declared("population-ingest"))

    assert "audit/weekly-audit" in deployments(workspace)
    assert old.name in {automation.name for automation in workspace.read_automations()}


def test_a_failure_that_is_no_refusal_stays_what_it_is(cloud: Wire) -> None:
    cloud.fault = lambda request: (
        forbidden("no").replace(b"403 Forbidden", b"400 Bad Request")
        if (request.method, request.target) == ("POST", "/api/work_pools/")
        else None
    )

    with pytest.raises(Exception, match="400 Bad Request"):
        applied(declared("weekly-audit"))
