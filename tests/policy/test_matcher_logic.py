from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.policy.matcher_logic import contradiction, implies
from remediator.policy.matchers import Matcher, Operator, parse_matcher, parse_matchers


@pytest.mark.parametrize(
    ("text", "clash"),
    [
        ('a="x", a="y"', ('a="x"', 'a="y"')),
        ('a="x", a!="x"', ('a="x"', 'a!="x"')),
        ('a!="x", b="z", a="x"', ('a!="x"', 'a="x"')),
        ('a=~"x|y", a="z"', ('a=~"x|y"', 'a="z"')),
        ('a=~"x|y", a!~"x.*", a!="y"', ('a=~"x|y"', 'a!~"x.*"')),
        ('a="", a=~".+"', ('a=""', 'a=~".+"')),
        ('a="x", a=~"y.*"', ('a="x"', 'a=~"y.*"')),
        ('a="x", a=~"x|y"', None),
        ('a=~"x|y", a!="x"', None),
        ('a="x", b="y"', None),
        # Regular expressions against each other are not decided.
        ('a=~"x.*", a=~"y.*"', None),
        ('a!="", a!="x"', None),
    ],
)
def test_what_can_not_hold_together(text: str, clash: tuple[str, str] | None) -> None:
    found = contradiction(parse_matchers(text))
    assert (found and {str(matcher) for matcher in found}) == (clash and set(clash))


@pytest.mark.parametrize(
    ("text", "wanted", "sure"),
    [
        ('a="x"', 'a="x"', True),
        ('a="x"', 'a=~"x|y"', True),
        ('a="x"', 'a!="y"', True),
        ('a=~"x|y"', 'a=~"[xy]"', True),
        ('a=~"x.*"', 'a=~"x.*"', True),
        ('a=~"x|y"', 'a="x"', False),
        ('a="x"', 'b="x"', False),
        ("", 'a!="x"', False),
        ('a=~"x.*"', 'a=~"x.+|x"', False),
    ],
)
def test_what_follows(text: str, wanted: str, sure: bool) -> None:
    assert implies(parse_matchers(text), parse_matcher(wanted)) is sure


OPERATORS: list[Operator] = ["=", "!=", "=~", "!~"]
VALUES = ["", "x", "y", "x|y", "x|", "x.*", "[xy]", ".*", ".+"]
MATCHERS = st.builds(Matcher, st.sampled_from("ab"), st.sampled_from(OPERATORS), st.sampled_from(VALUES))
LABELS = st.dictionaries(st.sampled_from("ab"), st.sampled_from(["", "x", "y", "xy", "z", "x|y"]))


@given(matchers=st.lists(MATCHERS, max_size=5), labels=LABELS)
def test_a_contradiction_is_never_claimed_of_what_matches(
    matchers: list[Matcher], labels: dict[str, str]
) -> None:
    if all(matcher.matches(labels) for matcher in matchers):
        assert contradiction(matchers) is None


@given(matchers=st.lists(MATCHERS, max_size=4), wanted=MATCHERS, labels=LABELS)
def test_an_implication_holds_of_whatever_matches(
    matchers: list[Matcher], wanted: Matcher, labels: dict[str, str]
) -> None:
    if implies(matchers, wanted) and all(matcher.matches(labels) for matcher in matchers):
        assert wanted.matches(labels)
