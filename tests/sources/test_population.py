import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from blsquest.core.errors import Refused
from blsquest.sources.population import read_population
from blsquest.sources.sample.population import COUNTS, payload
from tests.support.publishing import legacy_payload

TESSERACT: dict[str, Any] = json.loads(payload())
LEGACY: dict[str, Any] = json.loads(legacy_payload())


def last(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda p: p["data"][-1].update({key: value})


def altered(document: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> bytes:
    changed = deepcopy(document)
    change(changed)
    return json.dumps(changed).encode()


def refusal(payload: bytes) -> str:
    with pytest.raises(Refused) as caught:
        read_population(payload)
    assert "Nothing was changed" in caught.value.remedy
    assert caught.value.what.isascii() or "…" in caught.value.what
    return caught.value.what


def test_both_shapes_give_the_same_counts_and_say_which_estimate_they_are() -> None:
    new = read_population(json.dumps(TESSERACT).encode())
    old = read_population(json.dumps(LEGACY).encode())
    assert new.counts == old.counts == COUNTS
    assert list(old.counts) == sorted(COUNTS)
    assert (new.shape, new.estimate) == ("tesseract", "ACS 1-year")
    assert (old.shape, old.estimate) == ("legacy", "ACS 5-year")


def test_the_real_payloads_are_read(shared_data: Path) -> None:
    new = read_population((shared_data / "population/tesseract_acs1.json").read_bytes())
    old = read_population((shared_data / "population/legacy_acs5.json").read_bytes())
    assert (new.counts[2018], new.estimate) == (327_167_439, "ACS 1-year")
    assert (old.counts[2018], old.estimate) == (322_903_030, "ACS 5-year")
    years = range(2013, 2019)
    assert sum(new.counts[y] for y in years) / 6 == pytest.approx(322_069_808)
    assert sum(old.counts[y] for y in years) / 6 == pytest.approx(317_437_383)


def test_its_identity_is_its_content_not_its_spelling() -> None:
    pretty = json.dumps(TESSERACT, indent=2).encode()
    shuffled = json.dumps(dict(reversed(TESSERACT.items()))).encode()
    other = altered(TESSERACT, lambda p: p["data"][0].update(Population=1.0))
    first, second, third = map(read_population, (pretty, shuffled, other))
    assert first.identity == second.identity != third.identity


def test_an_estimate_of_another_name_is_kept_as_the_payload_says_it() -> None:
    named = altered(TESSERACT, lambda p: p["annotations"].update(dataset_name="Census 2020"))
    unnamed = altered(TESSERACT, lambda p: p.pop("annotations"))
    assert read_population(named).estimate == "Census 2020"
    assert read_population(unnamed).estimate == ""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda p: p.pop("page"), "neither of the two known shapes"),
        (lambda p: p["page"].update(total=99), "has 10 of 99 rows"),
        (lambda p: p["page"].update(offset=8), "from row 8"),
        (lambda p: p.update(page=None), "is incomplete"),
        (lambda p: p.update(data=[]), "has no rows"),
        (lambda p: p.update(columns="Year"), "does not name its columns"),
        (lambda p: p["columns"].append("State"), "a column 'State'"),
        (lambda p: p["columns"].remove("Population"), "no column Population"),
        (lambda p: p["columns"].remove("Nation ID"), "not by year and nation"),
        (lambda p: p["data"][3].pop("Nation"), "other columns in row 4"),
        (lambda p: p["data"].__setitem__(1, None), "other columns in row 2"),
        (lambda p: p["annotations"].update(table_id="B19013"), "is Census table 'B19013'"),
        (lambda p: p["annotations"].update(dataset_name="a\x1b[2Jb"), "no readable text"),
        (lambda p: p.update(annotations=[]), "annotations that are no object"),
        (last("Nation ID", "04000US06"), "a row for '04000US06'"),
        (last("Year", 2013), "two counts for 2013"),
        (last("Year", "2021"), "an invalid year: '2021'"),
        (last("Year", 2021.0), "an invalid year: 2021.0"),
        (last("Year", 9999), "an invalid year: 9999"),
        (last("Population", "331893745"), "'331893745' as the count for 2023, not a number"),
        (last("Population", value=True), "True as the count"),
        (last("Population", [[]]), "a list as the count"),
        (last("Population", 0), "0 as the count"),
        (last("Population", 331893745.5), "331893745.5 as the count"),
        (last("Population", 10**400), "as the count"),
        (last("Population", float("nan")), "holds NaN"),
    ],
)  # fmt: skip
def test_what_is_no_population_is_refused_with_the_reason(
    change: Callable[[dict[str, Any]], object], why: str
) -> None:
    assert why in refusal(altered(TESSERACT, change))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (last("Year", "13"), "an invalid year: '13'"),
        (last("Year", "\uff12\uff10\uff11\uff13"), "an invalid year"),
        (last("Population", "311536594"), "not a number"),
        (lambda p: p.update(source=[]), "does not say its source"),
        (lambda p: p["data"].pop(), "no count for 2013"),
    ],
)  # fmt: skip
def test_the_legacy_shape_is_checked(change: Callable[[dict[str, Any]], object], why: str) -> None:
    assert why in refusal(altered(LEGACY, change))


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"[1, 2]", "no object"),
        (b'{"data": ', "cannot be read as JSON"),
        (b"\xff\xfe\x00", "cannot be read as JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 900 + b"1" + b"}" * 900, "shapes"),
        (b'{"data": 1, "data": 2}', "the same key twice"),
        (b'{"n": ' + b"9" * 10_000 + b"}", "cannot be read as JSON"),
        (json.dumps(TESSERACT).replace("330108655.0", "1e999").encode(), "inf as the count"),
    ],
)
def test_what_is_no_payload_is_refused_naming_why(payload: bytes, why: str) -> None:
    assert why in refusal(payload)
