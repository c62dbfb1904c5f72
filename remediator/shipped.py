"""Where the policies are that remediator comes with."""

from __future__ import annotations

from pathlib import Path

from remediator.settings import Settings

_PACKAGE = Path(__file__).parent


def policy_folder(settings: Settings) -> Path:
    """Return the folder of policies that serves: the configured one, else the shipped one."""
    return settings.policies or shipped_policies()


def shipped_policies() -> Path:
    """Return the shipped policies: in the package when installed, at the top level in a checkout."""
    packaged = _PACKAGE / "shipped_policies"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "policies"
