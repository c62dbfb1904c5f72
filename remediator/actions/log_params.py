"""What is looked for in a log, wherever the log comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from remediator.actions.base import ActionParams
from remediator.actions.log_counter import LogCounter
from remediator.actions.top_values import TopParams, TopValues
from remediator.durations import Duration
from remediator.patterns import Pattern, compile_pattern
from remediator.settings_section import EntryName

RESULT: Mapping[str, str] = {
    "count": "how many lines were counted",
    "lines": "the latest of them",
    "counts": "name: how many lines match its pattern",
    "top": "values of the group, each with `value` and `count`, the most frequent first",
    "top_values": "the same values alone, for `join`",
    "complete": "whether the whole log of that time was read",
}
FACT = "number: lines counted (all lines without count and pattern)"


def _as_list(value: Any) -> Any:
    wrapped = value if isinstance(value, list | tuple) else [value]
    return [str(one) if isinstance(one, int) and not isinstance(one, bool) else one for one in wrapped]


Needle = Annotated[str, Field(min_length=1, max_length=500)]


class LogParams(ActionParams):
    """How far back, and what to count; everything in one reading."""

    since: Duration = Field(default=timedelta(minutes=10), description="How far back.")
    count: Annotated[tuple[Needle, ...], BeforeValidator(_as_list)] = Field(
        default=(), description="Literal text, or a list of it: lines that hold any are counted."
    )
    pattern: Pattern | None = Field(default=None, description="RE2: lines that match are counted.")
    counts: dict[EntryName, Pattern] = Field(
        default={}, max_length=20, description="Name: RE2. Lines that match are counted under that name."
    )
    top: TopParams | None = Field(default=None, description="The values that a pattern finds most often.")

    def counter(self) -> tuple[LogCounter, TopValues | None]:
        """Return what reads one log."""
        pattern = None if self.pattern is None else compile_pattern(self.pattern)
        named = {name: compile_pattern(text) for name, text in self.counts.items()}
        top = None if self.top is None else TopValues(self.top)
        return LogCounter(self.count, pattern, named, top), top


def tallied(
    params: LogParams, read: Iterable[tuple[LogCounter, TopValues | None]], *, complete: bool
) -> dict[str, Any]:
    """Return the result fields of several logs that were read as one."""
    whole, lines, counts = 0, [], dict.fromkeys(params.counts, 0)
    values = None if params.top is None else TopValues(params.top)
    for counter, top in read:
        whole += counter.count
        lines += counter.latest
        counts = {name: counts[name] + counter.counts[name] for name in counts}
        if values is not None and top is not None:
            values.add(top)
    result: dict[str, Any] = {"count": whole, "lines": lines, "counts": counts, "complete": complete}
    if values is not None:
        shown = values.shown()
        result |= {"top": shown, "top_values": [one["value"] for one in shown]}
    return result
