"""Changes every guard's parameter, and every escalation's time, in every shipped policy.

Shows what their tests do not notice.

Run by `make bench ONLY=mutation`. Ends with 1 when a mutant survives.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from remediator.authoring.policy_tests.mutation import MutationRun
from remediator.authoring.policy_tests.reading import find_files
from remediator.jobs.scheduler import CronCalendar

TESTS = Path(__file__).parents[1] / "policies" / "tests"


def main() -> int:
    """Judge every mutant and print the survivors."""
    began = time.perf_counter()
    run = MutationRun(find_files([TESTS]), CronCalendar())
    judged = [run.judge(mutant) for mutant in run.mutants()]
    survivors = [one.mutant for one in judged if one.noticed_by is None]
    for mutant in survivors:
        sys.stdout.write(f"survived: {mutant.policy}, {mutant.part}, {mutant.what}\n")
    tests, seconds = sum(one.tried for one in judged), time.perf_counter() - began
    sys.stdout.write(
        f"{len(judged)} mutants of the shipped policies' guards and escalations, {len(survivors)} survived "
        f"({tests} tests in {seconds:.0f} s)\n"
    )
    return 1 if survivors else 0
