"""The commands and their options, as help shows them; and that help needs little."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from blsquest import __version__
from tests.support.commands import Commands

PROJECT = Path(__file__).resolve().parents[3]
QUESTION = "--series --period --first-year --last-year --data-file --pair --ddof"
POLITE = "--contact --downloads-per-second"
OPTIONS = {
    "pipeline": (
        f"--survey --lake --bls-url --population-url {POLITE} --recheck --dry-run --allow --as-of "
        f"--report-date {QUESTION} --tables --no-tables --revisions --no-revisions --notice "
        "--sample"
    ),
    "mirror": (
        f"--survey --lake --bls-url {POLITE} --recheck --dry-run --allow --tables --no-tables "
        "--revisions --no-revisions --notice --tasks --sample"
    ),
    "population": (f"--lake --population-url {POLITE} --first-year --last-year --dry-run --sample"),
    "report": f"--lake --survey --as-of --report-date {QUESTION}",
    "audit": "--lake --share --repair --sums",
    "serve": "--lake --survey --contact --cron --timezone --port --api-url --sample",
    "status": "--lake",
    "series": "--lake --survey",
    "releases": "--lake --survey",
    "revisions": "--lake --survey --from --to",
    "history": "--lake --survey --data-file --matrix",
    "tables": "--lake --survey --rebuild",
    "copy": "",
}
ABOUT_A_RUN = {"pipeline", "mirror", "population", "report", "audit"}
DEFAULTS = {
    "--lake": "[env var: LAKE] [default: ./lake]",
    "--contact": "[env var: BLS_CONTACT]",
    "--bls-url": "[default: https://download.bls.gov/pub/time.series/]",
    "--first-year": "[default: 2013]",
    "--last-year": "[default: 2018]",
    "--ddof": "[choices: 0, 1] [default: 1]",
    "--tasks": "[default: 1]",
    "--share": "[default: 1.0]",
    "--sample": "[choices: 1, 2]",
    "--tables --no-tables": "[default: True]",
    "--allow": "[choices: clock, foreign-files, names, no-data, removals, shortened-log, shrink, "
    "stale, subdirectories]",
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_command_shows_its_options_what_they_mean_and_their_defaults(
    command: Commands, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "500")

    ended = command(name, "--help")

    wanted = {*OPTIONS[name].split(), *(["--verbose"] if name in ABOUT_A_RUN else [])}
    wanted |= set() if name == "serve" else {"--json"}
    rows = [row.strip("│ ") for row in ended.out.splitlines() if row.startswith("│ --")]
    shown = {option for row in rows for option in re.findall(r"--[a-z-]+", row.partition("  ")[0])}
    assert (ended.code, shown) == (0, wanted)
    for row in rows:
        option, _, about = row.partition("  ")
        assert len(about.partition("[")[0].strip()) > 10, row
        for known, default in DEFAULTS.items():
            assert not re.match(rf"{known}( [A-Z]|$)", option) or about.endswith(default), row


def test_the_list_of_commands_names_each_with_the_exit_codes(command: Commands) -> None:
    ended = command("--help")

    assert ended.code == 0
    assert set(re.findall(r"^│ ([a-z]+) ", ended.out, re.MULTILINE)) == set(OPTIONS)
    for each in (ended, command("mirror", "--help")):
        said = " ".join(each.out.split())
        assert "Exit codes: 0 done, 1 failed, 2 usage error, 3 refused" in said
    assert command("--version").out.strip() == __version__


def test_help_and_what_only_reads_import_no_prefect() -> None:
    script = (
        "import sys\n"
        "from flows.cli.app import app\n"
        "app(sys.argv[1:], result_action='return_value')\n"
        "print(sorted({'prefect', 's3fs'} & set(sys.modules)))"
    )
    for arguments in (["--help"], ["releases", "--help"], ["status", "--lake", "./none"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.endswith("[]\n"), arguments


def test_the_console_script_is_the_module_s_command() -> None:
    scripts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"blsquest": "flows.cli:main"}
    for other in ("flows/__main__.py", "Makefile"):
        assert "from flows.cli import main" in (PROJECT / other).read_text(), other


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("nothing", "Unknown command"),
        ("mirror --nonsense", "Unknown option"),
        ("mirror --allow everything", 'Invalid value "everything" for --allow'),
        ("mirror --tasks 65", 'Invalid value "65" for --tasks. Must be <= 64.'),
        ("mirror --sample 3", "Choose from: 1, 2"),
        ("mirror --downloads-per-second -1", "Must be >= 0."),
        ("report --first-year soon", "unable to convert"),
        ("report --ddof 2", "Choose from: 0, 1"),
        ("serve --port 0", "Must be >= 1."),
        ("serve --port 65536", "Must be <= 65535."),
        ("serve --port http", "unable to convert"),
        ("audit --share 2", "Must be <= 1."),
        ("audit --share nan", "Must be <= 1."),
        ("history PRS1 then Q01", "'then' is no year"),
        ("history", "SERIES"),
    ],
)
def test_what_is_no_option_or_value_is_a_usage_error(
    command: Commands, arguments: str, words: str
) -> None:
    ended = command(*arguments.split())

    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err


INTERRUPTED = """
import os, signal, sys

class Interrupt:
    def find_spec(self, name, *_):
        if name == sys.argv[-1]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
from flows.cli import main
sys.argv[1:1] = ["mirror", "--lake", "./none"]
main()
"""


@pytest.mark.parametrize("module", ["cyclopts", "prefect", "httpx", "flows.cli.run"])
def test_ctrl_c_while_a_command_is_still_imported_says_nothing_but_its_code(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, module],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("by", ["argument", "variable", "folder"])
def test_a_path_that_is_no_utf8_is_a_usage_error(tmp_path: Path, by: str) -> None:
    odd = os.fsencode(tmp_path) + b"/la\xff"
    Path(os.fsdecode(odd)).mkdir()
    variables = {"PYTHONPATH": str(PROJECT)} | (
        {"LAKE": os.fsdecode(odd)} if by == "variable" else {}
    )
    done = subprocess.run(
        [sys.executable, "-m", "flows", "status", *([b"--lake", odd] if by == "argument" else [])],
        cwd=odd if by == "folder" else PROJECT,
        env=os.environ | variables,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"not UTF-8" in done.stderr
    assert b"Traceback" not in done.stderr
