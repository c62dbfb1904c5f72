from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from remediator.actions.template_values import ValueFaultError, checked
from remediator.settings_templates import FileTarget

PROTECTED = ("10.0.0.0/8", "203.0.113.0/28", "2001:db8:1::/48")


def target(**values: dict[str, Any]) -> FileTarget:
    return FileTarget.model_validate(
        {"path": "/etc/x.conf", "template": "x.j2", "values": values, "protect": PROTECTED}
    )


RATE = {"type": "integer", "min": 1, "max": 300}
ZONE = {"type": "choice", "values": ["hotel", "api"]}
DENY = {"type": "addresses", "most": 3}
WIDE = {"type": "addresses", "widest_v4": 8, "widest_v6": 32}


def fault(entry: FileTarget, **given: Any) -> str:
    with pytest.raises(ValueFaultError) as caught:
        checked(entry, "files.x", given)
    return str(caught.value)


@pytest.mark.parametrize(("given", "number"), [(300, 300), ("300", 300), ("1", 1)])
def test_whole_numbers(given: Any, number: int) -> None:
    assert checked(target(rate=RATE), "files.x", {"rate": given}) == {"rate": number}


@pytest.mark.parametrize(
    "given",
    [
        0,
        301,
        "0x1F",
        "1.5",
        "",
        "300; deny all",
        "300\n",
        "\uff13\uff10\uff10",
        "-1",
        "9" * 40,
        ("1",),
        "1_0",
        " 1",
    ],
)
def test_whole_numbers_keep_to_their_bounds(given: Any) -> None:
    assert "files.x.values.rate" in fault(target(rate=RATE), rate=given)


@pytest.mark.parametrize("given", ["hotel ", "other", "", "hotel;", ("hotel",), 1])
def test_a_choice_is_one_of_its_values(given: Any) -> None:
    assert checked(target(zone=ZONE), "files.x", {"zone": "api"}) == {"zone": "api"}
    assert "is not one of the values" in fault(target(zone=ZONE), zone=given)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("", []),
        ((), []),
        ("198.51.100.9 198.51.100.10,198.51.100.9", ["198.51.100.9", "198.51.100.10"]),
        (("198.51.100.9",), ["198.51.100.9"]),
        ("198.51.100.9/32", ["198.51.100.9"]),
        ("::ffff:198.51.100.9", ["198.51.100.9"]),
        ("2001:DB8:2::0/64", ["2001:db8:2::/64"]),
        ("2001:db8:2::9 198.51.100.9", ["198.51.100.9", "2001:db8:2::9"]),
    ],
)
def test_addresses_are_written_in_one_form(given: Any, written: list[str]) -> None:
    assert checked(target(deny=DENY), "files.x", {"deny": given}) == {"deny": written}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("10.1.2.3", "protected: 10.0.0.0/8"),
        ("203.0.113.15", "protected"),
        ("::ffff:10.1.2.3", "protected"),
        ("::ffff:0a01:0203", "protected"),
        ("::10.1.2.3", "protected"),
        ("64:ff9b::10.1.2.3", "protected"),
        ("2002:0a01:0203::/64", "protected"),
        ("2001:db8:1:7::/64", "protected"),
        ("2001:db8:1::7", "protected"),
        ("203.0.113.0/24", "wider than /32"),
        ("0.0.0.0/0", "wider than /32"),
        ("::/0", "wider than /64"),
        ("::/64", "protected"),
        ("2001:db8::/63", "wider than /64"),
        ("127.0.0.1", "not an address of a client"),
        ("::1", "not an address of a client"),
        ("::ffff:127.0.0.1", "not an address of a client"),
        ("0.0.0.0", "not an address of a client"),
        ("224.0.0.1", "not an address of a client"),
        ("fe80::1", "not an address of a client"),
        ("169.254.169.254", "not an address of a client"),
        ("198.51.100.9;", "is not an IP address"),
        ("198.51.100.9} deny all;", "is not an IP address"),
        ("198.51.100.9/24", "is not an IP address"),
        ("-x", "is not an IP address"),
        ("198.51.100.9\0", "is not an IP address"),
        ("fe80::1%eth0", "is not"),
        ("198.51.100.1 198.51.100.2 198.51.100.3 198.51.100.4", "4 addresses are more than 3"),
        (("198.51.100.9 198.51.100.10",), "is not an IP address"),
        (7, "is not an IP address"),
    ],
)
def test_addresses_that_may_not_be_listed(given: Any, said: str) -> None:
    assert said in fault(target(deny=DENY), deny=given)


@given(st.ip_addresses(network="10.0.0.0/8"), st.integers(0, 24))
def test_no_part_of_a_protected_network_is_listed_in_any_form(
    address: ipaddress.IPv4Address, wider: int
) -> None:
    entry = target(deny=WIDE)
    prefix = 32 - wider
    network = ipaddress.ip_network((address, prefix), strict=False)
    sixth = ipaddress.IPv6Network((int(ipaddress.IPv6Address("::ffff:0:0")) | int(address), 128))
    for text in (str(address), str(network), str(sixth), f"::ffff:{address}", f"64:ff9b::{address}"):
        with pytest.raises(ValueFaultError):
            checked(entry, "files.x", {"deny": text})


@given(st.text(max_size=30))
def test_whatever_text_comes_only_addresses_leave(text: str) -> None:
    try:
        found = checked(target(deny=WIDE), "files.x", {"deny": text})["deny"]
    except ValueFaultError:
        return
    assert all(str(ipaddress.ip_network(one)) in (one, f"{one}/32", f"{one}/128") for one in found)


def test_values_are_those_that_the_inventory_lists() -> None:
    entry = target(rate=RATE)
    assert "needs rate" in fault(entry)
    assert "does not list zone" in fault(entry, rate=1, zone="hotel")


@pytest.mark.parametrize(
    "change",
    [
        {"values": {"x": {"type": "integer", "min": 1}}},
        {"values": {"x": {"type": "choice"}}},
        {"values": {"a-b": RATE}},
        {"protect": ["10.0.0.1/8"]},
        {"protect": ["everyone"]},
        {"path": "/etc/../etc/passwd"},
        {"path": "/"},
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FileTarget.model_validate({"path": "/etc/x.conf", "template": "x.j2", **change})
