from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.policy.expression_logic import never_holds
from remediator.policy.expressions import Scope, compile_expression
from remediator.policy.matchers import parse_matchers


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ("false", ""),
        ("1 > 2", ""),
        ("facts.x and not facts.x", ""),
        ("not (facts.x or not facts.x)", ""),
        ("facts.x > 5 and facts.x < 3", ""),
        ("facts.x == 'a' and facts.x == 1", ""),
        ("facts.x is none and facts.x > 3", ""),
        ("labels.a == 'x' and labels.a == 'y'", ""),
        ("labels.a in ['x', 'y'] and labels.a != 'x' and labels.a != 'y'", ""),
        ("labels.severity == 'warning'", 'severity="critical"'),
        ("labels.severity == 'warning'", 'severity=~"critical|P1"'),
        ("labels.severity == 'x'", 'severity!="x"'),
        ("labels.severity is undefined", 'severity="x"'),
    ],
)
def test_what_can_never_hold(source: str, match: str) -> None:
    assert never_holds(compile_expression(source), parse_matchers(match))


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ("true", ""),
        ("facts.x", ""),
        ("not facts.x", ""),
        ("facts.x > 5 and facts.x < 5.1", ""),
        ("facts.x > -1 and facts.x < 0", ""),
        ("facts.x is none or facts.x > 3", ""),
        ("facts.x == ['a']", ""),
        ("facts_detail.x.y is none", ""),
        ("facts_detail.x.y is undefined and (true or facts_detail.x.y)", ""),
        ("facts_detail.x.y is none and facts_detail.x.z == 3", ""),
        ("facts_detail.x is none and facts_detail.x.z is none", ""),
        ("labels.a > 'x' and labels.a < 'y'", ""),
        ("labels.a == 'x'", 'a=~"x|y"'),
        ("labels.a == 'x'", 'a=~"x.*"'),
        ("labels.a is undefined", 'a!="x"'),
        ("'x' in labels.a", 'a="y"'),
        # Not decided, so not claimed.
        ("labels.a | lower == 'X'", ""),
        ("facts.x + 1 == facts.x", ""),
        ("1 < facts.x < 0", ""),
        ("facts.x == facts.y and facts.x != facts.y", ""),
    ],
)
def test_what_may_hold_or_is_not_decided(source: str, match: str) -> None:
    assert not never_holds(compile_expression(source), parse_matchers(match))


ENTRIES = ["facts.a", "facts.b", "labels.a", "facts_detail.a.x", "facts_detail.a.y"]
CONSTANTS = ["0", "1", "2.5", "-3", "true", "false", "none", "''", "'x'", "'y'"]
COMPARISONS = st.builds(
    lambda *parts: " ".join(parts),
    st.sampled_from(ENTRIES),
    st.sampled_from(["==", "!=", "<", ">", "<=", ">="]),
    st.sampled_from(CONSTANTS),
)
LOOKS = st.builds(lambda entry, test: f"{entry} {test}", st.sampled_from(ENTRIES), st.just("is none"))
LISTED = st.builds(
    lambda entry, word: f"{entry} {word} ['x', 1]",
    st.sampled_from(ENTRIES),
    st.sampled_from(["in", "not in"]),
)
EXPRESSIONS = st.recursive(
    st.sampled_from(ENTRIES) | COMPARISONS | LOOKS | LISTED,
    lambda inner: (
        st.builds("not ({})".format, inner)
        | st.builds("({}) {} ({})".format, inner, st.sampled_from(["and", "or"]), inner)
    ),
    max_leaves=4,
)
VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [0, 1, 2, 2.5, 3, -3, -4, 1e9, True, False, None, "", "x", "xy", "y", "z", [], ["x"], {}]
)
DETAILS: st.SearchStrategy[Any] = st.none() | st.just({}) | st.dictionaries(st.sampled_from("xy"), VALUES)


@given(
    source=EXPRESSIONS,
    facts=st.dictionaries(st.sampled_from("ab"), VALUES),
    labels=st.dictionaries(st.just("a"), st.sampled_from(["", "x", "xy", "y", "zz"])),
    details=st.dictionaries(st.just("a"), DETAILS),
)
def test_what_holds_once_is_never_said_not_to(
    source: str, facts: dict[str, Any], labels: dict[str, str], details: dict[str, Any]
) -> None:
    expression = compile_expression(source)
    if expression.evaluate(Scope(facts=facts, labels=labels, facts_detail=details)).holds:
        assert not never_holds(expression)
