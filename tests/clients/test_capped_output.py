from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.clients.capped_output import CappedOutput, last_lines, shortened

CANARY = "s3cret-canary"


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_is_whole_up_to_the_cap_and_never_much_more(pieces: list[bytes]) -> None:
    output = CappedOutput(20)
    for piece in pieces:
        output.feed(piece)
    whole = b"".join(pieces)
    assert output.truncated is (len(whole) > 20)
    if output.truncated:
        assert len(output.text()) <= 20 + len("[… left out …]\n")
    else:
        assert output.text() == whole.decode("utf-8", "replace")


@given(st.integers(min_value=1, max_value=400), st.integers(min_value=20, max_value=200))
def test_no_line_is_cut_in_two(before: int, cap: int) -> None:
    text = "a\n" * before + CANARY + "\n" + "b\n" * 400
    output = CappedOutput(cap * 2)
    output.feed(text.encode())
    for kept in (output.text(), shortened(text, cap), last_lines(text, cap)):
        assert CANARY[:4] not in kept.replace(CANARY, "")
        assert CANARY[-4:] not in kept.replace(CANARY, "")


@pytest.mark.parametrize(
    ("text", "short"),
    [("abc", "abc"), ("one\ntwo\nthree\nfour\n", "one\n[… left out …]\nfour\n")],
)
def test_keeps_both_ends(text: str, short: str) -> None:
    assert shortened(text, 14) == short


def test_the_end_says_why() -> None:
    assert last_lines("one\ntwo\nError: no\n", 12) == "Error: no"
