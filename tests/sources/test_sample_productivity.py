"""The generated releases; the digest at the end holds every byte of them."""

from decimal import Decimal
from hashlib import sha256

import pytest

from blsquest.sources.sample.pages import http_date
from blsquest.sources.sample.productivity import TIED_SERIES, TIED_YEARS, generated


def test_there_is_no_third_release() -> None:
    with pytest.raises(ValueError, match="no generated release 3: choose 1 or 2"):
        generated(3)


@pytest.mark.parametrize("release", [1, 2])
def test_the_best_years_of_one_series_tie_exactly_and_floats_get_it_wrong(release: int) -> None:
    years: dict[int, list[str]] = {}
    for line in generated(release)["pr.data.0.Current"].body.decode("ascii").splitlines()[1:]:
        series, year, period, value, _ = (cell.strip() for cell in line.split("\t"))
        if series == TIED_SERIES and period != "Q05":
            years.setdefault(int(year), []).append(value)
    exact = {year: sum(map(Decimal, quarters)) for year, quarters in years.items()}
    floats = {year: sum(map(float, quarters)) for year, quarters in years.items()}
    first, second = TIED_YEARS
    assert exact[first] == exact[second] == Decimal("58.0")
    assert [year for year in exact if exact[year] == max(exact.values())] == [first, second]
    assert max(floats, key=lambda year: floats[year]) == second
    assert floats[first] < floats[second]


def test_the_sample_is_the_same_wherever_it_is_made() -> None:
    digest = sha256()
    for release in (1, 2):
        for name, file in generated(release).items():
            assert file.last_modified
            dates = f"{name} {file.stamp} {http_date(file.last_modified)}"
            digest.update(dates.encode() + file.body)
    # A new digest means new sample data: whoever changes it on purpose changes this line.
    assert digest.hexdigest() == (
        "502e9d2b7490e533b28bf534b91c42a9cbbb7a530a2d00fe0df1c1aee1ae091a"
    )
