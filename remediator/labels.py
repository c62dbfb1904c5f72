"""Label sets: hostile data from outside, kept as plain strings."""

from __future__ import annotations

from collections.abc import Mapping

Labels = Mapping[str, str]

ALERTNAME = "alertname"
SCHEDULE_SOURCE = "schedule"
"""The source of episodes that a schedule opens; no Alertmanager may be called so."""
_DRILL = "drill"


def is_drill(labels: Labels) -> bool:
    """Return whether an alert says of itself that it is an exercise: it is decided, and nothing is done."""
    return labels.get(_DRILL) == "true"
