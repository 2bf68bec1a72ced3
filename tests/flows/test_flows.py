"""The five flows: their tasks, and their parameters, which are a form in the dashboard."""

import ast
import inspect
import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from prefect import Flow
from prefect.utilities.callables import parameter_schema

from flows import tasks
from flows.audit import audit, rehash
from flows.mirror import mirror
from flows.pipeline import pipeline
from flows.population import population
from flows.report import answer, report
from flows.run_names import TITLES

FLOWS = (pipeline, mirror, population, report, audit)
ROOM = Path(tasks.__file__).parent

each_flow = pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)


def test_the_steps_of_an_ingest_are_tasks_that_are_tried_again() -> None:
    steps = (tasks.list_source, tasks.transfer_file, tasks.commit, tasks.publish_view)

    assert [step.name for step in steps] == ["list", "transfer", "commit", "publish"]
    for step in (*steps, tasks.transfer_batch):
        assert step.retries == 2
        assert step.retry_condition_fn is tasks.is_transient


def test_answers_and_what_else_polars_does_are_tasks_of_their_own() -> None:
    ours = (answer, tasks.write_tables, tasks.find_revisions, rehash)

    assert [task.name for task in ours] == ["answer", "tables", "revisions", "re-hash"]
    assert {task.retries for task in ours} == {0}
    assert all(task.persist_result is False for task in ours)


def test_flows_show_the_five_flows_by_name() -> None:
    found = {
        node.name
        for path in ROOM.glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(decorator).startswith("flow(") for decorator in node.decorator_list)
    }
    assert found == {flow.name for flow in FLOWS}
    assert len(list(ROOM.glob("*.py"))) <= 15
    # Prefect makes a form of a flow's annotations: what they name is imported when the module is.
    assert not [path for path in ROOM.glob("*.py") if "TYPE_CHECKING" in path.read_text()]


@each_flow
def test_a_flow_is_named_as_its_module_and_described_in_one_sentence(
    flow: Flow[..., Any],
) -> None:
    assert flow.fn.__module__ == f"flows.{flow.name}"
    first = (flow.description or "").partition("\n")[0]
    assert first.endswith(".")
    assert 20 < len(first) < 100


@each_flow
def test_the_docstring_names_the_parameters_of_the_signature_in_its_order(
    flow: Flow[..., Any],
) -> None:
    arguments = (inspect.getdoc(flow.fn) or "").partition("Args:\n")[2]
    documented = re.findall(r"^    (\w+): ", arguments, re.MULTILINE)

    assert documented == list(inspect.signature(flow.fn).parameters)


@each_flow
def test_every_field_of_a_deployments_form_has_a_type_a_default_and_a_title_in_words(
    flow: Flow[..., Any],
) -> None:
    form = parameter_schema(flow)  # as `prefect deploy` and `serve` make it

    assert form.model_dump() == flow.parameters.model_dump()
    assert form.required == []
    assert set(form.properties) == set(inspect.signature(flow.fn).parameters)
    assert form.definitions == {}, "a group within the form would rename its parameters"
    for name, field in form.properties.items():
        assert len(field.get("description", "")) > 10, f"{flow.name}.{name} has no description"
        assert "default" in field, f"{flow.name}.{name} has no default"
        assert field.keys() & {"type", "enum", "anyOf"}, f"{flow.name}.{name} has no type"
        assert re.fullmatch(r"[A-Z][^_]*", field["title"]), f"{flow.name}.{name} has no title"
    assert len({field["title"] for field in form.properties.values()}) == len(form.properties)
    assert TITLES.keys() == {name for each in FLOWS for name in each.parameters.properties}


def test_choices_stay_choices_in_the_form() -> None:
    form = pipeline.parameters.properties

    many, none = form["allow"]["anyOf"]
    assert (many["type"], none["type"]) == ("array", "null")
    assert "removals" in many["items"]["enum"]
    assert form["ddof"]["enum"] == [0, 1]
    assert mirror.parameters.properties["tasks"]["maximum"] == 64


@each_flow
def test_a_form_begins_with_what_people_fill_in_and_then_goes_group_by_group(
    flow: Flow[..., Any],
) -> None:
    fields = sorted(flow.parameters.properties.values(), key=lambda field: int(field["position"]))
    groups = [
        group if rest else "" for group, _, rest in (f["title"].partition(": ") for f in fields)
    ]

    assert 1 <= groups.count("") <= 3
    together = [group for group, _ in itertools.groupby(groups)]
    assert together[0] == ""
    assert together[-1] == "Place"
    assert len(together) == len(set(together))


def test_the_form_leaves_the_flows_own_defaults_as_they_are() -> None:
    assert report.validate_parameters({})["lake"] == "s3-bucket/lake"
    assert inspect.signature(report.fn).parameters["ddof"].default == 1
