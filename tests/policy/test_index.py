from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.policy.index import MatcherIndex
from remediator.policy.matchers import parse_matcher


def _index(policies: dict[str, tuple[int, list[str]]]) -> MatcherIndex:
    return MatcherIndex(
        {
            name: (priority, tuple(parse_matcher(text) for text in texts))
            for name, (priority, texts) in policies.items()
        }
    )


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"alertname": "A"}, ["early", "any", "late"]),
        ({"alertname": "B"}, ["any", "other"]),
        ({"alertname": "C"}, ["any"]),
        ({}, ["any"]),
    ],
)
def test_candidates_come_by_priority_then_name(labels: dict[str, str], expected: list[str]) -> None:
    index = _index(
        {
            "late": (100, ["alertname=A", "severity=critical"]),
            "early": (1, ["severity=critical", 'alertname="A"']),
            "other": (50, ["alertname=B"]),
            "any": (50, ['alertname=~".*"']),
        }
    )
    assert list(index.candidates(labels)) == expected


class _Counting(Mapping[str, str]):
    """Labels that count how often they are asked."""

    def __init__(self, labels: dict[str, str]) -> None:
        self.labels, self.asked = labels, 0

    def __getitem__(self, name: str) -> str:
        self.asked += 1
        return self.labels[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.labels)

    def __len__(self) -> int:
        return len(self.labels)


def test_thousands_of_policies_of_other_alerts_cost_nothing() -> None:
    index = _index({f"p{at}": (at, [f"alertname=A{at}"]) for at in range(3000)})
    labels = _Counting({"alertname": "A7"})
    assert list(index.candidates(labels)) == ["p7"]
    assert labels.asked == 1


@given(
    policies=st.dictionaries(
        st.text("abc", min_size=1, max_size=3),
        st.tuples(
            st.integers(0, 3),
            st.lists(st.sampled_from(["alertname=A", "alertname=B", "s=~x|y", "s!=x"]), max_size=3),
        ),
    ),
    labels=st.dictionaries(st.sampled_from(["alertname", "s"]), st.sampled_from(["A", "B", "x"])),
)
def test_no_policy_that_matches_is_missed(
    policies: dict[str, tuple[int, list[str]]], labels: dict[str, str]
) -> None:
    def matches(name: str) -> bool:
        return all(parse_matcher(text).matches(labels) for text in policies[name][1])

    found = [name for name in _index(policies).candidates(labels) if matches(name)]
    assert found == sorted(filter(matches, policies), key=lambda name: (policies[name][0], name))
