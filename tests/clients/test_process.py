from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from remediator.clients.errors import ClientError, Fault
from remediator.clients.process import ProcessResult, ProcessRunner

SOON = timedelta(milliseconds=300)
LONG = timedelta(seconds=30)


@pytest.fixture
def processes() -> ProcessRunner:
    return ProcessRunner(terminate_grace=timedelta(milliseconds=200))


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def runs(pid: int) -> bool:
    """Tell whether a process runs; one that ended and that nobody reaps does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something outside that tells nobody when it happens."""
    async with asyncio.timeout(90):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def gone(pid: int) -> None:
    await until(lambda: not runs(pid))


async def test_hands_back_output_and_exit_code(processes: ProcessRunner) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    result = await processes.run(python(code), within=LONG)
    assert result == ProcessResult(exit_code=3, stdout="out\n", stderr="err\n")


async def test_arguments_are_not_read_by_a_shell(processes: ProcessRunner) -> None:
    hostile = "$(touch /tmp/x); `id` && rm -rf * | cat > '\"\n"
    result = await processes.run((*python("import sys; print(sys.argv[1:])"), hostile), within=LONG)
    assert result.stdout == f"{[hostile]}\n"


async def test_stdin_is_handed_over_and_closed(processes: ProcessRunner) -> None:
    given = b"S=x\n" * 100_000
    code = "import sys; print(len(sys.stdin.buffer.read()))"
    result = await processes.run(python(code), within=LONG, stdin=given)
    assert result.stdout == f"{len(given)}\n"


async def test_a_program_that_ignores_its_stdin_ends_all_the_same(processes: ProcessRunner) -> None:
    result = await processes.run(python("pass"), within=LONG, stdin=b"x" * 1_000_000)
    assert result.exit_code == 0


async def test_the_environment_is_what_was_given(
    processes: ProcessRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_TOKEN", "s3cret")
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    code = "import os; print(sorted(os.environ))"
    result = await processes.run(python(code), within=LONG, env={"GIVEN": "1"}, inherit=("DOCKER_*",))
    assert "GIVEN" in result.stdout
    assert "DOCKER_CONTEXT" in result.stdout
    assert "PATH" in result.stdout
    assert "CANARY_TOKEN" not in result.stdout


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("no-such-program-here",), "No such file"),
        (("/",), "ermission"),
        (("echo", "a\0b"), "null byte"),
    ],
)
async def test_what_can_not_be_started_says_so(
    processes: ProcessRunner, argv: tuple[str, ...], says: str
) -> None:
    result = await processes.run(argv, within=LONG)
    assert not result.started
    with pytest.raises(ClientError, match=says) as caught:
        result.settle("it")
    assert caught.value.fault is Fault.NOT_SENT


async def test_a_missing_folder_is_named(processes: ProcessRunner, tmp_path: Path) -> None:
    result = await processes.run(("true",), within=LONG, cwd=tmp_path / "none")
    assert "none is not there" in result.stderr


async def test_the_whole_group_is_killed_in_time(processes: ProcessRunner) -> None:
    code = (
        "import signal, subprocess, sys, time;"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    result = await processes.run(python(code), within=timedelta(seconds=1))
    assert result.timed_out
    assert result.exit_code is None
    with pytest.raises(ClientError) as caught:
        result.settle("it")
    assert caught.value.fault is Fault.TIMED_OUT
    await gone(int(result.stdout))


async def test_it_may_clean_up_when_time_is_over() -> None:
    code = (
        "import signal, sys, time;"
        "signal.signal(signal.SIGTERM, lambda *_: (print('cleaned'), sys.exit(0)));"
        "print('ready', flush=True); time.sleep(600)"
    )
    result = await ProcessRunner().run(python(code), within=timedelta(seconds=1))
    assert result.stdout == "ready\ncleaned\n"
    assert result.timed_out


async def test_what_it_leaves_behind_is_killed(processes: ProcessRunner) -> None:
    code = (
        "import subprocess, sys;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "print(child.pid, flush=True)"
    )
    result = await processes.run(python(code), within=LONG)
    assert result.exit_code == 0
    await gone(int(result.stdout))


async def test_a_descendant_that_left_the_group_does_not_hold_up_the_end(processes: ProcessRunner) -> None:
    code = (
        "import subprocess, sys;"
        "argv = [sys.executable, '-c', 'import time; time.sleep(600)'];"
        "child = subprocess.Popen(argv, start_new_session=True);"
        "print(child.pid, flush=True)"
    )
    result = await processes.run(python(code), within=LONG)
    assert result.exit_code == 0
    os.kill(int(result.stdout), 9)


async def test_a_flood_keeps_its_beginning_and_its_end() -> None:
    processes = ProcessRunner(cap_bytes=1000)
    code = "print('begin'); print('x' * 5_000_000); print('end')"
    result = await processes.run(python(code), within=LONG)
    assert result.truncated
    assert result.stdout.startswith("begin\n")
    assert result.stdout.endswith("end\n")
    assert "left out" in result.stdout
    assert len(result.stdout) < 1100


async def test_cancellation_kills_the_group(processes: ProcessRunner, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    code = (
        f"import os, pathlib, time; p = pathlib.Path({str(tmp_path / 'new')!r});"
        f"p.write_text(str(os.getpid())); p.rename({str(mark)!r}); time.sleep(600)"
    )
    task = asyncio.create_task(processes.run(python(code), within=LONG))
    await until(mark.exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone(int(mark.read_text()))


@pytest.mark.parametrize(("key", "told"), [("run-12/act/0", 1), ("run-12", 1), ("run-1", 0), ("", 0)])
async def test_kills_by_key(processes: ProcessRunner, tmp_path: Path, key: str, told: int) -> None:
    mark = tmp_path / "started"
    code = f"import pathlib, time; pathlib.Path({str(mark)!r}).touch(); time.sleep(600)"
    within = LONG if told else timedelta(seconds=1)
    task = asyncio.create_task(processes.run(python(code), within=within, key="run-12/act/0"))
    await until(mark.exists)
    assert processes.kill(key) == told
    result = await task
    assert result.killed is bool(told)
    with pytest.raises(ClientError) as caught:
        result.settle("it")
    assert caught.value.fault is (Fault.LOST if told else Fault.TIMED_OUT)
    assert processes.kill(key) == 0


async def test_what_was_started_and_cannot_be_watched_is_ended_and_not_taken_for_not_started(
    processes: ProcessRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def refuse(pid: int) -> int:
        seen.append(pid)
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    result = await processes.run(python("import time; time.sleep(60)"), within=LONG)
    with pytest.raises(ClientError) as raised:
        result.settle("sleeper")
    assert raised.value.fault is Fault.LOST
    await gone(seen[0])


async def test_without_descriptors_of_processes_a_thread_waits(
    processes: ProcessRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS."""
    monkeypatch.delattr(os, "pidfd_open")
    ended = await processes.run(python("import sys; print('out'); sys.exit(3)"), within=LONG)
    assert ended == ProcessResult(exit_code=3, stdout="out\n", stderr="")
    stuck = await processes.run(python("import time; time.sleep(60)"), within=timedelta(seconds=0.5))
    assert stuck.timed_out
