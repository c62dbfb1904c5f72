"""What comes from outside is shown, and does nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.notices.inert import LONGEST, Trusted, inert, inert_lines

HOSTILE = (
    "<!channel>",
    "<@U123|ana>",
    "@here",
    "@everyone now",
    "[pay](https://evil.example/x)",
    "![x](http://evil.example)",
    "https://evil.example",
    "www.evil.com",
    "evil.com/pay",
    "mailto:ana@evil.example",
    "javascript:alert(1)",
    "**bold** _it_ ~no~ `code` ||spoiler||",
    "line\r\n# heading\n> quote",
    "a\u202eb\u2066c\u200dd\x1b[31m",
    "&lt;a&gt;",
)
# What the chat systems that apprise speaks to take for a mention, a link or markup.
ACTIVE = re.compile(
    r"<[!@#]|<\w|(?<!\w)@(?!\u200b)|://|\]\(|[`*~|<>\[\]\\#]|&\w|\r|\n|[\u202a-\u202e\u2066-\u2069]"
    r"|\x1b|[a-z0-9]\.(?:com|example)|mailto:(?!\u200b)|javascript:(?!\u200b)"
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_do_nothing(text: str) -> None:
    assert not ACTIVE.search(inert(text))


@given(st.lists(st.sampled_from([*HOSTILE, "a", " ", "_", ".", ":", "/", "//", "com", "@"]), max_size=8))
def test_nor_does_anything_made_of_them(parts: list[str]) -> None:
    shown = inert("".join(parts))
    assert not ACTIVE.search(shown)
    assert "\n" not in shown


@given(st.text(max_size=2000))
def test_whatever_comes_is_one_short_line(text: str) -> None:
    shown = inert(text)
    assert "\n" not in shown
    assert "@" not in shown.replace("@\u200b", "")
    assert len(shown) <= 2 * LONGEST


@pytest.mark.parametrize(
    "text", ['pms_circuit_breaker_state{service="pms"} == 2', "10.0.0.1:9090", "agente-api", "p95 > 3 s"[:3]]
)
def test_what_operators_copy_stays_as_it_is(text: str) -> None:
    assert inert(text) == text


def test_what_a_policy_says_stays_as_it_is() -> None:
    assert (
        inert(Trusted("see https://runbooks.example/pms @oncall"))
        == "see https://runbooks.example/pms @oncall"
    )


def test_a_message_keeps_its_lines_and_nothing_else() -> None:
    assert inert_lines("one\n@all two\n", 100) == "one\n@\u200ball two"
