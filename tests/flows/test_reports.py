"""A pipeline over many surveys: a report on each, made when its inputs changed, or the reason."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import State

from blsquest.sources.sample.pages import published
from flows.cli.summary import Clock, summary
from flows.states import Result
from flows.surveys import ReportRow
from tests.support.data_files import HEADER, line
from tests.support.runs import Runs, result_of

LONG_AGO = datetime(2024, 1, 5, 13, 30, tzinfo=UTC)
LATER = datetime(2024, 2, 5, 13, 30, tzinfo=UTC)
OBSERVED = [
    ("CUUR0000SA0", year, f"M{month:02}") for year in (2022, 2023) for month in range(1, 13)
]


def observations(survey: str, value: str = "101.5") -> str:
    lines = (line(survey.upper() + key[2:], year, period, value) for key, year, period in OBSERVED)
    return "\r\n".join([HEADER, *lines, ""])


def bring_out(runs: Runs, name: str, text: str, moment: datetime = LONG_AGO) -> None:
    """Publish one file of the survey whose code its name begins with."""
    files = runs.server.surveys.setdefault(name[:2], {})
    files[name] = published(text.encode(), moment)


def reports(state: State[Any]) -> dict[str, tuple[str, str]]:
    return {row.survey: (row.outcome, row.folder or row.what) for row in result_of(state).reports}


def test_a_terminal_lists_the_reports_of_many_surveys_and_json_has_them() -> None:
    rows = (
        ReportRow("cu", "Changed", 1.5, "analytics/surveys/cu/2024-02-05/", "failed: years"),
        ReportRow("nl", "Skipped", what="Generation 1 of bls/nl has no data file at all."),
    )
    result = Result(reports=rows)
    text = summary(result, "./lake", Clock(), tables=False, sample=None)
    assert "  cu      Changed           1.5  ./lake/analytics/surveys/cu/2024-02-05/" in text
    assert "    failed: years" in text
    assert "    Generation 1 of bls/nl has no data file at all." in text
    assert result.as_dict()["reports"][1]["outcome"] == "Skipped"
    assert result.sentence() == "Reports: 1 Changed, 1 Skipped."
    assert result.name == "Changed"


def test_what_comes_next_names_the_front_page_where_there_is_one(tmp_path: Path) -> None:
    def text() -> str:
        return summary(Result(), str(tmp_path), Clock(), tables=False, sample=None)

    assert "index.html" not in text()
    (tmp_path / "index.html").touch()
    assert f"open {tmp_path}/index.html" in text()


def test_each_survey_has_its_report_or_a_reason_and_one_that_fails_stops_no_other(
    runs: Runs,
) -> None:
    bring_out(runs, "ap.data.0.Current", observations("ap").replace("101.5", "dear"))
    bring_out(runs, "cu.data.0.Current", observations("cu"))
    bring_out(runs, "hs.data.0.Current", "a\ttable\r\nof\tanother kind\r\n")
    bring_out(runs, "la.data.2.Alabama", observations("la"))
    bring_out(runs, "la.data.3.Alaska", observations("la"))
    runs.server.surveys["nl"] = {"readme.txt": published(b"nothing here", LONG_AGO)}

    state = runs.pipeline(surveys=["all"])

    day = f"{datetime.now(UTC):%Y-%m-%d}"
    found = reports(state)
    assert found["pr"] == ("Changed", f"analytics/{day}/")
    assert found["cu"] == ("Changed", f"analytics/surveys/cu/{day}/")
    assert {survey: outcome for survey, (outcome, _) in found.items()} == {
        "ap": "Refused",
        "cu": "Changed",
        "hs": "Skipped",
        "la": "Skipped",
        "nl": "Skipped",
        "pr": "Changed",
    }
    assert "ap.data.0.Current" in found["ap"][1]
    assert "nothing to answer from" in found["hs"][1]
    assert "2 data files" in found["la"][1]
    assert "no data file" in found["nl"][1]
    # The one that fails is named by the run, whose other parts are done.
    assert state.name == "Refused"
    assert str(state.message).startswith("The report on ap: ")
    (page,) = runs.all_artifacts(state)
    shown = str(page.data).replace("\\", "")
    assert f"- The report on cu: Changed analytics/surveys/cu/{day}/" in shown
    assert "- The report on la: Skipped: " in shown
    assert "- **Refused**: The report on ap: " in shown
    assert "(../key/report-cu)" in shown
    assert "(../key/report-la)" not in shown
    begun = [run.name for run in runs.children(state) if run.name.startswith("Report")]
    assert begun == [f"Report on {survey}, {day}" for survey in ("ap", "cu", "pr")]


def test_a_report_is_made_when_its_own_survey_changed_and_asked_what_is_its_own(runs: Runs) -> None:
    bring_out(runs, "cu.data.0.Current", observations("cu"))
    runs.pipeline(surveys=["pr", "cu"])
    before = runs.tree()

    unchanged = runs.pipeline(surveys=["pr", "cu"])

    assert unchanged.name == "Unchanged"
    assert {outcome for outcome, _ in reports(unchanged).values()} == {"Unchanged"}
    assert [run.name.split()[0] for run in runs.children(unchanged)] == ["Mirror", "US"]
    assert runs.tree() == before

    bring_out(runs, "cu.data.0.Current", observations("cu", "102.5"), LATER)
    changed = runs.pipeline(surveys=["c*", "pr"])
    assert {s: outcome for s, (outcome, _) in reports(changed).items()} == {
        "cu": "Changed",
        "pr": "Unchanged",
    }
    assert sum(run.name.startswith("Report") for run in runs.children(changed)) == 1
    (of_cu,) = (row for row in result_of(changed).reports if row.survey == "cu")
    assert " revised, " in of_cu.what
    assert of_cu.what.endswith("since the release before")

    asked = runs.pipeline(surveys=["pr", "cu"], series="CUUR0000SA0", period="M12")
    found = reports(asked)
    assert found["cu"][1].startswith("analytics/asked/cu/")
    assert found["pr"] == ("Unchanged", reports(changed)["pr"][1])

    # A past day is reported on of each survey that the lake holds, and nobody is asked.
    requests, moment = runs.asked(), f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    past = runs.pipeline(surveys=["all"], as_of=moment)
    assert past.is_completed()
    assert runs.asked() == requests
    assert [(s, outcome) for s, (outcome, _) in reports(past).items()] == [
        ("cu", "Changed"),
        ("pr", "Changed"),
    ]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"series": "LNS14000000"}, "'LNS14000000': of none of the surveys pr c*"),
        ({"pairs": ["CUUR0000SA0:M01", "APU1:M01"]}, "'APU1:M01': of none of the surveys"),
        ({"data_file": "la.data.1.CurrentS"}, "of none of the surveys"),
        ({"as_of": "3"}, "Generation 3 of which survey?"),
        ({"last_year": 30_000_000}, "do not lie within 1900 to 2100"),
    ],
)
def test_what_is_asked_of_none_of_many_surveys_fails_before_anyone_is_asked(
    runs: Runs, asked: dict[str, Any], said: str
) -> None:
    state = runs.pipeline(surveys=["pr", "c*"], **asked)

    assert state.name == "Failed"
    assert said in str(state.message)
    assert runs.asked() == 0
    assert not runs.lake.exists()
