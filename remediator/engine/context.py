"""What the engine's parts share: the store, the clock, the policies, the catalogs. Built once, in app.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from remediator.clock import Clock
from remediator.engine.capabilities import Capabilities, PreparedPolicy
from remediator.engine.failpoints import Failpoints
from remediator.engine.policies import Policies
from remediator.policy.calendar import Calendar
from remediator.runs.records import Run
from remediator.secret_refs import Redactor
from remediator.settings import Settings
from remediator.store.base import Store


class Deciding(Protocol):
    """What any decision is made with, live or only explained."""

    @property
    def settings(self) -> Settings:
        """The configuration: its mode is a ceiling over all policies."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """The catalogs, as built."""
        ...


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine's surroundings."""

    store: Store
    clock: Clock
    settings: Settings
    policies: Policies
    capabilities: Capabilities
    redactor: Redactor
    failpoints: Failpoints
    calendar: Calendar | None = None
    """Reads the cron expressions of schedules; without it none is due."""

    def prepared_for(self, run: Run) -> PreparedPolicy:
        """Return the policy as the run was decided with, whatever was loaded since."""
        return self.policies.as_decided(run.policy_hash, run.document)
