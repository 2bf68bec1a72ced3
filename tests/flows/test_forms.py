"""The parameters of a flow are a form in the dashboard: every field says what it means."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

import pytest

from flows.audit import audit
from flows.mirror import mirror
from flows.pipeline import pipeline
from flows.population import population
from flows.report import report
from flows.surveys import surveys

if TYPE_CHECKING:
    from prefect import Flow

FLOWS = (pipeline, mirror, population, report, audit, surveys)

each_flow = pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)


@each_flow
def test_the_docstring_names_the_parameters_of_the_signature_in_its_order(
    flow: Flow[..., Any],
) -> None:
    documented = re.findall(
        r"^    (\w+): ", (inspect.getdoc(flow.fn) or "").partition("Args:\n")[2], re.MULTILINE
    )

    assert documented == list(inspect.signature(flow.fn).parameters)


@each_flow
def test_every_field_of_the_form_has_a_description_and_a_default(flow: Flow[..., Any]) -> None:
    form = flow.parameters

    assert form.required == []
    assert set(form.properties) == set(inspect.signature(flow.fn).parameters)
    for name, field in form.properties.items():
        assert len(field.get("description", "")) > 10, f"{flow.name}.{name} has no description"
        assert "default" in field, f"{flow.name}.{name} has no default"


@each_flow
def test_a_flow_is_named_as_its_module_and_described_in_one_sentence(
    flow: Flow[..., Any],
) -> None:
    assert flow.fn.__module__ == f"flows.{flow.name}"
    first = (flow.description or "").partition("\n")[0]
    assert first.endswith(".")
    assert 20 < len(first) < 100
