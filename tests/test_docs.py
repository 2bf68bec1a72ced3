"""The pages name what there is: links, files, commands, settings, guards, numbers, versions."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from blsquest import __version__
from blsquest.analytics.parquet_table import ROW_GROUP
from blsquest.analytics.revisions import LISTED, MOST_RANKED, SHOWN
from blsquest.lake.guards import CLOCKS_APART, REMOVED_SHARE, SHRUNK_TO, Allowance
from blsquest.lake.transfer import SETTLED_AGE
from blsquest.products import catalogue, observations, report_content, report_folders
from blsquest.products.notice import STALE
from blsquest.products.surveys import SHARD_BYTES, SHARD_FILES
from blsquest.sources.bls import REMOVAL_WAIT
from blsquest.sources.http import SURVEYS_AT_ONCE
from blsquest.sources.request import SMALL_BODY
from flows.cli.app import app

PROJECT = Path(__file__).resolve().parents[1]
PAGES = {path.relative_to(PROJECT).as_posix(): path.read_text() for path in PROJECT.glob("*.md")}
PAGES |= {f"docs/{path.name}": path.read_text() for path in (PROJECT / "docs").glob("*.md")}
OF_TODAY = {
    name: text for name, text in PAGES.items() if name not in {"CHANGELOG.md", "docs/upgrade.md"}
}
"""The other two name what once was."""

SOURCES = subprocess.run(
    ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    cwd=PROJECT,
    check=True,
    capture_output=True,
    text=True,
).stdout.split("\0")
ELSEWHERE = {"--pull", "--with-healthcheck"}
"""Options of docker and prefect that a sentence names alone."""
OTHERS = ("AWS_", "CRON_", "METADATA_", "PREFECT_SERVER_", "RCLONE_")
"""What settings of other programs begin with."""


def spans(text: str) -> list[str]:
    """The code of a page: each span, and each line of a block, without its comment."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.partition("  #")[0] for line in lines] + re.findall(r"`([^`]+)`", text)


def anchors(text: str) -> set[str]:
    """The names that GitHub gives a page's headings."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page: str) -> None:
    text = re.sub(r"^```.*?^```", "", PAGES[page], flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (PROJECT / page).parent / name if name else PROJECT / page
        assert path.resolve().is_file(), target
        if anchor:
            assert anchor in anchors(path.read_text()), target


def test_every_page_is_linked_from_the_readme() -> None:
    linked = set(re.findall(r"\]\(([\w/]+\.md)", PAGES["README.md"]))
    assert linked >= PAGES.keys() - {"README.md"}


@pytest.mark.parametrize("page", OF_TODAY)
def test_every_file_that_a_page_names_exists(page: str) -> None:
    rooms = {name.partition("/")[0] for name in SOURCES if "/" in name} - {"docs"}
    named = re.findall(r"[\w.]+(?:/[\w.-]+)+/?", " ".join(spans(PAGES[page])))
    for name in named:
        if name.partition("/")[0] in rooms and not name.endswith((".tfvars", "variables")):
            assert (PROJECT / name).exists(), name


@pytest.fixture(scope="module")
def options() -> dict[str, set[str]]:
    """The options of each command."""
    found = {}
    for name in app:
        if not name.startswith("-"):
            arguments = app[name].assemble_argument_collection(parse_docstring=False)
            found[name] = {option for one in arguments for option in one.names} | {"--help"}
    return found


@pytest.mark.parametrize("page", OF_TODAY)
def test_every_command_and_option_exists(page: str, options: dict[str, set[str]]) -> None:
    others = "\n".join(
        (PROJECT / name).read_text()
        for name in SOURCES
        if re.match(r"(deployments|benchmarks|blocks)/\w+\.py$|Makefile$", name)
    )
    for span in spans(PAGES[page]):
        for command, rest in re.findall(
            r"(?:(?<!from )blsquest|-m flows) ([a-z]+)\b([^|;)]*)", span
        ):
            assert command in options, span
            assert set(re.findall(r"(?<!\S)--[a-z-]+", rest)) <= options[command], span
        for option in re.findall(r"^--[a-z-]+", span):
            known = option in set().union(*options.values()) or f'"{option}"' in others
            assert known or option in ELSEWHERE or f'"{option[2:]}"' in others, span


@pytest.mark.parametrize("page", OF_TODAY)
def test_every_target_of_make_exists(page: str) -> None:
    makefile = (PROJECT / "Makefile").read_text()
    for span in spans(PAGES[page]):
        for target in re.findall(r"(?<!\S)make ([a-z-]+)", span):
            assert re.search(rf"^{target}:.*##", makefile, re.MULTILINE), span


def test_every_setting_in_capitals_is_read_somewhere() -> None:
    known = "\n".join(
        (PROJECT / name).read_text(errors="replace")
        for name in SOURCES
        if not name.endswith((".md", ".txt")) and (PROJECT / name).is_file()
    )
    for page, text in OF_TODAY.items():
        for name in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", " ".join(spans(text))):
            assert name in known or name.startswith(OTHERS), (page, name)


def test_every_guard_that_can_be_skipped_is_documented_and_no_other() -> None:
    table = PAGES["docs/guards.md"].partition("## Guards that `--allow` skips")[2]
    rows = re.findall(r"^\| `([a-z-]+)` \|(.*)\|$", table.partition("\n## ")[0], re.MULTILINE)
    assert tuple(name for name, _ in rows) == get_args(Allowance)
    for name, rest in rows:
        against, when, skipped = (cell.strip() for cell in rest.split("|"))
        assert min(len(against), len(when), len(skipped)) > 10, name


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("guards", f"more than {CLOCKS_APART.total_seconds() / 3600:.0f} hour".replace("1", "an")),
        ("guards", f"over a {({0.25: 'quarter'})[REMOVED_SHARE]} of all"),
        ("guards", f"less than {({0.5: 'half'})[SHRUNK_TO]} of its bytes"),
        ("guards", f"again {REMOVAL_WAIT / 60:.0f} minutes later"),
        ("guards", f"under {SETTLED_AGE.total_seconds() / 60:.0f} minutes old"),
        ("surveys", f"{SURVEYS_AT_ONCE} surveys are under way at a time"),
        ("surveys", f"up to\n  {SHARD_BYTES >> 30} GiB and {SHARD_FILES} files"),
        ("surveys", f"row groups\nof {ROW_GROUP:,} rows"),
        ("surveys", f"text of over {observations.LARGEST_TEXT >> 20} MiB"),
        ("surveys", f"lapses after {({1.0: 'an hour'})[STALE.total_seconds() / 3600]}"),
        ("report", f"up to {SHOWN} in each group, {MOST_RANKED} in all"),
        ("report", f"newest {LISTED} `withdrawn`"),
        ("report", f"series file over {catalogue.LARGEST >> 20} MiB"),
        ("report", f"over {report_content.LARGEST_COMPARED >> 20} MiB"),
        ("performance", f"over {report_folders.HASHED >> 20} MiB together"),
        ("reliability", f"payload has at most {SMALL_BODY >> 20} MiB"),
    ],
)
def test_a_number_is_the_codes(page: str, said: str) -> None:
    words = " ".join(PAGES[f"docs/{page}.md"].split())
    assert " ".join(said.split()) in words


def test_the_newest_released_version_is_this_one_and_the_next_has_begun() -> None:
    headings = re.findall(r"^## (.*)", PAGES["CHANGELOG.md"], re.MULTILINE)
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert headings[0] == "Unreleased"
    versions, days = zip(*(heading.split(" - ") for heading in headings[1:]), strict=True)
    assert project["version"] == __version__ == versions[0]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions)
    assert list(days) == sorted(days, reverse=True)
