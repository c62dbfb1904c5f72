from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from remediator.actions.top_values import TopParams, TopValues

FIRST = r"^(\S+) "


def ranked(lines: list[str], **params: Any) -> list[tuple[str, int]]:
    top = TopValues(TopParams.model_validate({"pattern": FIRST, **params}))
    for line in lines:
        top.look(line)
    return [(one["value"], one["count"]) for one in top.shown()]


def test_the_most_frequent_come_first() -> None:
    lines = ["b x", "a x", "c x", "a x", "c x", "a x", "nothing"]
    assert ranked(lines) == [("a", 3), ("c", 2), ("b", 1)]
    assert ranked(lines, at_least=2) == [("a", 3), ("c", 2)]
    assert ranked(lines, most=1) == [("a", 3)]


@pytest.mark.parametrize(
    ("written", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("203.0.113.999", None),
        ("203.0.113.7/0", None),
        ("0x7f.1", None),
        ("fe80::1%eth0", None),
        ("example.com", None),
        ("1", None),
    ],
)
def test_only_addresses_count_as_addresses(written: str, counted: str | None) -> None:
    found = ranked([f"{written} GET /"], addresses=True)
    assert found == ([] if counted is None else [(counted, 1)])


@given(st.lists(st.ip_addresses(), max_size=30))
def test_each_address_is_counted_once_a_line(addresses: list[ipaddress.IPv4Address]) -> None:
    found = ranked([f"{address} GET" for address in addresses], addresses=True, most=50)
    assert sum(count for _, count in found) == len(addresses)
    assert all(str(ipaddress.ip_address(value)) == value for value, _ in found)


def test_ever_new_values_do_not_fill_the_memory() -> None:
    top = TopValues(TopParams(pattern=FIRST))
    for number in range(30_000):
        top.look(f"v{number} x")
        top.look("offender x")
    assert len(top._counts) <= 10_000
    assert top.shown()[0] == {"value": "offender", "count": 30_000}


@pytest.mark.parametrize("pattern", ["no group", "(two)(groups)", "(", "(?:none)"])
def test_a_pattern_has_one_group(pattern: str) -> None:
    with pytest.raises(ValidationError):
        TopParams(pattern=pattern)


def test_a_group_that_took_no_part_is_no_value() -> None:
    assert ranked(["x"], pattern="x(y)?") == []
