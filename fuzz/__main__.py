"""`python -m fuzz [TARGET…]`: fuzz; `--replay FILE` tries one input; `--keep` adds to the corpus."""

from __future__ import annotations

import argparse
import secrets
import sys
from datetime import timedelta
from pathlib import Path

from fuzz.oracles import ORACLES
from fuzz.running import CORPUS, replay, run


def main(argv: list[str]) -> int:
    """Fuzz the named targets, or all; 1 when something was found."""
    reader = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    reader.add_argument("target", nargs="*", help=f"of {', '.join(ORACLES)}; all unless named")
    reader.add_argument("--seconds", type=int, default=60, help="for each target")
    reader.add_argument("--seed", type=int, default=None, help="the same seed tries the same inputs")
    reader.add_argument("--keep", action="store_true", help="leave inputs that reach more in the corpus")
    reader.add_argument("--replay", type=Path, help="try one file with one target, and nothing else")
    chosen = reader.parse_args(argv)
    for name in chosen.target:
        if name not in ORACLES:
            reader.error(f"no such target: {name}; there are {', '.join(ORACLES)}")
    targets = chosen.target or list(ORACLES)
    if chosen.replay is not None:
        failed = [found for name in targets if (found := replay(name, chosen.replay.read_bytes()))]
        sys.stdout.write("".join(f"{finding}\n" for finding in failed))
        return bool(failed)
    seed = chosen.seed if chosen.seed is not None else secrets.randbelow(2**31 - 1) + 1
    failures = 0
    for name in targets:
        keep = CORPUS / name if chosen.keep else None
        result = run(name, timedelta(seconds=chosen.seconds), seed, keep=keep)
        sys.stdout.write(
            f"{name}: {result.executed} inputs, {result.covered} reached, {len(result.findings)} found"
            f" (again: {result.repeat})\n"
        )
        sys.stdout.write("".join(f"{finding}\n" for finding in result.findings))
        failures += len(result.findings)
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
