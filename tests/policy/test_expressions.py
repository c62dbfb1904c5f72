from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.policy.expressions import (
    ExpressionError,
    RenderError,
    Scope,
    compile_expression,
    compile_template,
    is_template,
)
from remediator.policy.sandbox import MAX_LENGTH_CHARS

SCOPE = Scope(
    labels={"service": "pms", "count": "7", "items": "a label", "a.b/c": "odd", "__class__": "x"},
    annotations={"summary": "down"},
    facts={"up": True, "down": False, "none": None, "errors": 3.0, "text": "abc"},
    facts_detail={"up": {"status": 200, "list": [1, 2], "nested": {"x": None}}},
    steps={"restart": {"exit_code": 0}, "0": {"exit_code": 0}},
    episode={"id": 1},
    policy={"owner": None},
)


@pytest.mark.parametrize(
    ("source", "holds", "unknown"),
    [
        ("facts.up", True, ()),
        ("not facts.up", False, ()),
        ("facts.errors > 2 and labels.service == 'pms'", True, ()),
        ("labels.service in ['pms', 'db']", True, ()),
        ("labels['a.b/c'] == 'odd'", True, ()),
        ("labels.items == 'a label'", True, ()),
        ("labels.__class__ == 'x'", True, ()),
        ("facts_detail.up.status == 200", True, ()),
        ("facts_detail.up.list[1] == 2", True, ()),
        ("steps.restart.exit_code == 0", True, ()),
        ("steps[0].exit_code == 0", True, ()),
        ("labels.count | int > 6", True, ()),
        ("labels.service | upper == 'PMS'", True, ()),
        ("(facts.errors * 2 + 1) | round == 7", True, ()),
        ("labels.service ~ '-1' == 'pms-1'", True, ()),
        # a fact that is none, or is not there, makes all of it unknown
        ("facts.none", False, ("facts.none",)),
        ("not facts.none", False, ("facts.none",)),
        ("facts.none or facts.up", False, ("facts.none",)),
        ("facts.up or facts.none", False, ("facts.none",)),
        ("facts.up or not facts.gone", False, ("facts.gone",)),
        ("facts.none == none", False, ("facts.none",)),
        ("not (facts.none > 3)", False, ("facts.none",)),
        ("facts.none is none and not facts.none", False, ("facts.none",)),
        ("not labels.gone", False, ("labels.gone",)),
        ("not facts_detail.gone.status", False, ("facts_detail.gone",)),
        ("not steps.gone.exit_code", False, ("steps.gone",)),
        # only these may look
        ("facts.none is none", True, ()),
        ("facts.none is not none", False, ()),
        ("facts.up is not none", True, ()),
        ("facts.none | default(true)", True, ()),
        ("facts.gone | default(5) > 4", True, ()),
        ("labels.gone is defined", False, ()),
        ("labels.gone is undefined", True, ()),
        ("labels.gone | default('x') == 'x'", True, ()),
        ("labels.gone | default(facts.none)", False, ("facts.none",)),
        # and what they rule out is known beside them
        ("facts.none is none or facts.none > 3", True, ()),
        ("facts.none is not none and facts.none > 3", False, ()),
        ("not (facts.none is not none and facts.none > 3)", True, ()),
        ("facts.none > 3 if facts.none is not none else facts.up", True, ()),
        ("facts.none is not none or facts.none > 3", False, ("facts.none",)),
        ("facts.none is none and facts.none > 3", False, ("facts.none",)),
        # other values that are none are just none
        ("policy.owner is none", True, ()),
        ("not policy.owner", True, ()),
    ],
)
def test_truth(source: str, holds: bool, unknown: tuple[str, ...]) -> None:
    truth = compile_expression(source).evaluate(SCOPE)
    assert (truth.holds, truth.unknown) == (holds, unknown)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("not facts_detail.up.gone", "gone is missing"),
        ("facts.text > 3", "not supported"),
        ("labels.service | int > 1", "not a number"),
        ("1 / (facts.errors - 3)", "division by zero"),
        ("'x' * 3 == 'xxx'", "needs numbers"),
        ("'%9999999s' % 1", "needs numbers"),
        ("facts_detail.up.list * 99", "needs numbers"),
        ("facts_detail.up.list[7]", "index 7 is missing"),
    ],
)
def test_an_error_at_evaluation_is_unknown_and_named(source: str, why: str) -> None:
    truth = compile_expression(source).evaluate(SCOPE)
    assert not truth.holds
    assert why in truth.unknown[0]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("fact.up", "did you mean facts?"),
        ("up", "unknown name up"),
        ("labels", "write one entry of it"),
        ("labels == facts", "write one entry of it"),
        ("labels[facts.text]", "computed name"),
        ("labels.service | uper", "did you mean upper?"),
        ("labels.service is nine", "unknown test nine"),
        ("facts.up is defined", "write facts.up is none"),
        ("labels.service.upper()", "can't be called"),
        ("range(3)", "can't be called"),
        ("2 ** 99999999", "** is not allowed"),
        ("{'a': 1}", "dict is not allowed"),
        ("{{ facts.up }}", "without {{ }}"),
        ("facts.up facts.down", "from 'facts' on"),
        ("facts.up and", "can't be read"),
        ("(" * 300 + "1" + ")" * 300, "nested too deeply"),
        ("1" + "+1" * 300, "nested too deeply"),
        ("not " * 250 + "facts.up", "nested too deeply"),
    ],
)
def test_what_is_not_allowed_is_refused_when_compiled(source: str, why: str) -> None:
    with pytest.raises(ExpressionError, match=r".") as caught:
        compile_expression(source)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("pms/{{ labels.service | default('qloapps') }}", "pms/pms"),
        ("pms/{{ labels.gone | default('qloapps') }}", "pms/qloapps"),
        ("{{ facts.none | default('?') }}", "?"),
        ("{{ facts.errors }}", "3"),
        ("{{ facts.up }}", "true"),
        ("{% if facts.up %}up{% elif facts.down %}?{% else %}down{% endif %}\n", "up\n"),
        ("{{ facts_detail.up.list | join(',') }}", "1,2"),
        ("{{ labels.service[:2] }}", "pm"),
        ("{% raw %}{{ kept }}{% endraw %}", "{{ kept }}"),
    ],
)
def test_rendering(source: str, text: str) -> None:
    assert compile_template(source).render(SCOPE) == text


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("{{ labels.gone }}", "labels.gone is missing"),
        ("{{ labels.gone | upper }}", "labels.gone is missing"),
        ("x{% if labels.gone %}{% endif %}", "labels.gone is missing"),
        ("{{ facts.none }}", "facts.none is missing"),
        ("{{ facts_detail.up.nested.y }}", "y is missing"),
        ("{{ facts_detail.up }}", "one plain value"),
        ("{{ policy.owner }}", "one plain value"),
        ("{{ '' | replace('', 'x') | replace('x', labels.service) | first | abs }}", "bad operand"),
    ],
)
def test_what_is_missing_is_named(source: str, named: str) -> None:
    with pytest.raises(RenderError) as caught:
        compile_template(source).render(SCOPE)
    assert named in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "{% for x in labels.a %}{% endfor %}",
        "{% set x = 1 %}",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% macro m() %}{% endmacro %}",
        "{% call m() %}{% endcall %}",
        "{% filter upper %}{% endfilter %}",
        "{% block b %}{% endblock %}",
        "{{ self }}",
        "{{ cycler }}",
        "{{ namespace() }}",
        "{{ lipsum() }}",
        "{{ labels.a",
        "{% if labels.a %}",
    ],
)
def test_templates_have_no_statements_but_if(source: str) -> None:
    with pytest.raises(ExpressionError):
        compile_template(source)


@pytest.mark.parametrize("path", ["''.__class__", "labels.service.__class__", "facts_detail.up.__init__"])
def test_nothing_of_python_can_be_reached(path: str) -> None:
    with pytest.raises(RenderError, match="missing"):
        compile_template(f"{{{{ {path} }}}}").render(SCOPE)


@pytest.mark.parametrize(
    "source",
    [
        "{{ labels.long }}",
        "{{ labels.a | replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa') }}",
        "{{ labels.a + labels.a }}",
        "{{ labels.a ~ labels.a }}",
    ],
)
def test_nothing_grows_beyond_bounds(source: str) -> None:
    scope = Scope(labels={"long": "x" * (MAX_LENGTH_CHARS + 1), "a": "a" * (MAX_LENGTH_CHARS - 1)})
    with pytest.raises(RenderError, match="characters"):
        compile_template(source).render(scope)


@given(value=st.text())
def test_a_label_is_never_read_as_a_template(value: str) -> None:
    scope = Scope(labels={"x": value})
    assert compile_template("<{{ labels.x }}>").render(scope) == f"<{value}>"


def test_a_label_that_looks_like_a_template_stays_text() -> None:
    scope = Scope(labels={"x": "{{ facts.up }}{% if %}"})
    assert compile_template("{{ labels.x }}").render(scope) == "{{ facts.up }}{% if %}"


def test_reads_name_every_entry() -> None:
    expression = compile_expression("facts.a is none or labels['b.c'] == steps[0].x or facts_detail.d.e")
    assert expression.reads == {("facts", "a"), ("labels", "b.c"), ("steps", "0"), ("facts_detail", "d")}
    assert compile_template("{{ labels.x | default(annotations.y) }}").reads == {
        ("labels", "x"),
        ("annotations", "y"),
    }


def test_is_template() -> None:
    assert is_template("a {{ labels.x }}")
    assert is_template("{% if labels.x %}{% endif %}")
    assert not is_template("plain { text }")


# A small reference: expressions as trees, with the rule stated over the tree.
Tree = tuple[Any, ...]
NAMES = st.sampled_from(["a", "b", "c"])
TREES = st.recursive(
    st.one_of(st.tuples(st.just("fact"), NAMES), st.tuples(st.just("const"), st.booleans())),
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner), st.tuples(st.sampled_from(["and", "or"]), inner, inner)
    ),
    max_leaves=8,
)


def _write(tree: Tree) -> str:
    match tree:
        case ("fact", name):
            return f"facts.{name}"
        case ("const", value):
            return "true" if value else "false"
        case ("not", inner):
            return f"(not {_write(inner)})"
        case (operator, left, right):
            return f"({_write(left)} {operator} {_write(right)})"
    raise AssertionError(tree)


def _facts(tree: Tree) -> set[str]:
    if tree[0] == "fact":
        return {tree[1]}
    return {name for child in tree[1:] if isinstance(child, tuple) for name in _facts(child)}


def _value(tree: Tree, facts: dict[str, bool | None]) -> bool:
    match tree:
        case ("fact", name):
            return bool(facts[name])
        case ("const", value):
            return bool(value)
        case ("not", inner):
            return not _value(inner, facts)
        case ("and", left, right):
            return _value(left, facts) and _value(right, facts)
        case ("or", left, right):
            return _value(left, facts) or _value(right, facts)
    raise AssertionError(tree)


@given(
    tree=TREES, facts=st.fixed_dictionaries({name: st.sampled_from([True, False, None]) for name in "abc"})
)
def test_unknown_rule_against_a_reference(tree: Tree, facts: dict[str, bool | None]) -> None:
    truth = compile_expression(_write(tree)).evaluate(Scope(facts=facts))
    unknown = sorted(f"facts.{name}" for name in _facts(tree) if facts[name] is None)
    assert list(truth.unknown) == unknown
    assert truth.holds is (not unknown and _value(tree, facts))
