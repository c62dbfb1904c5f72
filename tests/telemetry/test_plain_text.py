"""Text from outside never moves the cursor, hides or breaks a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.plain_text import lines, one_line

ANY_TEXT = st.text(st.characters(), max_size=60)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("qloapps", "qloapps"),
        ("Größe, 室 and 🏨", "Größe, 室 and 🏨"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x1b[31m\x9b2J\x00", "\\x1b[31m\\x9b2J\\x00"),
        ("\u202eevil\u200b", "\\u202eevil\\u200b"),
        ("\u2028\ud800", "\\u2028\\ud800"),
    ],
)
def test_unsafe_characters_are_written_as_escapes(text: str, shown: str) -> None:
    assert one_line(text) == shown


@given(ANY_TEXT)
def test_one_line_is_one_line_and_can_be_encoded(text: str) -> None:
    shown = one_line(text)
    assert len(shown.splitlines()) <= 1
    assert not any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in shown)
    shown.encode()


@given(ANY_TEXT)
def test_lines_keeps_newlines_and_tabs_and_nothing_else(text: str) -> None:
    shown = lines(text)
    assert shown.count("\n") == text.count("\n")
    assert shown.count("\t") == text.count("\t")
    assert one_line(shown.replace("\n", "").replace("\t", "")) == shown.replace("\n", "").replace("\t", "")
