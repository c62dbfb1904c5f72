"""What tests and backtests came to is kept by policy and kind, and a damaged file is named."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from remediator.policy.outcomes import (
    LastBacktest,
    LastTests,
    Outcomes,
    OutcomesError,
    read_outcomes,
    record_outcomes,
)

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)
TESTED = LastTests(at=AT, policy_hash="h", passed=3, failed=1)
REPLAYED = LastBacktest(at=AT, policy_hash="h", since=AT, until=None, episodes=9, would_run=2, would_ask=1)


def test_before_anything_is_recorded_nothing_is_known(tmp_path: Path) -> None:
    assert read_outcomes(tmp_path / "outcomes.json") == {}


def test_each_kind_and_each_policy_stays_until_it_comes_again(tmp_path: Path) -> None:
    path = tmp_path / "data" / "outcomes.json"
    record_outcomes(path, {"a": Outcomes(tests=TESTED), "b": Outcomes(tests=TESTED)})
    record_outcomes(path, {"a": Outcomes(backtest=REPLAYED)})
    newer = TESTED.model_copy(update={"failed": 0})
    record_outcomes(path, {"b": Outcomes(tests=newer)})
    assert read_outcomes(path) == {
        "a": Outcomes(tests=TESTED, backtest=REPLAYED),
        "b": Outcomes(tests=newer),
    }
    assert [file.name for file in path.parent.iterdir()] == ["outcomes.json"]


@pytest.mark.parametrize("content", ["", "[]", '{"a": {"tests": {"passed": 1}}}'])
def test_a_file_that_is_none_is_named_and_left(tmp_path: Path, content: str) -> None:
    path = tmp_path / "outcomes.json"
    path.write_text(content)
    for touch in (lambda: read_outcomes(path), lambda: record_outcomes(path, {"a": Outcomes(tests=TESTED)})):
        with pytest.raises(OutcomesError, match=r"outcomes\.json holds no outcomes of policies"):
            touch()
    assert path.read_text() == content


def test_what_can_not_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutcomesError, match="can't be"):
        record_outcomes(tmp_path / "file" / "outcomes.json", {"a": Outcomes(tests=TESTED)})
