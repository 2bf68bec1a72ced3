from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from blsquest.sources.sample.population import COUNTS
from blsquest.sources.sample.server import SampleServer
from tests.support.sample_client import get


def test_todays_population_has_columns_a_page_and_float_counts() -> None:
    with SampleServer() as server:
        answer = get(server.population_url, User_Agent="no contact")
        assert urlsplit(server.population_url).path == "/tesseract/data.jsonrecords"
    document = json.loads(answer.body)
    assert list(document) == ["annotations", "page", "columns", "data"]
    assert document["page"] == {"limit": 0, "offset": 0, "total": 10}
    assert document["columns"] == ["Nation ID", "Nation", "Year", "Population"]
    assert {row["Year"]: row["Population"] for row in document["data"]} == COUNTS
    assert b'"Population":310200417.0' in answer.body
    assert document["annotations"]["dataset_name"] == "ACS 1-year Estimate (generated sample)"
    assert answer.headers["X-Sample-Data"] == "generated"


def test_the_legacy_population_has_text_years_newest_first() -> None:
    with SampleServer(population="legacy") as server:
        answer = get(server.population_url)
        assert get(f"{server.population_url.partition('/api')[0]}/tesseract/data").status == 404
    document = json.loads(answer.body)
    assert document["data"][0] == {
        "ID Nation": "01000US",
        "Nation": "United States",
        "ID Year": 2023,
        "Year": "2023",
        "Population": COUNTS[2023],
        "Slug Nation": "united-states",
    }
    name = document["source"][0]["annotations"]["dataset_name"]
    assert name == "ACS 5-year Estimate (generated sample)"


@pytest.mark.parametrize("shape", ["tesseract", "legacy"])
def test_the_population_has_no_validators_and_an_unstable_key_order(shape: str) -> None:
    with SampleServer() as server:
        server.population = "legacy" if shape == "legacy" else "tesseract"
        first, second = get(server.population_url), get(server.population_url)
    assert first.body != second.body
    assert json.loads(first.body) == json.loads(second.body)
    assert not {"ETag", "Last-Modified"} & set(first.headers)


def test_the_legacy_population_is_gone_where_todays_is_served() -> None:
    with SampleServer() as server:
        origin = server.population_url.partition("/tesseract")[0]
        answer = get(f"{origin}/api/data?drilldowns=Nation&measures=Population")
    assert answer.status == 404
    assert b"<html>" in answer.body


def test_a_given_population_is_served_byte_for_byte_at_its_own_address() -> None:
    with SampleServer(population=b'{"data": [{"ID Nation": "01000US"}]}') as server:
        assert urlsplit(server.population_url).path == "/api/data"
        answer = get(server.population_url)
    assert answer.body == b'{"data": [{"ID Nation": "01000US"}]}'
    assert "X-Sample-Data" not in answer.headers
