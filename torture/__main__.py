"""Runs the trials, or only those that are named. Ends with 1 when a promise was broken."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
import traceback
from collections.abc import Sequence
from datetime import timedelta

from torture.catalog import TRIALS, Entry
from torture.trial import Trial, table

_MINUTES = 20.0
_SEEDS = 2**32


def main(arguments: Sequence[str] | None = None, trials: Sequence[Entry] = TRIALS) -> int:
    """Run them one after the other, so that none disturbs another."""
    chosen = _parser().parse_args(arguments)
    unknown = [name for name in chosen.only if name not in {entry.name for entry in trials}]
    if unknown:
        names = ", ".join(entry.name for entry in trials)
        sys.stderr.write(f"no such trial: {', '.join(unknown)}; there are {names}\n")
        return 2
    named = [entry for entry in trials if not chosen.only or entry.name in chosen.only]
    shares = sum(entry.share for entry in named)
    seed = secrets.randbelow(_SEEDS) if chosen.seed is None else chosen.seed
    _say(f"seed {seed}")
    tried = [_try(entry, seed, timedelta(minutes=chosen.minutes) * (entry.share / shares)) for entry in named]
    _say(f"\nseed {seed}\n\n{table(tried)}")
    return 0 if all(trial.held for trial in tried) else 1


def _try(entry: Entry, seed: int, budget: timedelta) -> Trial:
    _say(f"{entry.name}: about {budget.total_seconds():.0f} s")
    began = time.monotonic()
    trial = _run(entry, seed, budget)
    _say(f"{entry.name}: {trial.cases:,} cases in {time.monotonic() - began:.0f} s")
    for violation in trial.violations:
        _say(f"  VIOLATION {violation}")
    if not trial.held:
        _say(f"  again: {trial.repeat or _command(entry, seed, budget)}")
    return trial


def _run(entry: Entry, seed: int, budget: timedelta) -> Trial:
    try:
        return entry.run(seed, budget)
    except Exception as error:  # noqa: BLE001  a trial that breaks is told of and must not hide the others
        told = "".join(traceback.format_exception(error))
        return Trial(promise=f"the trial {entry.name} ends", cases=1, violations=[told])


def _command(entry: Entry, seed: int, budget: timedelta) -> str:
    minutes = budget / timedelta(minutes=1)
    return f"python -m torture --only {entry.name} --minutes {minutes:.2f} --seed {seed}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("--only", action="append", default=[], help="a trial's name; may be given again")
    parser.add_argument("--minutes", type=float, default=_MINUTES, help="about how long all of it may take")
    parser.add_argument("--seed", type=int, help="try what this seed tries; one is drawn and shown otherwise")
    return parser


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
