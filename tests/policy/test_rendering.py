from __future__ import annotations

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from remediator.policy.catalog import Inventory, marked_values
from remediator.policy.expressions import RenderError, Scope
from remediator.policy.promql import PromQLField, PromQLSource
from remediator.policy.rendering import render_deferred, render_params, render_value

SCOPE = Scope(labels={"service": "pms"}, facts={"count": 3.0}, steps={"0": {"body": "{{ labels.service }}"}})


def test_every_string_is_rendered_and_nothing_else() -> None:
    value = {
        "a": "x {{ labels.service }}",
        "b": [1, True, None, {"{{ key }}": "{{ facts.count }}"}],
        "c": "plain",
    }
    rendered, left = render_value(value, SCOPE)
    assert rendered == {"a": "x pms", "b": [1, True, None, {"{{ key }}": "3"}], "c": "plain"}
    assert left == ()


def test_what_reads_steps_is_left_and_rendered_later() -> None:
    value = {"a": ["{{ steps[0].body }} {{ labels.service }}"], "b": "{{ labels.service }}"}
    rendered, left = render_value(value, SCOPE)
    assert rendered == {"a": ["{{ steps[0].body }} {{ labels.service }}"], "b": "pms"}
    assert left == (("a", 0),)
    # A result that looks like a template is data.
    assert render_deferred(rendered, left, SCOPE)["a"] == ["{{ labels.service }} pms"]


def test_what_was_rendered_is_never_rendered_again() -> None:
    rendered, left = render_value({"a": "{{ labels.x }}"}, Scope(labels={"x": "{{ steps[0].body }}"}))
    assert (rendered, left) == ({"a": "{{ steps[0].body }}"}, ())
    assert render_deferred(rendered, left, SCOPE) == rendered


def test_nothing_is_deferred_when_asked_so() -> None:
    with pytest.raises(RenderError, match=r"steps\.gone"):
        render_value({"a": "{{ steps.gone.x }}"}, SCOPE, defer=())


class Inner(BaseModel):
    service: Annotated[str, Inventory("services")]


class Params(BaseModel):
    query: PromQLSource
    text: str = ""
    one: Annotated[str, Inventory("docker", lock="docker")] | None = None
    many: tuple[Annotated[str, Inventory("fly")], ...] = ()
    by_name: dict[str, Inner] = {}


def test_queries_get_their_values_escaped() -> None:
    params = {"query": 'up{s="{{ labels.s }}"}', "text": '"{{ labels.s }}"'}
    rendered, left = render_params(Params, params, Scope(labels={"s": 'a"} or up{b="'}))
    assert rendered == {"query": 'up{s="a\\"} or up{b=\\""}', "text": '"a"} or up{b=""'}
    assert left == ()


def test_deferred_queries_too() -> None:
    params = {"query": 'up{s="{{ steps[0].s }}"}'}
    rendered, left = render_params(Params, params, Scope())
    assert left == (("query",),)
    scope = Scope(steps={"0": {"s": '"'}})
    assert render_deferred(rendered, [["query"]], scope, Params) == {"query": 'up{s="\\""}'}  # type: ignore[list-item]


def test_marks_are_found_at_any_depth() -> None:
    data = {"query": "up", "one": "a", "many": ["b", "c"], "by_name": {"x": {"service": "d"}}, "extra": 1}
    found = {path: (mark.section, value) for path, mark, value in marked_values(Params, data, Inventory)}
    assert found == {
        ("one",): ("docker", "a"),
        ("many", 0): ("fly", "b"),
        ("many", 1): ("fly", "c"),
        ("by_name", "x", "service"): ("services", "d"),
    }
    assert [path for path, _, _ in marked_values(Params, data, PromQLField)] == [("query",)]


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(value=st.dictionaries(st.text(max_size=3), JSON, max_size=3))
def test_what_holds_no_template_stays(value: dict[str, object]) -> None:
    if "{{" in str(value) or "{%" in str(value):
        return
    assert render_value(value, Scope()) == (value, ())
