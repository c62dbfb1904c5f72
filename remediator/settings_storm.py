"""`limits.storm`: what counts as a storm of alerts, and what goes on in one."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from remediator.durations import Duration
from remediator.settings_section import Section


class ActsOn(StrEnum):
    """How severe an alert has to be that is acted on in a storm."""

    CRITICAL = "critical"
    HIGH = "high"
    WARNING = "warning"


class StormLimits(Section):
    """A storm of alerts: only what matters most is acted on, and the rest waits until it is over."""

    enter: int = Field(default=300, ge=2, description="So many new alerts `within` are a storm.")
    leave: int = Field(
        default=60,
        ge=1,
        description="It is over once fewer than these came `within`, all through `calm_for`.",
    )
    within: Duration = Field(default=timedelta(minutes=1), description="The time that new alerts count for.")
    calm_for: Duration = Field(
        default=timedelta(minutes=3), description="How long it has to stay calm before a storm is over."
    )
    acts_on: ActsOn = Field(
        default=ActsOn.CRITICAL, description="Alerts that severe, or more, are acted on in a storm too."
    )
    priority: int = Field(
        default=50, description="Policies of this priority, or a lower number, act in a storm on any alert."
    )

    @model_validator(mode="after")
    def _below(self) -> Self:
        if self.leave >= self.enter:
            raise ValueError("leave must be below enter, or a storm would begin and end with every alert")
        return self
