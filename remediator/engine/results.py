"""What came of something that a person asked for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from remediator.runs.episodes import Episode
from remediator.runs.records import Hold, Run


class Status(StrEnum):
    """How it ended."""

    DONE = "done"
    REPEATED = "repeated"
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    CONFLICT = "conflict"
    EXPIRED = "expired"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Result:
    """The end of a request, in words for the person who made it, with what it concerned."""

    status: Status
    detail: str
    run: Run | None = None
    hold: Hold | None = None
    episode: Episode | None = None
