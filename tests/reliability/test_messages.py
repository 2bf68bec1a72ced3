"""Every refusal and failure tells the cause and the remedy, and ends with its own exit code."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import blocks.api
import blsquest.core.stop
import blsquest.lake.stores.s3_errors
import blsquest.sources.request
import flows.surveys
from blsquest.core import errors
from blsquest.core import errors as bad_data
from blsquest.lake.stores.directory import DirectoryStore
from tests.support.faults import Fault, html_page, status
from tests.support.lakes import mirror as mirror_plainly
from tests.support.lakes import take_population

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from blsquest.sources.sample.server import SampleServer
    from tests.support.commands import Commands

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(p for room in ("blsquest", "blocks", "flows") for p in (ROOT / room).rglob("*.py"))

SAYS_ITSELF = {"Stopped"}
"""Errors that say what to do where nobody says otherwise."""


# -- Every place that makes an error -----------------------------------------------------------


def errors_of(*modules: ModuleType) -> set[str]:
    """Names of the error classes that these modules define."""
    kinds = (errors.QuestError, bad_data.BadData)
    return {
        name
        for module in modules
        for name, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, kinds) and each.__module__ == module.__name__
    }


ERRORS = errors_of(
    errors,
    bad_data,
    blsquest.sources.request,
    blsquest.lake.stores.s3_errors,
    blsquest.core.stop,
    flows.surveys,
    blocks.api,
)


def name_of(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def made(path: Path) -> Iterator[ast.Call]:
    """Every call in a file that makes one of the errors."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and name_of(node) in ERRORS:
            yield node


def is_silent(remedy: ast.expr | None) -> bool:
    return remedy is None or (isinstance(remedy, ast.Constant) and not remedy.value)


def remedy_of(call: ast.Call) -> ast.expr | None:
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    return call.args[1] if len(call.args) > 1 else named.get("remedy")


def test_the_errors_are_all_known_here() -> None:
    defined = {
        node.name
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and any(isinstance(b, ast.Name) and b.id in ERRORS for b in node.bases)
    }
    assert defined <= ERRORS
    assert len(ERRORS) >= 13


@pytest.mark.parametrize(
    "path", [p for p in FILES if any(made(p))], ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_whoever_makes_an_error_says_what_to_do(path: Path) -> None:
    silent = [
        f"line {call.lineno}: {ast.unparse(call)[:80]}"
        for call in made(path)
        if name_of(call) not in SAYS_ITSELF and is_silent(remedy_of(call))
    ]
    assert silent == []


def test_the_check_above_sees_the_errors_of_this_project() -> None:
    assert sum(1 for path in FILES for _ in made(path)) > 80


# -- What the command line makes of each kind --------------------------------------------------


def from_source(server: SampleServer, lake: DirectoryStore) -> tuple[object, ...]:
    polite = ("--contact", "tester@example.org", "--downloads-per-second", 0)
    return "mirror", "--lake", lake.root, "--bls-url", server.bls_url, *polite


def no_contact(server: SampleServer, lake: DirectoryStore) -> tuple[object, ...]:
    return "mirror", "--lake", lake.root, "--bls-url", server.bls_url


def a_page_for_a_listing(server: SampleServer, lake: DirectoryStore) -> tuple[object, ...]:
    server.faults.append(Fault(html_page(), "*/pr/"))
    return from_source(server, lake)


def forbidden(server: SampleServer, lake: DirectoryStore) -> tuple[object, ...]:
    server.faults.append(Fault(status(403), "*/pr/"))
    return from_source(server, lake)


def a_file_for_a_lake(server: SampleServer, lake: DirectoryStore) -> tuple[object, ...]:
    lake.root.write_bytes(b"")
    return from_source(server, lake)


def a_file_for_a_folder(server: SampleServer, lake: DirectoryStore) -> tuple[object, ...]:
    lake.root.mkdir()
    (lake.root / "manifests").write_bytes(b"")
    return from_source(server, lake)


def altered_vintage(server: SampleServer, lake: DirectoryStore) -> tuple[object, ...]:
    mirror_plainly(server, lake)
    alter(lake, "vintages/bls/pr/pr.data.0.Current/")
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
        pytest.param(a_page_for_a_listing, 3, "Refused: ", id="Refused"),
        pytest.param(forbidden, 1, "answered 403", id="SourceError"),
        pytest.param(a_file_for_a_lake, 2, "is a file, or lies below one", id="Misuse, lake"),
        pytest.param(a_file_for_a_folder, 1, "is a file, or lies below one", id="StoreError"),
        pytest.param(altered_vintage, 1, "Damaged: ", id="Damaged"),
        pytest.param(altered_input, 1, "was altered: its SHA-256 is", id="Corrupt"),
        pytest.param(bad_value, 3, "pr.data.0.Current, line ", id="BadData"),
    ],
)
def test_a_command_says_the_cause_and_the_remedy_and_exits_with_the_code_of_its_kind(
    server: SampleServer,
    command: Commands,
    tmp_path: Path,
    wrong: Callable[[SampleServer, DirectoryStore], tuple[object, ...]],
    code: int,
    cause: str,
) -> None:
    said = command(*wrong(server, DirectoryStore(tmp_path / "lake")))

    assert said.code == code
    assert cause in said.out
    assert re.search(r"What to do: \S+ \S+", said.out), said.out
    assert "Traceback" not in said.out
