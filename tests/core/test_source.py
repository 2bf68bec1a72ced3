"""Which of a survey's files are data files, and which of them it is answered from."""

from collections import defaultdict
from pathlib import Path

import pytest

from blsquest.core.source import is_data_file, main_data_file


@pytest.mark.parametrize(
    ("files", "main"),
    [
        ({"0.Current": 5, "1.AllData": 9}, "0.Current"),
        ({"7.Anything": 5}, "7.Anything"),
        ({"1.AllData": 9, "2.Part": 5}, "1.AllData"),
        ({"0.AllCESSeries": 9, "02b.AllRealEarningsAE": 3, "Goog": 1}, "0.AllCESSeries"),
        ({"1.AllItems": 2, "2.Summaries": 9}, None),
        ({"2.AllStatesU": 9, "3.AllStatesS": 9}, None),
        ({"0.CurrentU00-04": 9, "0.CurrentU05-09": 9, "1.CurrentS": 2}, "1.CurrentS"),
        ({"1.CurrentSeasAE": 9, "2.CurrentSeasPWWW": 8, "4.HistorySeasAE": 9}, None),
        ({"1.1976to1980": 5, "2.1981to1984": 5, "type": 1}, None),
        ({"1.1976to1980": 5, "type": 9}, "1.1976to1980"),
        ({}, None),
    ],
)
def test_the_main_data_file_is_known_by_its_name(files: dict[str, int], main: str | None) -> None:
    sizes = {f"xx.data.{part}": size for part, size in files.items()} | {"xx.series": 10**9}
    assert main_data_file("xx.data.", sizes) == (main and f"xx.data.{main}")


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("hs.data.1.1976to1980", True),
        ("hs.data.Goog", True),
        ("hs.data.00a.TotalNonfarm.Employment", True),
        ("hs.data.7", True),
        ("hs.data.type", False),
        ("hs.data.labor.force", False),
        ("hs.datatype", False),
        ("hs.series", False),
    ],
)
def test_a_code_table_with_a_dotted_name_is_no_data_file(name: str, *, is_one: bool) -> None:
    assert is_data_file("hs.data.", name) is is_one


def test_of_all_real_surveys_only_those_in_pieces_have_no_main_data_file(
    shared_data: Path,
) -> None:
    surveys: dict[str, dict[str, int]] = defaultdict(dict)
    for line in (shared_data / "surveys" / "file-names-2025-11.tsv").read_text().splitlines():
        name, size = line.split("\t")
        number, unit = size.split()
        surveys[name[:2]][name] = int(float(number) * {"KB": 1 << 10, "MB": 1 << 20}[unit])
    main = {code: main_data_file(f"{code}.data.", sizes) for code, sizes in surveys.items()}

    assert len(main) == 58
    assert sorted(code for code, name in main.items() if name is None) == ["ee", "hs"]
    named = {code: name.removeprefix(f"{code}.data.") for code, name in main.items() if name}
    usual = {"0.Current", "1.AllData"}
    assert {code: name for code, name in named.items() if name not in usual} == {
        "ce": "0.AllCESSeries",
        "la": "1.CurrentS",
    }
    data = [n for code, sizes in surveys.items() for n in sizes if n.startswith(f"{code}.data.")]
    tables = [name for name in data if not is_data_file(f"{name[:2]}.data.", name)]
    assert sorted(tables) == ["hs.data.type", "sh.data.type"]
