"""Values for a template, checked by their types and bounds: none can say more than it should. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from remediator.settings_templates import FileTarget, TemplateValue

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
Given = str | int | Sequence[str]

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_PARTS = re.compile(r"[\s,]+")
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
# Where IPv4 addresses stand within IPv6 ones: mapped, compatible, NAT64, 6to4.
_EMBEDDED = ((int(_MAPPED.network_address), 96), (0, 96), (0x0064FF9B << 96, 96), (0x2002 << 112, 16))


class ValueFaultError(ValueError):
    """A value may not be put into a template. The text says which, and why."""


def checked(entry: FileTarget, where: str, given: Mapping[str, Given]) -> dict[str, Any]:
    """Return all values of a template, typed; addresses sorted, each once, as text.

    Raises:
        ValueFaultError: when a value is missing, unknown, or out of its bounds.
    """
    unknown = sorted(given.keys() - entry.values.keys())
    if unknown:
        raise ValueFaultError(f"{where}.values in remediator.yaml does not list {', '.join(unknown)[:200]}")
    missing = sorted(entry.values.keys() - given.keys())
    if missing:
        raise ValueFaultError(f"{where} needs {', '.join(missing)}")
    protect = tuple(ipaddress.ip_network(network) for network in entry.protect)
    return {
        name: _typed(value, given[name], protect, f"{name}: ", f"{where}.values.{name}")
        for name, value in entry.values.items()
    }


def _typed(
    value: TemplateValue, given: Given, protect: Sequence[IPNetwork], what: str, where: str
) -> int | str | list[str]:
    try:
        if value.type == "integer":
            return _integer(value, given)
        if value.type == "choice":
            return _choice(value, given)
        return _addresses(value, given, protect)
    except ValueError as error:
        raise ValueFaultError(f"{what}{error} ({where} in remediator.yaml)") from None


def _integer(value: TemplateValue, given: Given) -> int:
    if not isinstance(given, str | int) or not _WHOLE.fullmatch(str(given)):
        raise ValueError(f"{str(given)[:80]!r} is not a whole number")
    number = int(given)
    low, high = value.min, value.max
    if (low is not None and number < low) or (high is not None and number > high):
        raise ValueError(f"{number} is not within {low} to {high}")
    return number


def _choice(value: TemplateValue, given: Given) -> str:
    if given not in value.values:
        raise ValueError(f"{str(given)[:80]!r} is not one of the values")
    return str(given)


def _addresses(value: TemplateValue, given: Given, protect: Sequence[IPNetwork]) -> list[str]:
    written = str(given) if isinstance(given, int) else given
    texts = [part for part in _PARTS.split(written) if part] if isinstance(written, str) else list(written)
    if len(texts) > value.most:
        raise ValueError(f"{len(texts)} addresses are more than {value.most}")
    networks = {_network(text) for text in texts}
    for network in networks:
        _check_network(network, value, protect)
    ordered = sorted(networks, key=lambda one: (one.version, int(one.network_address), one.prefixlen))
    return [_written(network) for network in ordered]


def _network(text: str) -> IPNetwork:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"{text[:80]!r} is not an IP address or network") from None
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        embedded = int(network.network_address) & 0xFFFFFFFF
        return ipaddress.IPv4Network((embedded, network.prefixlen - 96))
    return network


def _check_network(network: IPNetwork, value: TemplateValue, protect: Sequence[IPNetwork]) -> None:
    widest = value.widest_v4 if network.version == 4 else value.widest_v6
    if network.prefixlen < widest:
        raise ValueError(f"{network} is wider than /{widest}")
    if network.is_loopback or network.is_multicast or network.is_link_local or network.is_unspecified:
        raise ValueError(f"{network} is not an address of a client")
    for kept in protect:
        if any(_overlap(network, form) for form in _forms(kept)):
            raise ValueError(f"{network} is protected: {kept} may not be listed")


def _overlap(one: IPNetwork, other: IPNetwork) -> bool:
    return one.version == other.version and one.overlaps(other)


def _forms(network: IPNetwork) -> Iterable[IPNetwork]:
    """Yield a network, and for an IPv4 one also what stands for it among IPv6 networks."""
    yield network
    if isinstance(network, ipaddress.IPv6Network):
        if network.subnet_of(_MAPPED):
            yield _network(str(network))
        return
    for base, prefix in _EMBEDDED:
        shift = 128 - prefix - 32
        yield ipaddress.IPv6Network(
            (base | int(network.network_address) << shift, prefix + network.prefixlen)
        )


def _written(network: IPNetwork) -> str:
    single = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if single else str(network)
