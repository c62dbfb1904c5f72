from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import pytest

from remediator.actions.base import Call, FailureReason, OutcomeStatus
from remediator.actions.command_line import argv_of, refuse_values
from remediator.actions.command_run import CommandRun, CommandRunParams
from remediator.clients.process import ProcessRunner
from remediator.settings import Command

SHOW = (sys.executable, "-c", "import os, sys; print(sys.argv[1:], os.environ.get('HANDED', ''))")


def command(**changes: Any) -> Command:
    return Command.model_validate({"argv": list(SHOW), **changes})


def runner(processes: ProcessRunner, **entries: Command) -> CommandRun:
    return CommandRun(entries, processes)


def use(name: str, **params: str) -> CommandRunParams:
    return CommandRunParams(command=name, params=params)


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("10.0.0.1", True),
        ("agente-api", True),
        ("a/b:1", True),
        ("-rf", False),
        ("--now", False),
        ("", False),
        ("a b", False),
        ("a\n", False),
        ("$(id)", False),
        ("a;b", False),
        ("{other}", False),
        ("é", False),
        ("a" * 2000, False),
    ],
)
def test_values_without_a_pattern_are_plain_words(value: str, fits: bool) -> None:
    entry = command(params=["address"])
    assert (refuse_values(entry, "commands.x", {"address": value}) is None) is fits


@pytest.mark.parametrize(
    ("value", "fits"), [("10.0.0.1", True), ("10.0.0.1x", False), ("x10.0.0.1", False), ("10.0.0.1\n", False)]
)
def test_a_pattern_matches_the_whole_value(value: str, fits: bool) -> None:
    entry = command(params=["address"], values={"address": r"[0-9]{1,3}(\.[0-9]{1,3}){3}|none"})
    assert (refuse_values(entry, "commands.x", {"address": value}) is None) is fits


@pytest.mark.parametrize(
    ("params", "says"),
    [({"address": "a", "other": "b"}, "does not list other"), ({}, "needs address")],
)
def test_exactly_the_declared_values(params: dict[str, str], says: str) -> None:
    said = refuse_values(command(params=["address"]), "commands.x", params)
    assert said is not None
    assert says in said


def test_a_value_is_one_argument_and_is_not_read_again() -> None:
    entry = command(argv=["block", "--address={address}", "{address}", "{other}", "{}"], params=["address"])
    assert argv_of(entry, {"address": "{address} x"}) == (
        "block",
        "--address={address} x",
        "{address} x",
        "{other}",
        "{}",
    )


async def test_runs_with_its_environment(
    processes: ProcessRunner, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_TOKEN", "s3cret-canary")
    entry = command(argv=[*SHOW, "{address}"], params=["address"], env={"HANDED": "env:CANARY_TOKEN"})
    outcome = await runner(processes, show=entry).act(use("show", address="10.0.0.1"), call)
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert outcome.fact is True
    assert outcome.result["exit_code"] == 0
    assert outcome.result["stdout"] == "['10.0.0.1'] s3cret-canary\n"


async def test_a_missing_secret_stops_it(processes: ProcessRunner, call: Call) -> None:
    outcome = await runner(processes, show=command(env={"HANDED": "env:NOT_SET_AT_ALL"})).act(
        use("show"), call
    )
    assert outcome.reason is FailureReason.SECRET_UNAVAILABLE


async def test_a_bad_end_is_known(processes: ProcessRunner, call: Call) -> None:
    entry = command(argv=["sh", "-c", "echo no >&2; exit 7"])
    outcome = await runner(processes, bad=entry).act(use("bad"), call)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, FailureReason.UNEXPECTED)
    assert outcome.fact is False
    assert outcome.result == {"exit_code": 7, "stdout": "", "stderr": "no\n"}


@pytest.mark.parametrize(
    ("read_only", "status"), [(False, OutcomeStatus.AMBIGUOUS), (True, OutcomeStatus.FAILED)]
)
async def test_running_out_of_time(
    processes: ProcessRunner, call: Call, read_only: bool, status: OutcomeStatus
) -> None:
    entry = command(argv=["sleep", "600"], timeout=timedelta(milliseconds=200), read_only=read_only)
    outcome = await runner(processes, slow=entry).act(use("slow"), call)
    assert (outcome.status, outcome.reason) == (status, FailureReason.TIMED_OUT)
    assert outcome.fact is None


async def test_no_such_program_was_not_sent(processes: ProcessRunner, call: Call) -> None:
    outcome = await runner(processes, none=command(argv=["no-such-program-here"])).act(use("none"), call)
    assert outcome.reason is FailureReason.NOT_SENT


@pytest.mark.parametrize(
    ("entry", "repeatable", "looks"),
    [
        ({}, False, False),
        ({"idempotent": True}, True, False),
        ({"read_only": True}, True, True),
    ],
)
def test_what_it_declares_is_its_entry_s(
    processes: ProcessRunner, entry: dict[str, Any], repeatable: bool, looks: bool
) -> None:
    action = runner(processes, x=command(**entry))
    assert action.idempotent_for(use("x")) is repeatable
    assert action.read_only_for(use("x")) is looks
    assert action.attributes(use("x")) == (() if looks else (("commands:x", "run"),))


def test_refuses_what_is_not_listed(processes: ProcessRunner) -> None:
    assert CommandRun(None, processes).refuse(use("x")) == "remediator.yaml has no commands section"
    assert "no command called" in str(runner(processes).refuse(use("x")))
