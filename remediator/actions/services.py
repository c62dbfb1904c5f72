"""What the inventory lets a policy ask of a service. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from remediator.clients.service_paths import allowed, path_fault
from remediator.settings import Service

LOOKS = ("GET", "HEAD")


def refuse_request(
    services: Mapping[str, Service] | None, service: str, method: str, path: str
) -> str | None:
    """Say why a request may not be made, or None."""
    if services is None:
        return "remediator.yaml has no services section"
    entry = services.get(service)
    if entry is None:
        return f"remediator.yaml has no service called {service!r}"
    fault = path_fault(path)
    if fault is not None:
        return fault
    if entry.paths is None or allowed(entry.paths, method, path):
        return None
    if method == "HEAD" and allowed(entry.paths, "GET", path):
        return None
    return f"services.{service}.paths does not allow {method} {path.partition('?')[0][:120]}"


def repeatable(services: Mapping[str, Service] | None, service: str, method: str, path: str) -> bool:
    """Tell whether a request may safely be sent twice."""
    entry = (services or {}).get(service)
    return method in LOOKS or (entry is not None and allowed(entry.idempotent, method, path))
