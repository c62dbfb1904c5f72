"""Who waits in a line for what others hold, and how important an alert is among them."""

from __future__ import annotations

from collections.abc import Mapping

from remediator.runs.reasons import Reason

IN_LINE = frozenset(
    {
        Reason.TARGET_BUSY,
        Reason.LEASE_HELD,
        Reason.CONCURRENCY,
        Reason.GLOBAL_LIMIT,
        Reason.MAX_TARGETS,
        Reason.HEALTHY_FLOOR,
    }
)
"""Reasons that end when somebody else lets go of something."""
ONE_LINE = frozenset({Reason.GLOBAL_LIMIT, Reason.HELD, Reason.STORM})
"""Reasons for which all policies wait together; the end of a hold or a storm lets all look."""

CRITICAL = 0
MIDDLE = 2
"""What an alert that says nothing of its severity counts as."""
_SEVERITIES: Mapping[str, int] = {
    **dict.fromkeys(("critical", "page", "emergency", "disaster", "fatal", "p1", "sev1"), CRITICAL),
    **dict.fromkeys(("high", "major", "error", "p2", "sev2"), 1),
    **dict.fromkeys(("warning", "warn", "medium", "p3", "sev3"), MIDDLE),
    **dict.fromkeys(("low", "minor", "info", "informational", "none", "p4", "p5", "sev4", "sev5"), 3),
}


def severity_of(labels: Mapping[str, str]) -> int:
    """Return how severe an alert says it is: 0 critical, 1 high, 2 warning or unknown, 3 low."""
    return _SEVERITIES.get(labels.get("severity", "").lower(), MIDDLE)
