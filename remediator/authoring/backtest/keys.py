"""Names of what decisions depend on, and that changes."""

from __future__ import annotations

Key = tuple[str, object]
"""Something that decisions depend on, and that changes."""

RESOURCE = "resource"
TARGET = "target"

LIVE: Key = ("live", None)
"""Which runs are under way."""
CAPS: Key = ("caps", None)
"""Whether as many are under way, or started lately, as may."""
STARTS: Key = ("starts", None)
"""Which started lately, while as many had as may."""
HOLDS: Key = ("holds", None)
LEASES: Key = ("leases", None)


def starts_key(policy: str) -> Key:
    """Name what a policy has started."""
    return ("starts of", policy)


def live_key(policy: str) -> Key:
    """Name what a policy has under way."""
    return ("live of", policy)


def ends_key(policy: str) -> Key:
    """Name how a policy's runs ended, and when its alerts came back."""
    return ("ends of", policy)


def join_key(policy: str, target: str) -> Key:
    """Name the run of a policy on a target that is not over, or whose changes stand."""
    return ("join", (policy, target))


def resource_key(resource: str) -> Key:
    """Name a lock."""
    return (RESOURCE, resource)


def target_key(target: str) -> Key:
    """Name who of those who wait for a target goes first."""
    return (TARGET, target)
