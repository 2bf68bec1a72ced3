"""Every refusal and failure tells the cause and the remedy, and ends with its own exit code."""

import ast
import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from blsquest.core.errors import QuestError
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.sources.sample.server import SampleServer
from tests.support.commands import Commands
from tests.support.faults import Act, Fault, html_page, status
from tests.support.lakes import mirror as mirror_plainly
from tests.support.lakes import take_population

ROOT = Path(__file__).resolve().parents[2]
FILES = [p for room in ("blsquest", "blocks", "flows") for p in (ROOT / room).rglob("*.py")]


Wrong = Callable[[SampleServer, DirectoryStore], tuple[object, ...]]
"""Makes something wrong, and returns the command that meets it."""


def kinds(of: type[QuestError]) -> set[str]:
    """Names of an error class and of all below it."""
    return {of.__name__}.union(*map(kinds, of.__subclasses__()))


def is_silent(call: ast.Call) -> bool:
    """Whether a call that makes an error has no remedy."""
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    remedy = call.args[1] if len(call.args) > 1 else named.get("remedy")
    return remedy is None or (isinstance(remedy, ast.Constant) and not remedy.value)


def test_whoever_makes_an_error_says_what_to_do() -> None:
    for path in FILES:
        if path.stem != "__main__":
            module = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
            import_module(module.removesuffix(".__init__"))
    says_itself = {"Stopped"}  # what to do where nobody says otherwise
    errors = kinds(QuestError) - says_itself
    made = [
        (path, node)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in errors
    ]
    assert len(made) > 80
    assert [f"{p}:{call.lineno}" for p, call in made if is_silent(call)] == []


def from_source(server: SampleServer, lake: DirectoryStore) -> tuple[object, ...]:
    polite = ("--contact", "tester@example.org", "--downloads-per-second", 0)
    return "mirror", "--lake", lake.root, "--bls-url", server.bls_url, *polite


def no_contact(server: SampleServer, lake: DirectoryStore) -> tuple[object, ...]:
    return "mirror", "--lake", lake.root, "--bls-url", server.bls_url


def listing(act: Act) -> Wrong:
    def wrong(server: SampleServer, lake: DirectoryStore) -> tuple[object, ...]:
        server.faults.append(Fault(act, "*/pr/"))
        return from_source(server, lake)

    return wrong


def a_file_for_a_folder(server: SampleServer, lake: DirectoryStore) -> tuple[object, ...]:
    lake.root.mkdir()
    (lake.root / "manifests").write_bytes(b"")
    return from_source(server, lake)


def altered_vintage(server: SampleServer, lake: DirectoryStore) -> tuple[object, ...]:
    mirror_plainly(server, lake)
    alter(lake, "vintages/bls/pr/pr.data.0.Current/")
    return "audit", "--lake", lake.root


def altered_view(server: SampleServer, lake: DirectoryStore) -> tuple[object, ...]:
    mirror_plainly(server, lake)
    lake.put("bls/pr/pr.class", b"altered")
    return "audit", "--lake", lake.root


def altered_input(server: SampleServer, lake: DirectoryStore) -> tuple[object, ...]:
    take_population(server, lake)
    altered_vintage(server, lake)
    return "report", "--lake", lake.root


def bad_value(server: SampleServer, lake: DirectoryStore) -> tuple[object, ...]:
    name = "pr.data.0.Current"
    file = server.surveys["pr"][name]
    body = re.sub(rb"\d\.\d", b"x.x", file.body, count=1)
    server.surveys["pr"][name] = replace(file, body=body)
    take_population(server, lake)
    mirror_plainly(server, lake)
    return "report", "--lake", lake.root


def alter(lake: DirectoryStore, prefix: str) -> None:
    (stored,) = lake.list(prefix)
    lake.put(stored.key, b"altered")


@pytest.mark.usefixtures("prefect_api")
@pytest.mark.parametrize(
    ("wrong", "code", "cause"),
    [
        pytest.param(no_contact, 2, "contact e-mail address is required", id="Misuse"),
        pytest.param(listing(html_page()), 3, "Refused: ", id="Refused"),
        pytest.param(listing(status(403)), 1, "answered 403", id="SourceError"),
        pytest.param(a_file_for_a_folder, 1, "is a file, or lies below one", id="StoreError"),
        pytest.param(altered_vintage, 1, "Damaged: ", id="Damaged"),
        pytest.param(altered_view, 1, "Repairable: ", id="Repairable"),
        pytest.param(altered_input, 1, "was altered: its SHA-256 is", id="Corrupt"),
        pytest.param(bad_value, 3, "pr.data.0.Current, line ", id="BadData"),
    ],
)
def test_a_command_says_the_cause_and_the_remedy_and_exits_with_the_code_of_its_kind(
    server: SampleServer,
    command: Commands,
    tmp_path: Path,
    wrong: Wrong,
    code: int,
    cause: str,
) -> None:
    said = command(*wrong(server, DirectoryStore(tmp_path / "lake")))

    assert said.code == code
    assert cause in said.out
    assert re.search(r"What to do: \S+ \S+", said.out), said.out
    assert "Traceback" not in said.out
