"""A question to many surveys: what is asked of which, and what is asked of none."""

from typing import Any

import pytest

from blsquest.core.errors import Misuse
from blsquest.products.question import Request, check_shared, is_alone, of_survey

MANY = ["pr", "c*", "-cx"]


def test_of_many_surveys_each_is_asked_what_begins_with_its_code() -> None:
    pairs = ["CUUR1:M01", "cuur2:M02", "PRS1:Q01"]
    asked = Request(
        series="PRS2", period="Q03", pairs=pairs, data_file="cu.data.1.AllItems", ddof=0
    )
    check_shared(asked, MANY)
    of_pr, of_cu, of_ce = (of_survey(asked, code, alone=False) for code in ("pr", "cu", "ce"))
    assert of_pr == Request(series="PRS2", period="Q03", pairs=pairs[2:], ddof=0)
    assert of_cu == Request("cu", pairs=pairs[:2], data_file="cu.data.1.AllItems", ddof=0)
    assert of_ce == Request("ce", ddof=0)


def test_a_period_alone_is_of_the_survey_that_asks_a_series_by_default() -> None:
    asked = Request(period="Q02")
    check_shared(asked, MANY)
    assert of_survey(asked, "pr", alone=False).period == "Q02"
    assert of_survey(asked, "cu", alone=False) == Request("cu")


def test_of_one_survey_alone_everything_is_asked() -> None:
    asked = Request(series="CU1", data_file="cu.odd", period="M01")
    check_shared(asked, ["cu"])
    assert of_survey(asked, "cu", alone=True) == Request("cu", "CU1", "M01", data_file="cu.odd")
    with pytest.raises(Misuse, match="'PRS1': not of the survey cu"):
        check_shared(Request(series="PRS1"), ["cu"])
    assert [is_alone(patterns) for patterns in (["cu"], ["c*"], ["all"], ["pr", "cu"])] == [
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"series": "CX1"}, "'CX1': of none of the surveys pr c"),
        ({"pairs": ["PRS1:Q01", "LA1:M01"]}, "'LA1:M01'"),
        ({"data_file": "all.data"}, "'all.data'"),
    ],
)
def test_what_is_of_none_of_the_surveys_is_refused(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(Misuse, match=said):
        check_shared(Request(**asked), MANY)


def test_a_period_that_is_of_no_series_is_refused() -> None:
    with pytest.raises(Misuse, match="'M01' belongs to no series"):
        check_shared(Request(period="M01"), ["c*", "-pr"])
