"""Which trials there are, and how long each may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torture import crash, fuzzing, simulation, storm
from torture.broken import trying as broken
from torture.soak import trial as soak
from torture.trial import Runs


@dataclass(frozen=True, slots=True)
class Entry:
    """One trial of the catalog. See `Runs` for what `run` is."""

    name: str
    """What `--only` names."""
    run: Runs
    share: float
    """How much of the time it may take, beside the others' shares."""


TRIALS: Sequence[Entry] = (
    Entry("simulation", simulation.run, share=6),
    Entry("kills", crash.kills, share=2),
    Entry("soak", soak.run, share=4),
    Entry("real-kills", crash.real_kills, share=4),
    Entry("storm", storm.run, share=3),
    Entry("fuzzing", fuzzing.run, share=4),
    Entry("broken", broken.run, share=5),
)
