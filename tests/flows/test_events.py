"""The events that automations listen to."""

from tests.support.runs import Runs


def test_a_change_is_an_event_that_says_who_ran_it(runs: Runs) -> None:
    runs.mirror()
    itself = runs.event("bls.changed")
    runs.restamp("pr.class")
    assert [runs.mirror().name for _ in "12"] == ["Restamped", "Unchanged"]  # no event
    runs.server.publish(2)
    runs.pipeline()
    of_population = runs.event("population.changed")
    _, by_pipeline = runs.events("bls.changed")

    assert itself["resource"]["by"] == "itself"
    assert itself["resource"]["prefect.resource.id"] == "bls-data-quest.bls.pr"
    assert (itself["payload"]["source"], itself["payload"]["generation"]) == ("bls/pr", 1)
    assert {c["change"] for c in itself["payload"]["changes"]} == {"added"}
    assert by_pipeline["resource"]["by"] == "pipeline"
    assert by_pipeline["payload"]["generation"] == 3
    assert (itself["resource"]["survey"], itself["resource"]["report"]) == ("pr", "due")
    assert (of_population["resource"]["survey"], of_population["resource"]["by"]) == (
        "pr",
        "pipeline",
    )
    assert of_population["resource"]["prefect.resource.id"] == "bls-data-quest.census"


def test_the_event_says_where_no_report_can_follow_and_the_log_why(runs: Runs) -> None:
    del runs.server.surveys["pr"]["pr.data.0.Current"]
    del runs.server.surveys["pr"]["pr.data.1.AllData"]
    runs.population()
    without_survey = runs.event("population.changed")
    runs.mirror(allow=["no-data"])

    assert without_survey["resource"]["report"] == "none"
    assert runs.event("bls.changed")["resource"]["report"] == "none"
