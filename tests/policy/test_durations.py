from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.durations import format_duration, parse_duration

MILLISECOND = timedelta(milliseconds=1)


@given(st.integers(0, timedelta.max // MILLISECOND))
def test_what_is_written_reads_back(milliseconds: int) -> None:
    duration = milliseconds * MILLISECOND
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("30s", 30),
        ("1h30m", 5400),
        ("2d", 172800),
        ("1w", 604800),
        ("1500ms", 1.5),
        ("1y", 31536000),
    ],
)
def test_prometheus_durations(text: str, seconds: float) -> None:
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "5 m", "1m1h", "1m1m", "-1s", "1.5h", "s", "1S", "9" * 70 + "s", "5 minutes", "5m\n"]
)
def test_other_text_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="30s"):
        parse_duration(text)
