from __future__ import annotations

from typing import Any

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from remediator.policy.expressions import RenderError, Scope
from remediator.policy.promql import (
    PromQLError,
    PromQLSource,
    check_promql,
    compile_promql,
)


@pytest.mark.parametrize(
    "text",
    [
        'pms_circuit_breaker_state{service="pms"} == 0',
        "sum(rate(x[5m])) / sum(rate(y[5m])) > 0.1",
        "1",
        "time() > bool 3",
    ],
)
def test_queries_that_can_be_asked(text: str) -> None:
    assert check_promql(text) is None
    assert compile_promql(text).render(Scope()) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("rate(x[5m]", "unclosed left parenthesis"),
        ("rate(x)", "expected type matrix"),
        ("nothing(x)", "unknown function"),
        ('x{a="b"', "unexpected end of input"),
        ('x{a=~"("}', "illegal regex"),
        ("", "no expression"),
        ("x[5m]", "is a range"),
        ("(x[5m:1m])", "is a range"),
        ('"x"', "is a string"),
        ("(" * 5000, "longer than"),
    ],
)
def test_faults_are_said(text: str, why: str) -> None:
    assert why in str(check_promql(text))
    with pytest.raises(PromQLError):
        compile_promql(text)


@pytest.mark.parametrize(
    "source",
    [
        "{{ labels.x }}",
        "up > {{ labels.x }}",
        "up{job={{ labels.x }}}",
        "up{job='{{ labels.x }}'}",
        "up{job=`{{ labels.x }}`}",
        'up{job=~"{{ labels.x }}"}',
        'up{job!~"{{ labels.x }}"}',
        '{__name__="{{ labels.x }}"}',
        '{"{{ labels.x }}"}',
        'up{{{ labels.x }}="a"}',
        'up{job="\\{{ labels.x }}"}',
        "sum by ({{ labels.x }}) (up)",
        'label_replace(up, "a", "{{ labels.x }}", "b", ".*")',
        "up # {{ labels.x }}",
        "up[{{ labels.x }}]",
        'up{job="a"} offset {{ labels.x }}',
        'up{job="{% if labels.x %}a{% endif %}"}',
        'up{job="{{ lables.x }}"}',
        'up{job="{{ labels.x }}"',
    ],
)
def test_templates_stand_only_in_label_values(source: str) -> None:
    with pytest.raises(PromQLError):
        compile_promql(source)


def test_a_template_in_a_label_value_is_rendered() -> None:
    query = compile_promql('up{job="a-{{ labels.x | default("y") }}",z!="{{ labels.z }}"} == 0')
    assert query.render(Scope(labels={"z": "1"})) == 'up{job="a-y",z!="1"} == 0'
    assert query.reads == {("labels", "x"), ("labels", "z")}
    with pytest.raises(RenderError, match=r"labels\.z"):
        query.render(Scope())


@given(value=st.text())
def test_a_hostile_value_stays_one_label_value(value: str) -> None:
    query = compile_promql('up{job="a {{ labels.x }} b",z="1"} == 0').render(Scope(labels={"x": value}))
    tree: Any = promql_parser.parse(query)
    assert [(matcher.name, matcher.value) for matcher in tree.lhs.matchers.matchers] == [
        ("job", f"a {value} b"),
        ("z", "1"),
    ]


class Asks(BaseModel):
    query: PromQLSource


def test_a_parameter_that_holds_promql() -> None:
    Asks(query='up{job="{{ labels.x | default("y") }}"}')
    # What a label held is data by now, also if it looks like a template.
    Asks(query='up{job="{{ nonsense"}')
    with pytest.raises(ValidationError, match="unclosed left parenthesis"):
        Asks(query="rate(x[5m]")
    with pytest.raises(ValidationError, match="outside a label's value"):
        Asks(query="up > {{ labels.x }}")
