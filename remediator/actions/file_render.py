"""`file.render`: write a file of the inventory from its template."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

from remediator.actions.base import (
    ActionParams,
    BaseAction,
    Call,
    CaptureError,
    FailureReason,
    Inventory,
    Outcome,
    OutcomeStatus,
    ProbeAnswer,
    ambiguous,
    failed,
    succeeded,
)
from remediator.actions.command_run import CommandRun, CommandRunParams
from remediator.actions.faults import outcome_of
from remediator.actions.file_template import render_template
from remediator.actions.nginx_control import NginxControl
from remediator.actions.template_values import Given, ValueFaultError, checked
from remediator.actions.time_left import TimeLeft
from remediator.clients.errors import ClientError, Fault
from remediator.clients.placed_file import PlacedFile
from remediator.settings_section import EntryName
from remediator.settings_templates import FileTarget

_PUT_BACK_WITHIN = timedelta(seconds=20)
_ATTRIBUTE = "content"


class FileRenderParams(ActionParams):
    """Which file, the values in it, and who must be content with it."""

    file: Annotated[str, Inventory("files", lock="files")]
    values: dict[EntryName, int | str | tuple[str, ...]] = Field(
        default={}, description="What the template takes; a text of addresses is parted at blanks and commas."
    )
    test: Annotated[str, Inventory("commands")] | None = Field(
        default=None, description="A command that must end with 0 with the new file in its place."
    )
    nginx: Annotated[str, Inventory("nginx", lock="nginx")] | None = Field(
        default=None, description="An nginx that reads it: tested, and reloaded when the test passes."
    )


class FileRender(BaseAction):
    """Replaces a file as a whole, and puts the old one back at once when a test fails."""

    name = "file.render"
    summary = "Write a file from its template; the old one comes back when a test fails, or on undo."
    params: ClassVar[type[BaseModel]] = FileRenderParams
    result: ClassVar[Mapping[str, str]] = {
        "sha256": "digest of what stands there now; null without a file",
        "before": "digest of what stood there before; null without a file",
        "bytes": "how long it is now",
    }
    reversible = True
    lasting = True
    idempotent = True
    captures = "what the file holds, or that there is none"

    def __init__(
        self, files: Mapping[str, FileTarget] | None, commands: CommandRun, control: NginxControl
    ) -> None:
        self._files = files
        self._commands = commands
        self._control = control

    def lasts(self, params: FileRenderParams) -> timedelta:  # noqa: ARG002  (the protocol)
        """As long as putting the old file back may take."""
        return _PUT_BACK_WITHIN

    def refuse(self, params: FileRenderParams) -> str | None:
        """Keep to the files of the inventory, and to the types and bounds of their values."""
        if self._files is None:
            return "remediator.yaml has no files section"
        entry = self._files.get(params.file)
        if entry is None:
            return f"files in remediator.yaml has no {params.file!r}"
        try:
            checked(entry, f"files.{params.file}", params.values)
        except ValueFaultError as error:
            return str(error)
        if params.test is not None:
            refusal = self._commands.refuse(CommandRunParams(command=params.test))
            if refusal is not None:
                return refusal
        return None if params.nginx is None else self._control.refuse(params.nginx)

    def attributes(self, params: FileRenderParams) -> tuple[tuple[str, str], ...]:
        """What the file holds."""
        return ((f"files:{params.file}", _ATTRIBUTE),)

    async def capture(self, params: FileRenderParams, call: Call) -> Mapping[str, Any]:  # noqa: ARG002
        """Read the file; one that was never tested gives way to the one before it."""
        file = self._file(params)
        try:
            await asyncio.to_thread(file.put_back)
            return {_ATTRIBUTE: _kept(await asyncio.to_thread(file.read))}
        except ClientError as error:
            raise CaptureError(error.detail) from None

    async def act(self, params: FileRenderParams, call: Call) -> Outcome:
        """Write it, unless it is so already; then test, and reload."""
        file, time = self._file(params), TimeLeft(call.timeout)
        try:
            data = await asyncio.to_thread(self._rendered, params)
            await asyncio.to_thread(file.put_back)
            before = await asyncio.to_thread(file.read)
            if before == data and params.test is None and params.nginx is None:
                return Outcome(status=OutcomeStatus.ALREADY, result=_shown(before, data))
        except ClientError as error:
            return outcome_of(error, only_looked=True)
        return await self._placed(params, file, before, data, time, call)

    async def probe(
        self,
        params: FileRenderParams,
        call: Call,  # noqa: ARG002
        captured: Mapping[str, Any],
    ) -> ProbeAnswer:
        """Compare; a file that is not tested yet may be placed again.

        Whether nginx read it can't be seen, so there it is done again, too.
        """
        file = self._file(params)
        if await asyncio.to_thread(file.untested):
            return ProbeAnswer.UNKNOWN
        now = await asyncio.to_thread(file.read)
        if now == await asyncio.to_thread(self._rendered, params):
            return ProbeAnswer.UNKNOWN if params.nginx is not None else ProbeAnswer.DONE
        as_before = captured.get(_ATTRIBUTE) == _kept(now)
        return ProbeAnswer.NOT_DONE if as_before else ProbeAnswer.UNKNOWN

    async def undo(
        self, params: FileRenderParams, call: Call, original: Mapping[str, Any], applied: Mapping[str, Any]
    ) -> Outcome:
        """Put the captured bytes back and have them read, unless somebody changed the file since."""
        if original.get(_ATTRIBUTE) is None:
            return failed(FailureReason.REFUSED, "nothing was captured of the file")
        file, back = self._file(params), _bytes(original[_ATTRIBUTE])
        try:
            await asyncio.to_thread(file.put_back)
            now = await asyncio.to_thread(file.read)
            left = applied.get(_ATTRIBUTE) or _digest(await asyncio.to_thread(self._rendered, params))
            if now != back and _digest(now) != left:
                return failed(FailureReason.CHANGED_SINCE, "the file was changed by someone else since")
            if now != back:
                await asyncio.to_thread(_restore, file, back)
        except ClientError as error:
            return outcome_of(error, only_looked=True)
        fault = await self._read_again(params, TimeLeft(call.timeout), call.key)
        if fault is not None:
            detail = f"the old file is back, but: {fault.detail}"
            return ambiguous(FailureReason.LOST, detail, **_shown(now, back))
        return succeeded(**_shown(now, back))

    async def _placed(
        self,
        params: FileRenderParams,
        file: PlacedFile,
        before: bytes | None,
        data: bytes,
        time: TimeLeft,
        call: Call,
    ) -> Outcome:
        try:
            if before != data:
                await asyncio.to_thread(file.place, data)
            fault = await self._tested(params, time, call) or await self._read_again(params, time, call.key)
            if fault is None:
                await asyncio.to_thread(file.settle)
                digest = {_ATTRIBUTE: _digest(data)}
                return Outcome(status=OutcomeStatus.SUCCEEDED, result=_shown(before, data), applied=digest)
            await asyncio.to_thread(file.put_back)
        except ClientError as error:
            return ambiguous(FailureReason.LOST, f"the file may be replaced or not: {error.detail}")
        if params.nginx is not None and before != data:
            await self._read_again(params, TimeLeft(_PUT_BACK_WITHIN), call.key)
        detail = f"{fault.detail}; the file is as it was before"
        return failed(FailureReason.UNEXPECTED, detail, **_shown(before, before))

    async def _tested(self, params: FileRenderParams, time: TimeLeft, call: Call) -> ClientError | None:
        """Run the step's own test; say what it found."""
        if params.test is None:
            return None
        brief = Call(key=call.key, timeout=time.now(), started_at=call.started_at)
        outcome = await self._commands.act(CommandRunParams(command=params.test), brief)
        if outcome.ok:
            return None
        said = str(outcome.result.get("stderr") or outcome.result.get("stdout") or "").strip()[-500:]
        return ClientError(
            Fault.UNEXPECTED, f"the test {params.test} failed: {outcome.detail} {said}".strip()
        )

    async def _read_again(self, params: FileRenderParams, time: TimeLeft, key: str) -> ClientError | None:
        """Have nginx test and read what is there now; say what is wrong."""
        if params.nginx is None:
            return None
        try:
            await self._control.test(params.nginx, time.now(), key)
            await self._control.reload(params.nginx, time.now(), key)
        except ClientError as error:
            return error
        return None

    def _file(self, params: FileRenderParams) -> PlacedFile:
        return PlacedFile(self._entry(params).path)

    def _entry(self, params: FileRenderParams) -> FileTarget:
        return (self._files or {})[params.file]

    def _rendered(self, params: FileRenderParams) -> bytes:
        entry = self._entry(params)
        values: Mapping[str, Given] = params.values
        try:
            return render_template(entry.template, checked(entry, f"files.{params.file}", values))
        except ValueFaultError as error:
            raise ClientError(Fault.REFUSED, str(error)) from None


def _restore(file: PlacedFile, back: bytes | None) -> None:
    if back is None:
        file.remove()
    else:
        file.place(back)
        file.settle()


def _digest(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()


def _shown(before: bytes | None, after: bytes | None) -> dict[str, Any]:
    return {"before": _digest(before), "sha256": _digest(after), "bytes": len(after or b"")}


def _kept(data: bytes | None) -> dict[str, Any]:
    """Write bytes down so that they come back as they were."""
    if data is None:
        return {"absent": True}
    try:
        return {"text": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def _bytes(kept: Mapping[str, Any]) -> bytes | None:
    if kept.get("absent"):
        return None
    if "base64" in kept:
        return base64.b64decode(kept["base64"])
    return str(kept["text"]).encode("utf-8")
