"""From which address a request comes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from aiohttp import web
from pydantic import IPvAnyNetwork

Address = IPv4Address | IPv6Address
_FORWARDED_FOR = "X-Forwarded-For"
_IPV6_SITE_BITS = 64


def peer(request: web.Request) -> Address | None:
    """Return the address of the connection's other end; no header is believed."""
    return _address(request.remote or "")


def is_within(address: Address | None, networks: Sequence[IPvAnyNetwork]) -> bool:
    """Tell whether an address is in one of the networks."""
    return address is not None and any(address in network for network in networks)


def origin(request: web.Request, proxies: Sequence[IPvAnyNetwork]) -> str:
    """Return whom a failed login is counted against: an address, of IPv6 its network of 64 bits.

    Behind a proxy that is listed it is the last address in X-Forwarded-For that is not a proxy's; what
    anybody else writes there is not believed.
    """
    found = peer(request)
    if is_within(found, proxies):
        forwarded = ",".join(request.headers.getall(_FORWARDED_FOR, [])).split(",")
        for text in reversed(forwarded):
            address = _address(text.strip())
            if address is None:
                break
            found = address
            if not is_within(address, proxies):
                break
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, _IPV6_SITE_BITS), strict=False))
    return "unknown" if found is None else str(found)


# A pure function that every request asks, so remembering is safe: most come from the same few addresses.
@lru_cache(maxsize=4096)
def _address(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
