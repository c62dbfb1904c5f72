"""Hundreds of short simulated lives, and whether they are lively enough to show anything."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from functools import cache

import pytest

from remediator.authoring.reference import PROJECT
from remediator.runs.audit import AuditAction
from torture.life.judging import Lived, live

SEEDS_OF_A_BATCH = 50
EVENTS = 10


@cache
def lives(batch: int) -> dict[int, Lived]:
    first = batch * SEEDS_OF_A_BATCH
    return {seed: live(seed, EVENTS) for seed in range(first, first + SEEDS_OF_A_BATCH)}


@pytest.mark.parametrize("batch", range(4))
def test_the_promises_hold_whatever_comes(batch: int) -> None:
    broken = {
        f"python -m torture.life --events {EVENTS} --seed {seed}": lived.violations
        for seed, lived in lives(batch).items()
        if lived.violations
    }
    assert broken == {}


def test_the_same_seed_gives_the_same_trace_in_another_process_too() -> None:
    here = live(7, EVENTS).trace
    assert lives(0)[7].trace == here
    assert lives(0)[8].trace != here
    there = subprocess.run(
        [sys.executable, "-m", "torture.life", "--seed", "7", "--events", str(EVENTS), "--run", "0"],
        cwd=PROJECT,
        env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
    )
    assert f"trace {here}\n" in there.stdout


def test_the_lives_contain_what_they_are_to_show() -> None:
    seen = sum((lived.actions for lived in lives(0).values()), Counter[str]())
    for action in (
        AuditAction.STEP_AMBIGUOUS,
        AuditAction.APPROVAL_GRANTED,
        AuditAction.APPROVAL_DENIED,
        AuditAction.APPROVAL_EXPIRED,
        AuditAction.HOLD_ADDED,
        AuditAction.HOLD_EXPIRED,
        AuditAction.LEASE_CLOSED,
        AuditAction.RUN_JOINED,
        AuditAction.RUN_RESUMED,
    ):
        assert seen[action] > 0, f"no {action} in any life: they show nothing of it"
