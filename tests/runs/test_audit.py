"""The audit chain: any altered, removed or moved row is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.runs.audit import GENESIS_HASH, AuditAction, AuditEntry, AuditRow, chain, first_fault

START = datetime(2026, 1, 1, tzinfo=UTC)


def rows(count: int) -> list[AuditRow]:
    made: list[AuditRow] = []
    for number in range(count):
        entry = AuditEntry(
            at=START + timedelta(seconds=number),
            actor="remediator",
            action=AuditAction.DECISION,
            detail={"number": number},
        )
        made.append(chain(entry, number + 1, made[-1].hash if made else GENESIS_HASH))
    return made


def test_an_untouched_chain_has_no_fault() -> None:
    assert first_fault(rows(20)) is None


def test_an_empty_log_has_no_fault() -> None:
    assert first_fault([]) is None


@given(st.integers(0, 9), st.sampled_from(["actor", "action", "detail", "at", "policy", "target"]))
def test_an_altered_field_is_named(place: int, field: str) -> None:
    log = rows(10)
    log[place] = log[place]._replace(**{field: "something else"})  # type: ignore[arg-type]
    fault = first_fault(log)
    assert fault is not None
    assert fault.sequence == place + 1


@given(st.integers(0, 8))
def test_a_removed_row_is_named(place: int) -> None:
    log = rows(10)
    del log[place]
    fault = first_fault(log)
    assert fault is not None
    assert fault.sequence == place + 1
    assert "removed" in fault.what


def test_a_row_rehashed_by_a_forger_breaks_at_its_successor() -> None:
    log = rows(5)
    forged_entry = AuditEntry(at=START, actor="somebody", action=AuditAction.DECISION)
    log[2] = chain(forged_entry, 3, log[1].hash)
    fault = first_fault(log)
    assert fault is not None
    assert fault.sequence == 4


def test_the_chain_goes_on_from_a_checkpoint() -> None:
    log = rows(10)
    assert first_fault(log[4:], after_sequence=4, after_hash=log[3].hash) is None
    fault = first_fault(log[4:], after_sequence=4, after_hash=GENESIS_HASH)
    assert fault is not None


@pytest.mark.parametrize("text", ["\ud800", "\x00", "é\u202e", "\U0001f6a8"])
def test_hostile_text_can_be_chained(text: str) -> None:
    row = chain(AuditEntry(at=START, actor=text, action=AuditAction.DECISION, detail={"x": text}), 1, "0")
    assert first_fault([row], after_hash="0") is None
