"""The command that tells every value that one number ever had."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import polars as pl
import pytest

from blsquest import Lake
from blsquest.products.history import trace
from blsquest.products.tables import make_tables
from tests.support.commands import Commands, Ended
from tests.support.lakes import PR, recorded
from tests.support.pasts import CURRENT, TITLE, Past, data
from tests.support.surveys import Surveys, rows, table

ALL_STATES = ("2.AllStatesU", (2004, "M12"), ["5.8"])
KEPT = ("PRS2", 2024, "Q01", "7", "")


@pytest.fixture
def history(command: Commands, past: Past) -> Callable[..., Ended]:
    """Run `blsquest history` on the lake."""
    return lambda *arguments: command("history", *arguments, "--lake", past.store.url)


@pytest.fixture
def storied(past: Past) -> Past:
    """A number that is absent, published, noted, revised, unchanged, removed and back again."""
    first = ("PRS1", 2023, "Q04", "9", "")
    for release in (
        [first],
        [first, ("PRS1", 2024, "Q01", "1.50", "")],
        [first, ("PRS1", 2024, "Q01", "1.5", "P")],
        [first, ("PRS1", 2024, "Q01", "-0.25", "R")],
        [first, ("PRS1", 2024, "Q01", "-0.25", "R"), ("PRS1", 2024, "Q02", "-", "")],
        [KEPT],
        [("PRS1", 2024, "Q01", "1.5", "")],
    ):
        past.release(Current=data(*release))
    return past


def test_each_value_has_its_time_its_generation_and_its_release(
    storied: Past, history: Callable[..., Ended]
) -> None:
    done = history("PRS1", "2024", "Q01", "--json")

    assert done.code == 0
    printed = json.loads(done.out)
    assert (printed["title"], printed["unit"], printed["file"]) == (
        TITLE,
        "index (2017=100)",
        CURRENT,
    )
    assert [
        (v["value"], v["footnotes"], v["from"][:10], (v["to"] or "now")[:10], v["generation"])
        for v in printed["values"]
    ] == [
        ("1.50", "", "2025-02-01", "2025-03-01", 2),
        ("1.50", "P", "2025-03-01", "2025-04-01", 3),
        ("-0.25", "R", "2025-04-01", "2025-06-01", 4),
        (None, "", "2025-06-01", "2025-07-01", 6),
        ("1.50", "", "2025-07-01", "now", 7),
    ]
    assert [v["present"] for v in printed["values"]] == [True, True, True, False, True]
    assert printed["values"][0]["released"] == "Sat, 01 Feb 2025 11:00:00 GMT"


def test_people_read_a_table_with_the_series_in_words(
    storied: Past, history: Callable[..., Ended]
) -> None:
    lines = history("PRS1", "2024", "q01").out.splitlines()

    assert lines[0] == f"PRS1, 1st quarter 2024 (generated sample), {CURRENT}"
    assert lines[1] == TITLE, "which says the unit already"
    header = "from (UTC)  to (UTC)  value  notes  generation  released (UTC)"
    assert lines[3].split() == header.split()
    assert lines[4].startswith("2025-02-01 12:00  2025-03-01 12:00     1.50")
    assert "removed" in lines[7]
    assert lines[8].startswith("2025-07-01 12:00  now ")
    storied.release(Current=data(("PRS9", 2024, "Q01", "1", "")))
    assert "survey does not say what the series is" in history("PRS9", "2024", "Q01").out


def test_the_matrix_has_a_row_an_observation_and_a_column_a_vintage(
    storied: Past, history: Callable[..., Ended], tmp_path: Path
) -> None:
    for name in ("m.csv", "m.parquet"):
        done = history("PRS1", "2024", "Q01", "--matrix", str(tmp_path / name))
        assert done.err == f"The whole series, observation by vintage: {tmp_path / name}\n"
        assert name not in done.out
        assert done.code == 0

    text = (tmp_path / "m.csv").read_text("utf-8-sig").splitlines()
    assert [cell[:10] for cell in text[0].split(",")] == [
        "year",
        "period",
        *(f"2025-{month:02}-01" for month in range(1, 8)),
    ]
    assert text[1:] == [
        "2023,Q04,9.00,9.00,9.00,9.00,9.00,,",
        "2024,Q01,,1.50,1.50,-0.25,-0.25,,1.50",
        "2024,Q02,,,,,,,",
    ]
    same = pl.read_csv(StringIO("\n".join(text)))
    exact = pl.read_parquet(tmp_path / "m.parquet")
    assert exact.columns == same.columns
    assert (
        exact.select(pl.col(pl.Decimal).cast(pl.Float64)).rows()
        == same.drop("year", "period").cast(pl.Float64).rows()
    )


def test_each_vintage_is_read_once_however_many_generations_have_it(past: Past) -> None:
    same = data(("PRS1", 2024, "Q01", "1", ""))
    for note in ("a", "b", "c"):
        past.release(Current=same, txt=note)
    past.release(Current=data(("PRS1", 2024, "Q01", "2", "")))
    past.release(Current=same)
    watched, calls = recorded(past.store, "open")

    traced, vintages = trace(watched, PR, CURRENT, "PRS1", 2024, "Q01")

    opened = [key for _, key in calls if CURRENT in key]
    assert len(opened) == len(set(opened)) == 2
    assert [v.generation for v in vintages] == [1, 4, 5]
    assert [str(v.value) for v in traced.values] == ["1.000000000", "2.000000000", "1.000000000"]


def test_a_line_of_the_series_that_makes_no_sense_is_refused_and_another_series_is_not(
    past: Past, history: Callable[..., Ended]
) -> None:
    past.release(Current=data(KEPT, ("PRS1", 2024, "Q01", "n/a", "")))

    broken = history("PRS1", "2024", "Q01")

    assert broken.code == 3
    assert "value is 'n/a'" in broken.err
    assert history("PRS2", "2024", "Q01").code == 0


def test_a_release_that_is_no_data_file_is_called_unreadable_and_no_removal(
    past: Past, history: Callable[..., Ended], tmp_path: Path
) -> None:
    good = data(("PRS1", 2024, "Q01", "1", ""))
    for body in (good, good.replace("\t", ","), good + "PRS2\n", good):
        past.release(Current=body)

    printed = json.loads(history("PRS1", "2024", "Q01", "--json").out)
    shown = history("PRS1", "2024", "Q01", "--matrix", str(tmp_path / "m.csv")).out

    assert [(v["present"], v["value"], v["generation"]) for v in printed["values"]] == [
        (True, "1", 1),
        (None, None, 2),
        (True, "1", 3),
    ], "another series' lines don't matter"
    ((generation, why),) = (u.values() for u in printed["unreadable"])
    assert generation == 2
    assert "has no column series_id" in why
    assert "unreadable" in shown
    assert f"Generation 2 can't be read: {CURRENT} has no column series_id" in shown
    assert len((tmp_path / "m.csv").read_text().splitlines()[0].split(",")) == 2 + 3
    other = history("PRS1", "2023", "Q04")
    assert "as far as it can be read: generation 2 can't be" in other.err


@pytest.mark.parametrize("line", ["PRS2\t2024\tQ01\r\n", "<html>gone</html>\r\n", "\r\n" + "a\r\n"])
def test_a_file_without_the_series_is_believed_only_if_its_lines_have_the_headers_cells(
    past: Past, history: Callable[..., Ended], line: str
) -> None:
    past.release(Current=data(("PRS1", 2024, "Q01", "1", "")))
    past.release(Current=data(KEPT) + line)
    past.release(Current=data(KEPT) + "\r\n")

    printed = json.loads(history("PRS1", "2024", "Q01", "--json").out)

    assert [(v["present"], v["generation"]) for v in printed["values"]] == [
        (True, 1),
        (None, 2),
        (False, 3),
    ]
    assert [u["generation"] for u in printed["unreadable"]] == [2]


def test_bytes_that_are_no_text_in_another_series_lines_keep_nothing_from_being_read(
    past: Past, history: Callable[..., Ended]
) -> None:
    for value in ("1", "2"):
        text = data(("PRS1", 2024, "Q01", value, ""), ("PRS2", 2024, "Q01", "?", ""))
        past.release(Current=text.encode().replace(b"?", b"\xff"))

    printed = json.loads(history("PRS1", "2024", "Q01", "--json").out)

    assert [(v["value"], v["generation"]) for v in printed["values"]] == [("1", 1), ("2", 2)]
    assert printed["unreadable"] == []


STATES = {
    "series": table(
        "series_id|measure_code|series_title",
        "LASST06003|03|Unemployment Rate: California (S)",
        "LAUST06003|03|Unemployment Rate: California (U)",
        "LAUST06004|04|Unemployment: California (U)",
        "LAUST07003|03|Unemployment Rate: Nowhere (U)",
    ),
    "footnote": table("footnote_code|footnote_text", "P|Preliminary.", "R|Revised."),
    "data.1.CurrentS": rows(("LASST06003", 2005, "M01", "5.4", "")),
    "data.0.CurrentU00-04": rows(
        ("LAUST06003", 2004, "M11", "5.6", ""),
        ("LAUST06003", 2004, "M12", "5.7", ""),
        ("LAUST06003", 2004, "M13", "6.2", ""),
    ),
    "data.0.CurrentU05-09": rows(
        ("LAUST06003", 2005, "M01", "6.0", "P"), ("LAUST06003", 2005, "M02", "-", "")
    ),
    "data.2.AllStatesU": rows(
        ("LAUST06003", 2003, "M13", "6.8", ""), ("LAUST06003", 2004, "M12", "5.8", "")
    ),
}


@pytest.fixture
def states(surveys: Surveys) -> Surveys:
    """Two releases of `la`, whose series lie in several files; and a survey beside it."""
    surveys.take("pr", {"data.0.Current": rows(("PRS1", 2024, "Q01", "1", ""))})
    surveys.take("la", STATES)
    revised = rows(("LAUST06003", 2005, "M01", "6.1", "R"), ("LAUST06003", 2005, "M02", "-", ""))
    surveys.take("la", STATES | {"data.0.CurrentU05-09": revised}, month=2)
    return surveys


@pytest.mark.parametrize(
    ("arguments", "file", "at", "values"),
    [
        (("LASST06003",), "1.CurrentS", (2005, "M01"), ["5.4"]),
        (("laust06003 ",), "0.CurrentU05-09", (2005, "M01"), ["6.0", "6.1"]),
        (("LAUST06003", "2004"), "0.CurrentU00-04", (2004, "M12"), ["5.7"]),
        (("LAUST06003", "--year", "2003"), "2.AllStatesU", (2003, "M13"), ["6.8"]),
        (("LAUST06003", "--period", "m12"), "0.CurrentU00-04", (2004, "M12"), ["5.7"]),
        (("LAUST06003", "2005", "M02"), "0.CurrentU05-09", (2005, "M02"), [None]),
        (("LAUST06003", "2004", "--data-file", "la.data.2.AllStatesU"), *ALL_STATES),
        (("PRS1",), "0.Current", (2024, "Q01"), ["1"]),
    ],
)
@pytest.mark.parametrize("tabled", [False, True])
def test_the_survey_the_file_and_the_newest_period_are_found_from_the_series(
    command: Commands,
    states: Surveys,
    arguments: tuple[str, ...],
    file: str,
    at: tuple[int, str],
    values: list[str | None],
    *,
    tabled: bool,
) -> None:
    if tabled:
        make_tables(states.store, "bls/la")

    done = command("history", *arguments, "--json", "--lake", states.store.url)

    assert done.code == 0, done.err
    printed = json.loads(done.out)
    assert printed["file"].split(".", 2)[2] == file
    assert (printed["year"], printed["period"]) == at
    assert [value["value"] for value in printed["values"]] == values


def test_footnotes_are_shown_in_words_and_as_codes(command: Commands, states: Surveys) -> None:
    done = command("history", "LAUST06003", "--lake", states.store.url)
    printed = Lake(states.store.url).history("laust06003")

    assert "Unemployment Rate: California (U) [percent]" in done.out
    assert "P: Preliminary" in done.out
    assert "R: Revised" in done.out
    assert printed.select("footnotes", "notes").rows() == [
        ("P", "P: Preliminary"),
        ("R", "R: Revised"),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("CUUR0000SA0",), ("holds la, pr", "blsquest mirror --survey cu")),
        (("?",), ("holds la, pr", "begins with its survey's code")),
        (("LAUST07003",), ("LAUST07003 is in the survey's series file, and no data file",)),
        (
            ("LAUST06",),
            ("near it: LAUST06003 (Unemployment Rate: California (U))", "--survey la"),
        ),
        (("nowhere", "--survey", "la"), ("near it: LAUST07003 (Unemployment Rate: Nowhere (U))",)),
        (("LAUST06003", "2005", "Q01"), ("never had an observation 2005 Q01 in any data file",)),
        (("LAUST06003", "--data-file", "la.data.1.CurrentS"), ("Leave --data-file away",)),
        (("LAUST06003", "--data-file", "la.series"), ("data file la.series", "2.AllStatesU (2003")),
        (
            ("LAUST06003", "--data-file", "cu.data.0.Current"),
            ("la.data.2.AllStatesU (2003-2004, 1 series)",),
        ),
        (("PRS1", "1999", "Q01"), ("never had an observation 1999 Q01", "from 2024 to 2024")),
        (("PRS1", "2024", "M07"), ("2024 M07", "In pr.data.0.Current it has Q01")),
        (("PRS1", "--survey", "zz"), ("no generation of bls/zz", "Mirror it")),
        (("PRS1", "--matrix", "no/such/m.csv"), ("can't be written",)),
    ],
)
def test_an_unknown_series_file_or_period_is_refused_with_what_is_near(
    command: Commands, states: Surveys, arguments: tuple[str, ...], said: tuple[str, ...]
) -> None:
    done = command("history", *arguments, "--lake", states.store.url)
    assert done.code == 2
    for words in said:
        assert words in done.err


def test_a_series_that_is_in_no_newest_file_is_found_in_the_past(
    command: Commands, states: Surveys, monkeypatch: pytest.MonkeyPatch
) -> None:
    states.take("la", STATES | {"data.0.CurrentU05-09": STATES["data.0.CurrentU00-04"]}, month=3)
    gone = {name: text for name, text in STATES.items() if "U" not in name}
    states.take("la", gone, month=4)

    found = command("history", "LAUST06003", "2005", "M01", "--json", "--lake", states.store.url)
    monkeypatch.setattr("blsquest.products.history.PAST", 10)
    missed = command("history", "LAUST06003", "2005", "M01", "--lake", states.store.url)

    assert [v["value"] for v in json.loads(found.out)["values"]] == ["6.0", "6.1", None]
    assert missed.code == 2
    assert "not all past vintages were searched" in missed.err


def test_a_survey_without_data_files_has_no_history(command: Commands, surveys: Surveys) -> None:
    surveys.take("hs", {"data.type": table("data_type_code|data_type_text", "1|x")})
    done = command("history", "HSU1", "--lake", surveys.store.url)
    assert (done.code, "has no data file at all" in done.err) == (2, True)
