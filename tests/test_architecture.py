"""Imports point one way, and the flows stay thin: read from the sources, not from a run."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "flows").rglob("*.py"))
ROOMS = ("sources", "lake", "analytics")
SHARED = {"flows.lake.errors", "flows.lake.model", "flows.lake.meter", "flows.lake.stop"}
"""What sources may know of the lake: its values, errors and counters, and when to stop."""


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def room_of(path: Path) -> str:
    """The folder below `flows/`, or the file itself for those directly in it."""
    return path.relative_to(ROOT / "flows").parts[0]


def imported(path: Path, *, anywhere: bool = True) -> set[str]:
    """Every module that a file imports, in functions and for type checkers too unless told not.

    `from package import name` counts as both, for `name` may be a module.
    """
    found = set()
    for node in ast.walk(tree(path)) if anywhere else tree(path).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide what is imported"
            module = node.module or ""
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return found


def packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def within(module: str, package: str) -> bool:
    return f"{module}.".startswith(f"{package}.")


def defines_a_flow(path: Path) -> bool:
    decorators = [
        decorator.func if isinstance(decorator, ast.Call) else decorator
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for decorator in node.decorator_list
    ]
    return any(isinstance(d, ast.Name) and d.id == "flow" for d in decorators)


FLOW_FILES = [path for path in FILES if defines_a_flow(path)]


def each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=lambda p: str(p.relative_to(ROOT)))


@each([path for path in FILES if room_of(path) in ROOMS])
def test_a_room_imports_neither_prefect_nor_another_room_nor_the_roof(path: Path) -> None:
    room, modules = room_of(path), imported(path)
    assert not packages(modules) & {"prefect", "prefect_aws", "blocks", "deployments"}
    allowed = {f"flows.{room}", "flows.__version__"} | (SHARED if room == "sources" else set())
    assert not {
        module
        for module in modules
        if module.startswith("flows.") and not any(within(module, each) for each in allowed)
    }


@each([path for path in FILES if room_of(path) in {"sources", "lake"}])
def test_the_cheap_rooms_import_nothing_slow_before_it_is_needed(path: Path) -> None:
    """s3fs, boto3 and polars cost more than a small run."""
    slow = {"s3fs", "fsspec", "boto3", "botocore", "aiobotocore", "polars"}
    assert not packages(imported(path, anywhere=False)) & slow


@each([path for path in FILES if path.parent == ROOT / "flows"])
def test_no_module_is_named_after_one_of_the_standard_library(path: Path) -> None:
    """Prefect's loader can put `flows/` first on `sys.path`, where it would hide the other."""
    assert path.stem not in sys.stdlib_module_names


@each([*FILES, *sorted((ROOT / "blocks").rglob("*.py"))])
def test_nothing_that_a_run_needs_imports_what_deploys_it(path: Path) -> None:
    assert "deployments" not in packages(imported(path))


def test_what_a_run_imports_is_in_the_lock_of_runs() -> None:
    """A package that is here by chance, or for tests, would be missing from a user's first run."""
    lock = (ROOT / "requirements" / "run.txt").read_text()
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    files = [*FILES, *(ROOT / "blocks").rglob("*.py")]
    ours = {*sys.stdlib_module_names, "_typeshed", "flows", "blocks", "deployments"}
    owners = packages_distributions()
    wanted = {module for path in files for module in packages(imported(path))} - ours
    assert {
        module
        for module in wanted
        if not locked & {name.lower().replace("_", "-") for name in owners.get(module, ())}
    } == set()


@each(FLOW_FILES)
def test_flow_files_define_no_classes(path: Path) -> None:
    """Loaded a second time under another name, a class would be two classes."""
    assert not [node.name for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)]


def test_the_flows_are_those_that_are_meant() -> None:
    assert {"mirror", "pipeline", "population", "report"} <= {path.stem for path in FLOW_FILES}
