"""The container's health command over made-up processes; `make image-test` has a real worker."""

from pathlib import Path

import pytest

from deployments.image.health import main
from tests.support.http_server import answering
from tests.support.prefect_server import free_port

WORKER = "python /app/.venv/bin/prefect worker start --pool p --type ecs --with-healthcheck"


def processes(folder: Path, *commands: str) -> Path:
    """A /proc with these command lines, and one process that has just ended."""
    for number, command in enumerate(commands, start=1):
        (folder / str(number)).mkdir()
        (folder / str(number) / "cmdline").write_text("\0".join([*command.split(), ""]))
    (folder / "99").mkdir()
    return folder


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (500, 1)])
def test_a_worker_is_well_while_its_health_server_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, code: int
) -> None:
    with answering(lambda path, _: (status if path == "/health" else 404, b"")) as address:
        monkeypatch.setenv("PREFECT_WORKER_WEBSERVER_PORT", address.rpartition(":")[2])
        assert main(processes(tmp_path, "tini -- prefect", WORKER)) == code


def test_a_worker_whose_health_server_is_not_there_is_not_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PREFECT_WORKER_WEBSERVER_PORT", str(free_port()))

    assert main(processes(tmp_path, WORKER)) == 1
    assert "does not answer" in capsys.readouterr().out


def test_a_worker_that_cannot_be_asked_is_not_called_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(processes(tmp_path, WORKER.replace(" --with-healthcheck", ""))) == 1
    assert "start the worker with `--with-healthcheck`" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command",
    [
        "prefect flow-run execute",
        "python /app/.venv/bin/prefect flow-run execute",
        "python -m flows pipeline --sample 1",
        "",
    ],
)
def test_where_there_is_no_worker_a_run_that_lives_is_well(tmp_path: Path, command: str) -> None:
    assert main(processes(tmp_path, command)) == 0
