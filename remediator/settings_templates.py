"""`files:` in `remediator.yaml`: files that policies may render."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from remediator.settings_section import Section


class FileTarget(Section):
    """A file that policies may render from a template."""

    path: Path = Field(description="The file that is written.")
    template: Path = Field(description="What it is written from.")
    protect: tuple[str, ...] = Field(
        default=(), description="Networks (CIDR) that may never be listed in it."
    )
