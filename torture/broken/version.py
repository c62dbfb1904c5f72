"""One broken version: what is changed in which file, which promise that breaks, and who must notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

Changes = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A small change that breaks a promise."""

    name: str
    promise: str
    """As it stands in docs/reliability.md or docs/security.md, word for word."""
    file: str
    changes: Changes
    """Old text, of which there is one in the file, and the new one."""
    noticed_by: str
    """The test that must fail, as pytest names it."""

    def apply(self, tree: Path) -> None:
        """Change a tree's file.

        Raises:
            ValueError: when an old text is not there exactly once: the code has moved on.
        """
        path = tree / self.file
        text = path.read_text(encoding="utf-8")
        for old, new in self.changes:
            if text.count(old) != 1:
                raise ValueError(f"{self.name}: {self.file} has {text.count(old)} times: {old.strip()}")
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
