"""Label sets: hostile data from outside, kept as plain strings."""

from __future__ import annotations

from collections.abc import Mapping

Labels = Mapping[str, str]

ALERTNAME = "alertname"
