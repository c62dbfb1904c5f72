"""`network:` in `remediator.yaml`: what policies may look for on the network."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from remediator.settings_section import EntryName, Section

_NAME = re.compile(
    r"(?=.{1,253}\.?$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?"
)


def _check_host(value: str) -> str:
    if _NAME.fullmatch(value):
        return value
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError(f"{value[:80]!r} is neither a host's name nor an IP address") from None


Host = Annotated[str, AfterValidator(_check_host)]
"""A host's name or address; no program takes it for an option."""


class TcpEndpoint(Section):
    """Something that listens."""

    host: Host = Field(description="Its name or address.")
    port: int = Field(ge=1, le=65535, description="Its TCP port.")


class DnsName(Section):
    """A name that should resolve."""

    host: Host = Field(description="The name.")


class Network(Section):
    """What net.tcp and net.dns may ask for."""

    tcp: dict[EntryName, TcpEndpoint] = Field(default={}, description="What net.tcp may connect to.")
    dns: dict[EntryName, DnsName] = Field(default={}, description="What net.dns may resolve.")
