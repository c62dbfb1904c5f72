"""When a simulated life begins."""

from datetime import UTC, datetime

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
