"""What the tests and backtests of policies came to last: kept in one file, for the page of each policy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError

from remediator.errors import RemediatorError


class OutcomesError(RemediatorError):
    """The file can't be read or written."""


class LastTests(BaseModel):
    """The last time that a policy's tests were run. `policy_hash` is of the policy as it was then."""

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    policy_hash: str
    passed: int
    failed: int


class LastBacktest(BaseModel):
    """The last backtest that a policy was part of: how many episodes matched it, and what came of them."""

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    policy_hash: str
    since: AwareDatetime | None
    until: AwareDatetime | None
    episodes: int
    would_run: int
    would_ask: int


class Outcomes(BaseModel):
    """What is known of one policy."""

    model_config = ConfigDict(frozen=True)

    tests: LastTests | None = None
    backtest: LastBacktest | None = None


_FILE = TypeAdapter(dict[str, Outcomes])


def read_outcomes(path: Path) -> Mapping[str, Outcomes]:
    """Return what is known of each policy by its name; nothing, where nothing was recorded yet.

    Raises:
        OutcomesError: when there is a file that is none of ours, or that can't be read.
    """
    try:
        return _FILE.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise OutcomesError(f"{path} can't be read: {error.strerror}") from None
    except ValidationError:
        raise OutcomesError(
            f"{path} holds no outcomes of policies; remove it and record them again"
        ) from None


def record_outcomes(path: Path, new: Mapping[str, Outcomes]) -> None:
    """Put what is new into the file, beside what it holds of other policies and of the other kind.

    Raises:
        OutcomesError: when the file can't be written, or what is there can't be read.
    """
    known = dict(read_outcomes(path))
    for policy, outcomes in new.items():
        before = known.get(policy, Outcomes())
        known[policy] = Outcomes(
            tests=outcomes.tests or before.tests, backtest=outcomes.backtest or before.backtest
        )
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(_FILE.dump_json(known, indent=2) + b"\n")
        # Whoever reads meanwhile sees the old file or the new one.
        part.replace(path)
    except OSError as error:
        raise OutcomesError(f"{path} can't be written: {error.strerror}") from None
