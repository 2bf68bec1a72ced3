"""compose.yaml: what it starts, as whom, and who can reach it."""

import re
from pathlib import Path
from typing import Any

import yaml

from flows.cli.app import app
from flows.cli.serve import LEASES

PROJECT = Path(__file__).resolve().parents[1]
TEXT = (PROJECT / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SERVE, SERVER, DATABASE = (SERVICES[name] for name in ("serve", "server", "database"))


def test_it_does_not_start_without_a_contact() -> None:
    asked = SERVE["environment"]["BLS_CONTACT"]

    assert re.fullmatch(r"\$\{BLS_CONTACT:\?[^}]+\}", asked)
    assert not re.search(r"\w@\w+\.\w", TEXT), "nobody's address is in it"


def test_what_it_serves_is_a_command_of_this_project() -> None:
    words = [re.sub(r"\$\{\w+:-(\w+)\}", r"\1", word) for word in SERVE["command"]]

    _, bound, _ = app.parse_args(words[3:])

    assert words[:4] == ["python", "-m", "flows", "serve"]
    assert bound.arguments == {"api_url": "http://server:4200/api", "survey": ["pr"]}


def test_both_are_the_project_s_image_and_none_runs_as_root() -> None:
    user = re.search(r"^USER (\d+):\d+$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)

    assert user is not None
    assert user[1] != "0"
    for service in (SERVE, SERVER):
        assert (service["build"], service["image"]) == (".", "bls-data-quest:compose")
        assert "user" not in service
    assert DATABASE["user"] == "postgres"
    for service in SERVICES.values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_only_the_dashboard_is_published_and_only_on_this_machine() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"server"}
    assert SERVER["ports"] == ["127.0.0.1:${PORT:-4200}:4200"]
    assert SERVER["environment"]["PREFECT_UI_API_URL"] == "http://127.0.0.1:${PORT:-4200}/api"


def test_the_database_is_reached_by_the_server_alone() -> None:
    assert COMPOSE["networks"]["database"] == {"internal": True}
    assert DATABASE["networks"] == ["database"]
    assert [name for name, s in SERVICES.items() if "database" in s.get("networks", [])] == [
        "server",
        "database",
    ]
    user, word, name = (
        DATABASE["environment"][f"POSTGRES_{k}"] for k in ("USER", "PASSWORD", "DB")
    )
    address = SERVER["environment"]["PREFECT_API_DATABASE_CONNECTION_URL"]
    assert address == f"postgresql+asyncpg://{user}:{word}@database/{name}"


def test_each_waits_until_what_it_needs_is_well() -> None:
    assert SERVE["depends_on"] == {"server": {"condition": "service_healthy"}}
    assert SERVER["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert all(service["healthcheck"]["test"][0] == "CMD" for service in SERVICES.values())
    assert SERVE["environment"]["PREFECT_RUNNER_SERVER_ENABLE"] == "true"
    port = SERVE["environment"]["PREFECT_RUNNER_SERVER_PORT"]
    assert SERVE["healthcheck"]["test"][-1] == f"http://127.0.0.1:{port}/health"


def test_what_is_kept_lies_in_volumes_that_the_image_s_user_may_write() -> None:
    home = re.search(r"^VOLUME \[\"(/[^\"]+)\"", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
    mounted = {name: s["volumes"][0].partition(":") for name, s in SERVICES.items()}

    assert home is not None
    assert {volume for volume, _, _ in mounted.values()} == set(COMPOSE["volumes"])
    assert mounted["serve"][2] == mounted["server"][2] == home[1]
    assert SERVE["environment"]["LAKE"] == f"${{LAKE:-{home[1]}/lake}}"
    assert SERVER["environment"]["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"] == LEASES
