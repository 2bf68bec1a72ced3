"""The commands that only read a lake: status, series, releases, revisions and history."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blsquest.lake.keys import manifest_key
from blsquest.lake.log import ManifestLog
from blsquest.products.question import Request
from blsquest.products.report import make_report
from tests.support.commands import PROJECT
from tests.support.lakes import TO_RELEASE_2, contents, mirror
from tests.support.pasts import CURRENT, Past, data

if TYPE_CHECKING:
    from tests.support.commands import Commands, Ended

FIRST = ("PRS1", 2024, "Q01", "1.5", "")
REVISED = ("PRS1", 2024, "Q01", "1.75", "R")


@pytest.fixture
def sample(past: Past) -> Past:
    """Both releases of the generated sample."""
    mirror(past.server, past.store)
    past.server.publish(2)
    mirror(past.server, past.store)
    return past


def status(command: Commands, past: Past) -> dict[str, str]:
    found = json.loads(command("status", "--lake", past.store.url, "--json").out)
    return {one["source"]: one["report"] for one in found}


def test_status_shows_each_source_its_last_change_and_whether_a_report_is_due(
    command: Commands, past: Past
) -> None:
    nothing = command("status", "--lake", past.store.url)
    assert (nothing.code, nothing.out) == (2, "")
    assert f"There is no lake at {past.store.url}: it holds no manifest." in nothing.err
    past.release(Current=data(FIRST))
    assert status(command, past) == {"bls/pr": "none"}
    past.take_population()
    assert status(command, past) == {"bls/pr": "due", "census": ""}
    folder = make_report(past.store, Request(series="PRS1")).folder
    past.release(Current=data(FIRST), txt="restamped")

    ended = command("status", "--lake", past.store.url)

    url, _, pr, census, _ = ended.out.splitlines()
    assert (ended.code, url) == (0, past.store.url)
    assert pr.split()[:3] == ["bls/pr", "(sample)", "2"]
    assert "2025-02-01 12:00, generation 2" in pr
    assert census.split()[:3] == ["census", "(sample)", "1"]
    assert folder.startswith("analytics/")


def test_status_shows_what_the_newest_files_take_and_what_all_vintages_do(
    command: Commands, sample: Past
) -> None:
    newest = ManifestLog(sample.store, "bls/pr").newest().manifest
    vintages = sample.store.list("vintages/")
    now, kept = sum(file.size for file in newest.files), sum(one.size for one in vintages)
    assert 0 < now < kept

    shown = command("status", "--lake", sample.store.url).out.splitlines()
    (row,) = json.loads(command("status", "--lake", sample.store.url, "--json").out)

    assert f" {now:,} " in shown[2]
    assert f" {kept:,} " in shown[2]
    assert shown[-1] == f"kept in all: {len(vintages)} vintages, {kept:,} bytes"
    assert (row["bytes"], row["vintages"], row["vintage_bytes"]) == (now, len(vintages), kept)

    # A report is due again after a change.
    sample.take_population()
    folder = make_report(sample.store, Request()).folder
    assert status(command, sample)["bls/pr"] == folder

    sample.server.publish(1)
    mirror(sample.server, sample.store)

    assert status(command, sample)["bls/pr"] == f"{folder} (due)"


@pytest.mark.parametrize("lost", [(2,), (1, 2)], ids=["its end", "the log"])
@pytest.mark.parametrize("name", ["status", "tables"])
def test_a_log_that_lost_its_end_or_all_is_refused(
    command: Commands, sample: Past, lost: tuple[int, ...], name: str
) -> None:
    for number in lost:
        sample.store.delete(manifest_key("bls/pr", number))
    before = contents(sample.store)
    ended = command(name, "--lake", sample.store.url)
    assert ended.code == 3
    assert "Restore" in ended.err
    assert contents(sample.store) == before


def test_output_that_a_full_disk_can_t_take_is_an_error_of_one_line(sample: Past) -> None:
    command = [sys.executable, "-m", "flows", "releases", "--lake", sample.store.url]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, cwd=PROJECT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "Failed: The output can't be written: No space left on device.\n"


def test_series_are_found_by_words_in_any_order_and_case(command: Commands, sample: Past) -> None:
    at = ("--lake", sample.store.url)

    ended = command("series", "HOURS worked", "manufacturing", "index", *at)
    found = json.loads(command("series", "PRS30006032", *at, "--json").out)

    assert ended.code == 0
    assert ended.out.splitlines()[0].split("  ")[0] == "series"
    assert all("Hours worked, index" in line for line in ended.out.splitlines()[1:])
    assert [row["series_id"] for row in found] == ["PRS30006032"]
    assert len(command("series", *at).out.splitlines()) == 1 + 108
    assert (
        "holds no survey that 'LNS14000000' could be of"
        in command("series", "LNS14000000", *at).err
    )
    none = command("series", "no such thing", *at)
    assert (none.code, none.out) == (2, "")
    assert "No series of pr is described by 'no such thing'" in none.err


def test_releases_are_listed_with_their_time_and_new_content_first(
    command: Commands, past: Past
) -> None:
    past.release(Current=data(FIRST))
    past.release(Current=data(REVISED))
    past.take_population()

    people = command("releases", "--survey", "census", "--lake", past.store.url).out.splitlines()
    source, header, *lines = command("releases", "--lake", past.store.url).out.splitlines()

    assert source == "bls/pr (generated sample)"
    assert header.split("  ")[0] == "generation"
    first, second = (line.split(maxsplit=4) for line in lines)
    assert first[:4] == ["1", "2025-01-01", "12:00", "7"]
    assert first[4] == f"7 added: pr.class, {CURRENT}, pr.duration and 4 more"
    assert second[:4] == ["2", "2025-02-01", "12:00", "7"]
    assert second[4].startswith(f"1 changed, 6 restamped: {CURRENT}, pr.class, ")
    assert people[0] == "census (generated sample)"
    assert people[2].endswith("1 added: census.json")


def test_json_names_every_change_of_a_release(command: Commands, sample: Past) -> None:
    _, second = json.loads(command("releases", "--lake", sample.store.url, "--json").out)

    assert second["changes"] == TO_RELEASE_2
    assert (second["generation"], second["sample"]) == (2, True)


def test_revisions_are_between_two_states_named_by_generation_or_date(
    command: Commands, past: Past
) -> None:
    for row in (FIRST, REVISED, FIRST):
        past.release(Current=data(row))
    at = ("--lake", past.store.url)

    newest = command("revisions", *at)
    between = command("revisions", *at, "--from", "2025-01-20", "--to", "2025-02-20", "--json")

    assert "From generation 2 (2025-02-01) to generation 3 (2025-03-01)" in newest.out
    assert "Kept in" in newest.out
    assert json.loads(between.out)["revisions"]["to"]["generation"] == 2


def test_a_survey_s_code_may_be_typed_in_capitals_and_the_lake_be_in_the_environment(
    command: Commands, sample: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE", sample.store.url)

    ended = command("history", "PRS30006032", 2024, "q01", "--survey", "PR")

    assert ended.code == 0
    assert ended.out.startswith("PRS30006032, 1st quarter 2024 (generated sample), pr.data.0")
    assert "6.1" in ended.out


def test_a_history_takes_a_year_and_a_month_in_one_word_and_writes_its_times_in_one_form(
    command: Commands, past: Past
) -> None:
    past.release(Current=data(("PRS1", 2023, "M12", "1.5", "")))

    ended = command("history", "PRS1", "2023-12", "--lake", past.store.url)

    assert ended.out.startswith("PRS1, December 2023 ")
    header, line = ended.out.splitlines()[3:5]
    assert header.split("  ")[-1].strip() == "released (UTC)"
    assert re.search(r" [0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}$", line)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("releases --survey zz", "no generation of bls/zz yet"),
        ("series --survey zz", "make live SURVEY=zz"),
        ("history PRS1 2024 Q01 --survey zz", "no generation of bls/zz"),
        ("history PRS1 2024 Q01 --matrix m.xls", "neither a .csv nor a .parquet"),
        ("revisions --survey zz", "no generation of bls/zz yet"),
        ("revisions --to 1", "is the lake's first"),
        ("revisions --from 2020-01-01", "lies before the first generation"),
        ("revisions --from yesterday", "not a date, time or generation"),
        ("revisions --to 2999-01-01", "lies in the future"),
        ("revisions --to 9", "no generation 9"),
        ("status --lake nowhere", "Did you mean ./nowhere?"),
    ],
)
def test_what_is_not_in_the_lake_is_a_usage_error_in_one_line(
    command: Commands, past: Past, monkeypatch: pytest.MonkeyPatch, arguments: str, words: str
) -> None:
    past.release(Current=data(FIRST))
    monkeypatch.setenv("LAKE", past.store.url)

    ended: Ended = command(*arguments.split())

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("Error: ")
    assert words in ended.err
