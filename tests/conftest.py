"""Fixtures that more than one room uses, and which tests need a server."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, settings

from blsquest.core.stop import is_stopped, stops_workers
from blsquest.lake.stores.base import Store
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.lake.stores.s3 import S3Store
from blsquest.sources.sample.server import SampleServer
from tests.support.commands import Commands
from tests.support.pasts import Past
from tests.support.prefect_server import PrefectServer, run_prefect_server
from tests.support.s3_proxy import Wire, relay
from tests.support.s3_servers import (
    CARELESS,
    S3Server,
    program,
    run_careless,
    run_moto,
    run_seaweed,
)
from tests.support.surveys import Surveys

pytest_plugins = ["tests.reliability.figures"]

# A machine that is busy with other tests is slow, and that is no failure.
settings.register_profile(
    "busy",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("busy")

E2E = "tests/e2e"
SMOKE = "tests/test_smoke.py"
_NONE = SimpleNamespace(params={})
_LONGEST = (E2E, "tests/test_readme.py", "tests/reliability/")

Backend = Literal["directory", "moto", "seaweed"]
BACKENDS: tuple[Backend, ...] = ("directory", "moto", "seaweed")


FreshStore = Callable[[Backend], Store]
"""Makes an empty store of one kind, which nothing else uses."""
NewWire = Callable[[S3Server], Wire]
"""Puts a relay in front of a server, reset for this test."""
SERVERS = {"prefect_server", "seaweed", "careless", "on_s3", "browser", "shell"}
"""Fixtures that start what takes long: a test that has one of them is not part of `make test`."""

FOLDERS = ("tests/e2e", "tests/image", "tests/infra")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server; begin with what takes longest, or one worker ends alone with it."""
    items.sort(key=_place)
    for item in items:
        if item.nodeid.startswith(SMOKE):
            continue
        fixtures = set(getattr(item, "fixturenames", ()))
        variants = {str(value) for value in getattr(item, "callspec", _NONE).params.values()}
        # A module that imports Command runs commands as processes, each with a Prefect server.
        starts = hasattr(getattr(item, "module", None), "Command")
        if SERVERS & (fixtures | variants) or starts or item.nodeid.startswith(FOLDERS):
            item.add_marker(pytest.mark.servers)


def _place(item: pytest.Item) -> int:
    longest = (n for n, start in enumerate(_LONGEST) if item.nodeid.startswith(start))
    return next(longest, len(_LONGEST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file is for one worker, as is each folder whose tests share what takes long to start.

    What `--dist loadgroup` is for; but pytest 9.2 does not show xdist 3.8 the groups.
    """
    from xdist.scheduler import LoadScopeScheduling

    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = _unit
    return scheduler


def _unit(nodeid: str) -> str:
    file = nodeid.partition("::")[0]
    return next((folder for folder in FOLDERS if file.startswith(folder)), file)


@pytest.fixture(autouse=True)
def _no_stop_outlives_its_test() -> Iterator[None]:
    """A stop is for the process and holds until a run begins; a test's ends with the test."""
    yield
    if is_stopped():
        with stops_workers():
            pass


@pytest.fixture(scope="session")
def browser() -> str:
    """The path of a Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"needs a browser: none of {', '.join(names)} is on the PATH")
    return found


@pytest.fixture(scope="session")
def moto_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Moto's S3 server."""
    yield from run_moto(tmp_path_factory.mktemp("moto"))


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """SeaweedFS's S3 server."""
    yield from run_seaweed(tmp_path_factory.mktemp("seaweed"))


@pytest.fixture(scope="session", params=CARELESS)
def careless(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[S3Server]:
    """An S3 server that ignores put-if-absent; the test runs once for each."""
    if program(request.param) is None:
        pytest.skip(f"needs {request.param}: make .venv/servers.stamp")
    yield from run_careless(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def fresh_store(request: pytest.FixtureRequest, tmp_path: Path) -> FreshStore:
    """Make empty stores; starts a server only when one is asked for."""
    numbers = count()

    def make(kind: Backend) -> Store:
        number = next(numbers)
        if kind == "directory":
            return DirectoryStore(tmp_path / f"lake-{number}")
        server: S3Server = request.getfixturevalue("moto_s3" if kind == "moto" else kind)
        return S3Store(server.bucket, f"{tmp_path.name}-{number}", server.options)

    return make


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    """A lake in `tmp_path / "lake"`, in which releases of `pr` come out."""
    with SampleServer() as server:
        yield Past(server, DirectoryStore(tmp_path / "lake"))


@pytest.fixture(params=BACKENDS)
def store(request: pytest.FixtureRequest, fresh_store: FreshStore) -> Store:
    """An empty store of each kind."""
    return fresh_store(request.param)


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A Prefect server with all its services."""
    yield from run_prefect_server(tmp_path_factory.mktemp("prefect"))


@pytest.fixture
def prefect_api(prefect_server: PrefectServer) -> Iterator[PrefectServer]:
    """The Prefect server, in use by this test."""
    with prefect_server.in_use():
        yield prefect_server


@pytest.fixture(scope="session")
def _relays() -> Iterator[Callable[[str], Wire]]:
    """One relay a server: a store at a new address would need a new client, which takes 0.3 s."""
    with ExitStack() as running:
        yield cache(lambda endpoint: running.enter_context(relay(endpoint)))


@pytest.fixture
def wire(_relays: Callable[[str], Wire]) -> NewWire:
    """Put a relay in front of a server, with nothing counted and nothing broken yet."""

    def make(server: S3Server) -> Wire:
        found = _relays(server.endpoint)
        found.reset()
        return found

    return make


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real files, which lie beside the project and are not part of it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real files in ../shared/data, which are not part of the project")
    return folder


@pytest.fixture
def surveys(server: SampleServer, lake: DirectoryStore) -> Surveys:
    """The lake, to take any survey in."""
    return Surveys(server, lake)


@pytest.fixture
def lake(tmp_path: Path) -> DirectoryStore:
    """An empty lake in a directory."""
    return DirectoryStore(tmp_path / "lake")


@pytest.fixture
def server() -> Iterator[SampleServer]:
    """Both publishers, healthy, with the generated release 1."""
    with SampleServer() as running:
        yield running


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Commands:
    """Run commands in an empty folder, with nothing of the project's set in the environment."""
    monkeypatch.chdir(tmp_path)
    for variable in ("LAKE", "BLS_CONTACT"):
        monkeypatch.delenv(variable, raising=False)
    return Commands(capfd)
