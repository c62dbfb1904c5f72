"""The configuration and what follows from it, for commands that work on files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from remediator.actions.catalog import ActionClients, build_actions
from remediator.cli.options import config_path
from remediator.clients.process import ProcessRunner
from remediator.clock import SystemClock
from remediator.engine.capabilities import Capabilities, capabilities_of, catalog_of
from remediator.extensions import load_extensions
from remediator.jobs.scheduler import CronCalendar
from remediator.policy.catalog import Catalog
from remediator.policy.loaded import PolicySet
from remediator.policy.loader import load_policies
from remediator.settings import Settings
from remediator.settings_file import load_settings
from remediator.shipped import policy_folder


@dataclass(frozen=True, slots=True)
class Workspace:
    """What a configuration makes of the catalogs. Nothing in it connects to anything."""

    settings: Settings
    policies: Path
    capabilities: Capabilities
    now: datetime

    @property
    def catalog(self) -> Catalog:
        """What policies are checked against."""
        return catalog_of(self.capabilities, CronCalendar(), self.settings.retention.records)

    def load(self) -> PolicySet:
        """Load the policies that would serve.

        Raises:
            ConfigError: with every fault in them.
        """
        return load_policies(self.policies, self.catalog, self.settings, now=self.now)


def open_workspace(config: Path | None) -> Workspace:
    """Read the configuration.

    Raises:
        ConfigError: with every fault in it.
    """
    settings = load_settings(config_path(config))
    clock = SystemClock()
    extensions = load_extensions(settings.extensions)
    built = build_actions(settings, ActionClients.of(settings, ProcessRunner()), clock)
    capabilities = capabilities_of({**built, **extensions.actions}, settings.limits, extensions)
    return Workspace(settings, policy_folder(settings), capabilities, clock.now())
