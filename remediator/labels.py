"""Label sets: hostile data from outside, kept as plain strings."""

from __future__ import annotations

from collections.abc import Mapping

Labels = Mapping[str, str]

ALERTNAME = "alertname"
SCHEDULE_SOURCE = "schedule"
"""The source of episodes that a schedule opens; no Alertmanager may be called so."""
