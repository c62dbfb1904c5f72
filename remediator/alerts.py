"""Alertmanager's webhook payload, version 4, read tolerantly: unknown keys are ignored.

The group's own `status` is never used (with `max_alerts` it can say `resolved` over
alerts that fire), and neither `groupKey` nor `externalURL` identifies anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

# Alertmanager writes Go's zero time while an alert fires.
_GO_ZERO = datetime(1, 1, 1, tzinfo=UTC)


class AlertStatus(StrEnum):
    """One alert's own status."""

    FIRING = "firing"
    RESOLVED = "resolved"


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("has no time zone; Alertmanager sends RFC 3339 times")
    return value.astimezone(UTC) if value != _GO_ZERO else value


Time = Annotated[datetime, AfterValidator(_aware)]


class Alert(BaseModel):
    """One alert of a delivery. Its identity is the source plus `fingerprint`."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    status: AlertStatus
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: Time = Field(alias="startsAt")
    ends_at: Time | None = Field(default=None, alias="endsAt")
    generator_url: str = Field(default="", alias="generatorURL")
    fingerprint: str = Field(min_length=1, max_length=64)

    @property
    def ended_at(self) -> datetime | None:
        """When it ended, by its sender; None while firing."""
        return None if self.ends_at is None or self.ends_at == _GO_ZERO else self.ends_at


@dataclass(frozen=True, slots=True)
class BadAlert:
    """An alert that could not be read: its place in the payload, why, and its raw JSON, cut."""

    index: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Payload:
    """A delivery as read: the good alerts, and the bad ones beside them."""

    receiver: str
    group_key: str
    truncated_alerts: int
    alerts: tuple[Alert, ...]
    bad: tuple[BadAlert, ...]
