from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from remediator.actions.log_counter import LogCounter
from remediator.patterns import compile_pattern

LINES = [b"GET /a 429", b"", b"GET /b 200", b"\xff\xfe 429", b"429"]


@given(st.lists(st.integers(0, 40), max_size=6))
def test_where_the_stream_is_torn_does_not_matter(cuts: list[int]) -> None:
    whole = b"\n".join(LINES)
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    counters = (LogCounter(("429",), None), LogCounter((), compile_pattern("^GET")), LogCounter((), None))
    for counter, count in zip(counters, (3, 2, 5), strict=True):
        for begin, end in pairwise(edges):
            counter.take(whole[begin:end])
        counter.end()
        assert counter.count == count


def test_a_line_without_end_is_not_collected_for_ever() -> None:
    counter = LogCounter(("x",), None)
    for _ in range(100):
        counter.take(b"x" * 10_000)
    counter.end()
    assert counter.count > 1
    assert all(len(line) <= 500 for line in counter.latest)


def test_only_the_latest_lines_are_kept() -> None:
    counter = LogCounter(("n",), None)
    counter.take(b"".join(b"n%d\r\n" % number for number in range(50)))
    assert counter.count == 50
    assert counter.latest == [f"n{number}" for number in range(30, 50)]


def test_counts_under_several_names_in_one_reading() -> None:
    named = {name: compile_pattern(text) for name, text in {"auth": "40[13]", "rate": "429"}.items()}
    counter = LogCounter(("timeout",), None, named)
    counter.take(b"GET 401\nGET 403 429\nread timeout\nGET 200\n")
    counter.end()
    assert (counter.count, counter.counts) == (1, {"auth": 2, "rate": 1})
