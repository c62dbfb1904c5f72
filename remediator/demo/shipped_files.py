"""Where the files are that the demo copies: at the top level of a checkout, or inside the package."""

from __future__ import annotations

from pathlib import Path

from remediator.shipped import shipped_policies

_PACKAGE = Path(__file__).parents[1]


def policies() -> list[Path]:
    """Return the shipped policies' files."""
    return sorted(shipped_policies().glob("*.yaml"))


def shipped(name: str) -> Path:
    """Return a shipped file by its name below the top level, like `prometheus/alerts.yml`."""
    packaged = _PACKAGE / "shipped_demo" / name
    return packaged if packaged.exists() else _PACKAGE.parent / name
