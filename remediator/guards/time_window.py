"""`time_window`: run by day, not by night; or ask people outside working hours."""

from __future__ import annotations

from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, model_validator

from remediator.guards.approval import ask, asked_of
from remediator.guards.base import BaseGuard, GuardParams, Look, allow, deny, iso
from remediator.guards.local_windows import ClockTime, Days, LocalWindows, parse_clock, parse_days
from remediator.runs.reasons import Reason
from remediator.runs.verdicts import Verdict
from remediator.timezones import Zone


class TimeWindowParams(GuardParams):
    """When it may run. A window over midnight belongs to the day on which it begins."""

    days: Days = Field(
        default="mon-sun", description="Days on which a window begins, like mon-fri or sat,sun."
    )
    from_: ClockTime = Field(alias="from", default="00:00", description="Local time at which it begins.")
    to: ClockTime = Field(
        default="24:00", description="Local time at which it ends; on the next day when not after `from`."
    )
    timezone: Zone = Field(default="UTC", description="Name of the time zone, like Europe/Madrid.")
    otherwise: Literal["block", "approval"] = Field(
        default="block",
        description="Outside: block until the next window, or ask the policy's approvers.",
    )

    @model_validator(mode="after")
    def _some_time(self) -> TimeWindowParams:
        if parse_clock(self.from_) == parse_clock(self.to) or self.from_ == "24:00":
            raise ValueError('is no window; write it like from: "08:00", to: "20:00"')
        return self

    def windows(self) -> LocalWindows:
        """Return the windows that they describe."""
        zone = ZoneInfo(self.timezone)
        return LocalWindows(parse_days(self.days), parse_clock(self.from_), parse_clock(self.to), zone)


class TimeWindow(BaseGuard):
    """Outside its windows it denies, or asks."""

    name: ClassVar[str] = "time_window"
    summary: ClassVar[str] = "Runs only at certain times; outside them it blocks or asks people."
    params: ClassVar[type[BaseModel]] = TimeWindowParams

    def evaluate(self, params: TimeWindowParams, look: Look, key: str) -> Verdict:
        """Look at the clock on the wall of `timezone`."""
        windows = params.windows()
        local = look.now.astimezone(windows.zone)
        window = f"{params.days} {params.from_}-{params.to} {params.timezone}"
        inputs = {"local_time": local.isoformat(), "window": window}
        shown = f"{local:%a %H:%M} {params.timezone}"
        if windows.contains(look.now):
            return allow(self.name, key, f"{shown} is within {window}", **inputs)
        until = windows.next_start(look.now)
        detail = f"{shown} is outside {window}"
        if params.otherwise == "approval" and look.approvers is not None:
            return ask(
                self.name, key, look.approvers, f"{detail}: needs {asked_of(look.approvers)}", **inputs
            )
        inputs["next_start"] = iso(until) if until else ""
        return deny(self.name, key, Reason.OUTSIDE_TIME_WINDOW, detail, until=until, **inputs)
