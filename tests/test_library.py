"""The library's public face, on a lake with two releases; and its page, docs/library.md."""

import re
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from shutil import copytree
from typing import Any

import polars as pl
import pytest

from blsquest import Lake
from blsquest.core.errors import Corrupt, Misuse
from blsquest.lake.stores.directory import DirectoryStore
from blsquest.products.question import Request
from blsquest.products.report import make_report
from blsquest.sources.sample.server import SampleServer
from tests.conftest import FreshStore
from tests.support.lakes import Clock, contents, mirror, recorded, take_population
from tests.support.s3_servers import S3Server

PAGE = Path(__file__).parents[1] / "docs" / "library.md"
SERIES = "PRS30006032"
FIRST, SECOND = (datetime(2025, month, 7, 14, tzinfo=UTC) for month in (2, 3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of both sample releases, a month apart, with a report on the newest state."""
    store = DirectoryStore(tmp_path_factory.mktemp("library") / "lake")
    clock = Clock()
    with SampleServer() as server:
        for release, moment in ((1, FIRST), (2, SECOND)):
            clock.moment = moment
            server.publish(release)
            take_population(server, store, clock)
            mirror(server, store, clock)
    make_report(store, Request(), now=lambda: SECOND)
    return Path(store.url)


@pytest.fixture
def lake(folder: Path) -> Lake:
    return Lake(folder)


def test_opening_a_lake_asks_nobody_anything_and_imports_nothing_slow(tmp_path: Path) -> None:
    code = (
        "import sys; from blsquest import Lake; Lake('./lake'); Lake('s3://nobody/nowhere')\n"
        "print(sorted({'polars', 's3fs', 'boto3', 'prefect'} & sys.modules.keys()))"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["lake", "ftp://host/lake", "s3://", "s3://key:secret@bucket/x"])
def test_what_is_no_address_is_refused_without_its_secret(where: str) -> None:
    with pytest.raises(Misuse) as refused:
        Lake(where)
    assert "secret" not in str(refused.value)


def test_generations_say_when_each_state_came_and_what_it_changed(lake: Lake) -> None:
    first, second = lake.generations("pr").iter_rows(named=True)
    assert (first["generation"], first["committed"], first["added"]) == (1, FIRST, 12)
    assert (second["committed"], second["changed"], second["removed"]) == (SECOND, 2, 1)
    assert second["sample"] is True


@pytest.mark.parametrize(
    ("as_of", "generation"),
    [
        (None, 2),
        (1, 1),
        ("1", 1),
        ("2025-02-07", 1),
        (date(2025, 2, 7), 1),
        (SECOND, 2),
        ("2025-03-07T13:59:59Z", 1),
    ],
)
def test_a_state_is_named_by_number_day_or_time(lake: Lake, as_of: Any, generation: int) -> None:
    assert lake.state(as_of) == {"pr": generation, "census": 1}
    names = lake.files("pr", as_of)["name"].to_list()
    assert ("pr.notice" in names) == (generation == 2)


def test_a_state_that_the_lake_does_not_have_names_those_it_has(lake: Lake) -> None:
    for as_of, said in ((3, "it has 1 to 2"), ("2025-01-01", "2025-02-07T14"), ("x", "not a date")):
        with pytest.raises(Misuse, match=said):
            lake.files("pr", as_of)
    with pytest.raises(Misuse, match="lies in the future"):
        lake.files("pr", "2999-01-01")


def test_observations_are_exact_and_those_of_their_state(lake: Lake) -> None:
    def value(as_of: int) -> Decimal:
        rows = lake.observations("pr", as_of).filter(series_id=SERIES, year=2024, period="Q01")
        found: Decimal = rows.collect().item(0, "value")
        return found

    assert (value(1), value(2)) == (Decimal("6.1"), Decimal("5.7"))
    complete = lake.observations("pr", data_file="pr.data.1.AllData").select(pl.len()).collect()
    assert complete.item() > lake.observations("pr").select(pl.len()).collect().item()
    with pytest.raises(Misuse, match=r"pr\.data\.0\.Current \(1995-2024, 108 series\)"):
        lake.observations("pr", data_file="pr.series")


def test_population_catalogue_and_history_are_frames(lake: Lake) -> None:
    assert lake.population().columns == ["year", "population"]
    found = lake.series("pr", words=["UNIT labor", "index"])
    assert found.height > 0
    assert all("Unit labor costs" in title for title in found["title"])
    rows = lake.history(SERIES, 2024, "Q01").select("value", "since", "until", "generation").rows()
    assert rows == [(Decimal("6.1"), FIRST, SECOND, 1), (Decimal("5.7"), SECOND, None, 2)]


def test_revisions_are_what_one_state_changed_of_another(lake: Lake) -> None:
    found = lake.revisions("pr")
    assert found.equals(lake.revisions("pr", 2, since=1))
    (row,) = found.filter(file="pr.data.0.Current", series_id=SERIES, year=2024, period="Q01").rows(
        named=True
    )
    assert (row["old_value"], row["new_value"]) == (Decimal("6.1"), Decimal("5.7"))
    with pytest.raises(Misuse, match="nothing lies before"):
        lake.revisions("pr", 1)


def test_a_report_is_read_and_another_is_worked_out_without_writing(
    lake: Lake, tmp_path: Path
) -> None:
    before = contents(lake.store)
    newest, earlier = lake.report("pr"), lake.report("pr", as_of=1)
    assert newest.keys() == earlier.keys()
    assert not newest["best_year"].equals(earlier["best_year"])
    assert newest["checks"].filter(required=True)["passed"].all()
    assert lake.report("pr", as_of=2)["best_year"].equals(newest["best_year"])
    other = lake.report("pr", series="PRS30006092", period="Q02", first_year=2015)
    pairs = other["series_population"].select("series_id", "period").unique()
    assert pairs.rows() == [("PRS30006092", "Q02")]
    assert other["population_statistics"].item(0, "first_year") == 2015
    assert contents(lake.store) == before
    with pytest.raises(Misuse, match="do not lie within 1900 to 2100"):
        lake.report("pr", last_year=30_000_000)
    with pytest.raises(Misuse, match="blsquest report --survey cu"):
        Lake(tmp_path).report("cu")


def test_a_download_is_the_publishers_bytes_or_an_error(lake: Lake, tmp_path: Path) -> None:
    target = lake.download("pr", "pr.class", tmp_path / "copy", as_of=1)
    assert target.read_bytes().startswith(b"class_code")
    with pytest.raises(Misuse, match=r"has no file pr\.nothing"):
        lake.download("pr", "pr.nothing", target)
    for nowhere in (tmp_path, tmp_path / "no" / "folder", target / "below", "a\0b", "x" * 999):
        with pytest.raises(Misuse, match="can't be written: "):
            lake.download("pr", "pr.class", nowhere)


def test_words_are_words_whether_in_one_text_or_in_several(lake: Lake) -> None:
    found = lake.series("pr", words="unit labor costs")
    assert 0 < found.height < lake.series("pr").height
    assert found.equals(lake.series("pr", words=("unit", "labor", "costs")))


@pytest.mark.parametrize("survey", ["", "PR", "../pr", "p"])
def test_what_is_no_survey_s_code_is_refused(lake: Lake, survey: str) -> None:
    with pytest.raises(Misuse, match="is not the code of a BLS survey"):
        lake.files(survey)


def test_the_population_has_no_report_of_its_own(lake: Lake) -> None:
    with pytest.raises(Misuse, match="The population has no report of its own"):
        lake.report("census")


def test_altered_bytes_are_an_error_and_never_an_answer(folder: Path, tmp_path: Path) -> None:
    lake = Lake(copytree(folder, tmp_path / "copy"))
    key = lake.files("pr").filter(name="pr.class").item(0, "key")
    (tmp_path / "copy" / key).chmod(0o644)
    (tmp_path / "copy" / key).write_bytes(b"other")
    with pytest.raises(Corrupt, match="was altered"):
        lake.download("pr", "pr.class", tmp_path / "x")


def test_the_files_of_a_state_take_three_requests(lake: Lake) -> None:
    lake.store, asked = recorded(lake.store, "list", "read", "open")
    lake.files("pr")
    assert [verb for verb, _ in asked] == ["list", "read", "read"]


def test_a_bucket_is_read_with_the_credentials_that_are_given(
    fresh_store: FreshStore, moto_s3: S3Server
) -> None:
    store = fresh_store("moto")
    with SampleServer() as server:
        mirror(server, store)
    lake = Lake(
        store.url,
        key=moto_s3.key,
        secret=moto_s3.secret,
        region="us-east-1",
        endpoint_url=moto_s3.endpoint,
    )
    assert moto_s3.secret not in repr(lake)
    assert lake.surveys() == ["pr"]
    assert lake.observations("pr").select(pl.len()).collect().item() > 0


def test_the_pages_examples_run(folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "lake").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(examples) > 5
    names: dict[str, Any] = {}
    for example in examples:
        exec(compile(example, str(PAGE), "exec"), names)  # noqa: S102 - the project's own page
    assert names["answers"]["best_year"].height > 0
    assert (tmp_path / "pr.class").is_file()


def test_the_page_shows_every_method() -> None:
    methods = {name for name in vars(Lake) if not name.startswith("_")}
    shown = set(re.findall(r"lake\.(\w+)\(", PAGE.read_text()))
    assert methods == shown


def test_the_reports_page_names_columns_that_its_files_have(lake: Lake) -> None:
    answers = lake.report("pr")
    page = PAGE.with_name("report.md").read_text()
    rows = re.findall(r"^\| `(\w+)\.parquet` \| \w+ \| (.*) \|$", page, re.MULTILINE)
    assert {name for name, _ in rows} | {"checks"} == answers.keys()
    for name, row in rows:
        assert set(re.findall(r"`([a-z_]+)`", row)) - {"pr"} <= set(answers[name].columns)
