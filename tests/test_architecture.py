"""Imports point one way, and the flows stay thin: read from the files, not from a run."""

import ast
import re
import sys
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]
FLOORS = (
    {"blsquest.core"},
    {"blsquest.sources", "blsquest.lake", "blsquest.analytics"},
    {"blsquest.products"},
    {"blocks"},
    {"flows"},
)
"""Each room imports from itself and from the floors below."""

SLOW = {"s3fs", "fsspec", "boto3", "botocore", "aiobotocore", "polars"}
"""What costs more to import than a small run takes."""

FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for package in ("blsquest", "blocks", "flows")
    for path in sorted((ROOT / package).rglob("*.py"))
}


def room_of(module: str) -> str:
    """The room that a module is in: the deepest that FLOORS name; "" for the library's face."""
    rooms = {room for floor in FLOORS for room in floor}
    within = [room for room in rooms if f"{module}.".startswith(f"{room}.")]
    return max(within, key=len, default="")


def imported(path: Path, *, anywhere: bool = True) -> set[str]:
    """Every module that a file imports, in functions and for type checkers too by default.

    `from package import name` counts as both, for `name` may be a module.
    """
    found = set()
    tree = ast.parse(path.read_text(), str(path))
    for node in ast.walk(tree) if anywhere else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide what is imported"
            module = node.module or ""
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return found


def packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def test_each_room_imports_only_from_itself_and_from_the_floors_below() -> None:
    below: set[str] = set()
    wrong = []
    for floor in FLOORS:
        for module, path in FILES.items():
            room = room_of(module)
            if room not in floor:
                continue
            for other in imported(path):
                known = room_of(other)
                if known and known != room and known not in below:
                    wrong.append(f"{module} imports {other}")
                if packages({other}) & {"deployments", "tests"}:
                    wrong.append(f"{module} imports {other}")
        below |= floor
    assert not wrong


def test_the_library_knows_no_prefect() -> None:
    ours = {module: path for module, path in FILES.items() if module.startswith("blsquest")}
    assert not [m for m, path in ours.items() if "prefect" in packages(imported(path))]


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: imported(path) & FILES.keys() - {module} for module, path in FILES.items()}
    TopologicalSorter(graph).prepare()  # a CycleError names them


def test_nothing_slow_is_imported_before_it_is_needed() -> None:
    cheap = {"", "blsquest.core", "blsquest.sources", "blsquest.lake", "flows", "flows.cli"}
    wrong = [
        module
        for module, path in FILES.items()
        if room_of(module) in cheap and packages(imported(path, anywhere=False)) & SLOW
    ]
    assert not wrong


def test_what_a_run_imports_is_in_the_lock_of_runs() -> None:
    """A package that is here by chance, or for tests, would be missing from a user's first run."""
    lock = (ROOT / "requirements" / "run.txt").read_text()
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    ours = {*sys.stdlib_module_names, "_typeshed", "blsquest", "flows", "blocks"}
    owners = packages_distributions()
    wanted = {module for path in FILES.values() for module in packages(imported(path))} - ours
    assert {
        module
        for module in wanted
        if not locked & {name.lower().replace("_", "-") for name in owners.get(module, ())}
    } == set()


def test_flow_files_define_no_classes_and_hide_no_standard_module() -> None:
    # Loaded a second time under another name, a class would be two classes; and Prefect's loader
    # can put `flows/` first on `sys.path`.
    flow_files = [p for p in FILES.values() if "@flow" in p.read_text()]
    assert {"pipeline", "mirror", "population", "report", "audit"} <= {p.stem for p in flow_files}
    assert not [
        path for path in flow_files if re.search(r"^ *class ", path.read_text(), re.MULTILINE)
    ]
    loose = [p for p in FILES.values() if p.parent == ROOT / "flows"]
    assert not [path for path in loose if path.stem in sys.stdlib_module_names - {"__init__"}]
