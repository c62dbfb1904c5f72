"""Runs programs: an argv list, never a shell; a deadline; a process group that is killed as a whole."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from remediator.clients.capped_output import CappedOutput
from remediator.clients.child_process import ChildProcess, UnwatchedError
from remediator.clients.errors import ClientError, Fault

# What a program needs to find its way; everything else, and above all secrets, is given explicitly.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LOGNAME")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessResult:
    """How a program ended. `exit_code` is None when it was not started or was killed here."""

    exit_code: int | None
    stdout: str = ""
    stderr: str = ""
    timed_out: bool = False
    killed: bool = False
    """Killed on request, through `ProcessRunner.kill`."""
    started: bool = True
    truncated: bool = False

    def settle(self, program: str) -> ProcessResult:
        """Return itself when the program ended by itself, whatever its exit code.

        Raises:
            ClientError: not sent, timed out or lost.
        """
        if not self.started:
            raise ClientError(Fault.NOT_SENT, f"{program} could not be started: {self.stderr}")
        if self.timed_out:
            raise ClientError(Fault.TIMED_OUT, f"{program} did not end in time and was killed")
        if self.killed:
            raise ClientError(Fault.LOST, f"{program} was killed on request")
        if self.exit_code is None or self.exit_code < 0:
            raise ClientError(Fault.LOST, f"{program} was killed by a signal")
        return self


class ProcessRunner:
    """Runs programs and knows which ones run, so that they can be killed by the key of their call."""

    def __init__(
        self, *, cap_bytes: int = 256 * 1024, terminate_grace: timedelta = timedelta(seconds=2)
    ) -> None:
        self._cap_bytes = cap_bytes
        self._grace = terminate_grace
        self._running: dict[_Running, str] = {}

    async def run(
        self,
        argv: Sequence[str],
        *,
        within: timedelta,
        key: str = "",
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        inherit: Sequence[str] = (),
        cwd: Path | None = None,
    ) -> ProcessResult:
        """Run `argv` to its end, or kill its whole group after `within` or on cancellation.

        `env` is added to a minimal inherited environment; `inherit` names further variables to
        pass on, a trailing `*` for all with that beginning. Output is capped at `cap_bytes`
        each, keeping its beginning and its end. It never raises but CancelledError.
        """
        out, err = CappedOutput(self._cap_bytes), CappedOutput(self._cap_bytes)
        async with _Pipes(out, err) as pipes:
            try:
                process = ChildProcess.start(
                    argv,
                    stdin=pipes.stdin,
                    stdout=pipes.stdout,
                    stderr=pipes.stderr,
                    env=_environment(inherit) | dict(env or {}),
                    cwd=cwd,
                )
            except (OSError, ValueError) as error:
                return ProcessResult(exit_code=None, stderr=_why_not_started(error, cwd), started=False)
            except UnwatchedError as error:
                return ProcessResult(exit_code=None, stderr=f"it could not be watched: {error}")
            pipes.close_inherited()
            running = _Running(process, self._grace)
            with self._registered(running, key):
                timed_out = await running.to_the_end(pipes.feed(stdin), within)
            await pipes.drained(self._grace)
        by_itself = not timed_out and not running.killed
        return ProcessResult(
            exit_code=process.returncode if by_itself else None,
            stdout=out.text(),
            stderr=err.text(),
            timed_out=timed_out,
            killed=running.killed,
            truncated=out.truncated or err.truncated,
        )

    def kill(self, key: str) -> int:
        """End what runs for a call key, or for any call under it (`run-12` covers `run-12/…`).

        Returns how many process groups were told to end.
        """
        told = [run for run, own in self._running.items() if own == key or own.startswith(f"{key}/")]
        for running in told:
            running.kill()
        return len(told)

    @contextmanager
    def _registered(self, running: _Running, key: str) -> Iterator[None]:
        self._running[running] = key
        try:
            yield
        finally:
            del self._running[running]


class _Running:
    """A process with its group."""

    def __init__(self, process: ChildProcess, grace: timedelta) -> None:
        self._process = process
        self._grace = grace
        self._kill_asked = asyncio.Event()

    @property
    def killed(self) -> bool:
        return self._kill_asked.is_set()

    def kill(self) -> None:
        self._kill_asked.set()

    async def to_the_end(self, feed: Coroutine[Any, Any, None], within: timedelta) -> bool:
        """Wait for the end, of its own or by force; say whether time ran out."""
        feeding = asyncio.create_task(feed)
        ended = asyncio.create_task(self._process.wait())
        asked = asyncio.create_task(self._kill_asked.wait())
        try:
            done, _ = await asyncio.wait(
                (ended, asked), timeout=within.total_seconds(), return_when=asyncio.FIRST_COMPLETED
            )
            return not done
        finally:
            for task in (feeding, ended, asked):
                task.cancel()
            # Also when all went well: whatever it left behind in its group goes with it. A second
            # cancellation must not leave the group alive.
            await asyncio.shield(self._end_group())

    async def _end_group(self) -> None:
        if self._process.returncode is None:
            self._signal_group(signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), self._grace.total_seconds())
        self._signal_group(signal.SIGKILL)
        await self._process.wait()

    def _signal_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


class _Pipes:
    """Pipes of our own.

    The event loop's own for output are waited for until every descendant that inherited them has
    closed them, and one that left the group could keep them open for ever.
    """

    def __init__(self, out: CappedOutput, err: CappedOutput) -> None:
        self._sinks = (out, err)
        self._transports: list[asyncio.BaseTransport] = []
        self._ended: list[asyncio.Future[None]] = []
        self._inherited: list[int] = []
        self._to_feed: int | None = None

    async def __aenter__(self) -> _Pipes:
        loop = asyncio.get_running_loop()
        read_end, self._to_feed = os.pipe()
        self._inherited.append(read_end)
        for sink in self._sinks:
            read_end, write_end = os.pipe()
            self._inherited.append(write_end)
            ended = loop.create_future()
            self._ended.append(ended)
            file = os.fdopen(read_end, "rb", buffering=0)
            transport, _ = await loop.connect_read_pipe(lambda s=sink, e=ended: _Reader(s, e), file)  # type: ignore[misc]
            self._transports.append(transport)
        return self

    @property
    def stdin(self) -> int:
        return self._inherited[0]

    @property
    def stdout(self) -> int:
        return self._inherited[1]

    @property
    def stderr(self) -> int:
        return self._inherited[2]

    def close_inherited(self) -> None:
        for end in self._inherited:
            os.close(end)
        self._inherited.clear()

    async def feed(self, stdin: bytes) -> None:
        """Write all of `stdin` to the program, as fast as it reads, and say that this was all."""
        descriptor, self._to_feed = self._to_feed, None
        if descriptor is None:
            return
        file = os.fdopen(descriptor, "wb", buffering=0)
        if not stdin:
            file.close()
            return
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, file)
        self._transports.append(transport)
        writer = asyncio.StreamWriter(transport, protocol, None, loop)
        with suppress(BrokenPipeError, ConnectionResetError):
            writer.write(stdin)
            await writer.drain()
            writer.close()

    async def drained(self, patience: timedelta) -> None:
        await asyncio.wait(self._ended, timeout=patience.total_seconds())

    async def __aexit__(self, *exc: object) -> None:
        self.close_inherited()
        if self._to_feed is not None:
            os.close(self._to_feed)
        for transport in self._transports:
            transport.close()


class _Reader(asyncio.Protocol):
    def __init__(self, sink: CappedOutput, ended: asyncio.Future[None]) -> None:
        self._sink = sink
        self._ended = ended

    def data_received(self, data: bytes) -> None:
        self._sink.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's protocol)
        if not self._ended.done():
            self._ended.set_result(None)


def _environment(inherit: Sequence[str]) -> dict[str, str]:
    exact = {*_INHERITED, *(name for name in inherit if not name.endswith("*"))}
    beginnings = tuple(name[:-1] for name in inherit if name.endswith("*"))
    return {
        name: value
        for name, value in os.environ.items()
        if name in exact or (beginnings and name.startswith(beginnings))
    }


def _why_not_started(error: OSError | ValueError, cwd: Path | None) -> str:
    if isinstance(error, ValueError):
        return "an argument holds a null byte"
    if cwd is not None and not cwd.is_dir():
        return f"the folder {cwd} is not there"
    return error.strerror or type(error).__name__
