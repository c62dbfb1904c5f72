"""Fly.io through flyctl: secrets on its stdin, the token in its environment, neither in argv."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from remediator.clients.capped_output import last_lines
from remediator.clients.errors import ClientError, Fault
from remediator.clients.process import ProcessResult, ProcessRunner
from remediator.secret_refs import resolve_secret
from remediator.settings_fly import Fly

_SHOWN = 500
_LONGEST_LINE_BYTES = 60 * 1024
# What `flyctl scale` acts on when it is given no group.
_DEFAULT_GROUP = "app"


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine of an app."""

    id: str
    state: str
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class AppStatus:
    """What `flyctl status` shows of an app."""

    status: str
    deployed: bool
    version: int
    machines: tuple[Machine, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """How many machines an app's default process group has, and with how much memory each."""

    count: int
    memory_mb: int


@dataclass(frozen=True, slots=True)
class AppLog:
    """The latest lines of an app's log; not complete when some were left out in the middle."""

    text: str
    complete: bool


class FlyClient:
    """The apps of one Fly organization, with one token."""

    def __init__(self, settings: Fly, processes: ProcessRunner) -> None:
        self._settings = settings
        self._processes = processes

    async def secret_digests(self, app: str, within: timedelta) -> dict[str, str]:
        """Return the digest of each secret by name; values can't be read back."""
        found = await self._json(("secrets", "list", "--app", app, "--json"), within)
        rows = [_lower(row) for row in _rows(found, "secrets list")]
        return {str(row.get("name", "")): str(row.get("digest", "")) for row in rows}

    async def import_secrets(
        self, app: str, values: Mapping[str, str], *, stage: bool, within: timedelta, key: str
    ) -> None:
        """Set secrets; unless staged, machines are restarted with them."""
        flags = ("--stage",) if stage else ()
        await self._run(("secrets", "import", "--app", app, *flags), within, key, values)

    async def scale(self, app: str, within: timedelta) -> Scale:
        """Return the scale of the app's default process group (its only one, where it has one)."""
        found = await self._json(("scale", "show", "--app", app, "--json"), within)
        groups = [_lower(row) for row in _rows(found, "scale show")]
        named = [group for group in groups if group.get("process") == _DEFAULT_GROUP]
        chosen = named or groups
        if not chosen:
            return Scale(count=0, memory_mb=0)
        if len(chosen) > 1:
            detail = f"the app {app} has several process groups and none is called {_DEFAULT_GROUP!r}"
            raise ClientError(Fault.UNEXPECTED, detail)
        return Scale(count=int(chosen[0].get("count", 0)), memory_mb=int(chosen[0].get("memory", 0)))

    async def set_count(self, app: str, count: int, within: timedelta, key: str) -> None:
        """Make the app have `count` machines."""
        await self._run(("scale", "count", str(count), "--app", app, "--yes"), within, key)

    async def set_memory(self, app: str, memory_mb: int, within: timedelta, key: str) -> None:
        """Give each machine this much memory; machines are restarted."""
        await self._run(("scale", "memory", str(memory_mb), "--app", app), within, key)

    async def restart(self, app: str, within: timedelta, key: str) -> None:
        """Restart all machines, one after the other."""
        await self._run(("apps", "restart", app), within, key)

    async def status(self, app: str, within: timedelta) -> AppStatus:
        """Look at an app."""
        found = await self._json(("status", "--app", app, "--json"), within)
        if not isinstance(found, dict):
            raise ClientError(Fault.UNEXPECTED, "flyctl status answered something else than an object")
        shown = _lower(found)
        machines = [_lower(row) for row in _rows(shown.get("machines") or [], "status")]
        return AppStatus(
            status=str(shown.get("status", "")),
            deployed=bool(shown.get("deployed")),
            version=int(shown.get("version") or 0),
            machines=tuple(_machine(row) for row in machines),
        )

    async def images(self, app: str, within: timedelta) -> tuple[str, ...]:
        """Return the image that each machine runs, by tag and digest."""
        found = await self._json(("image", "show", "--app", app, "--json"), within)
        return tuple(image_of(_lower(row)) for row in _rows(found, "image show"))

    async def deploy(self, app: str, image: str, within: timedelta, key: str) -> None:
        """Make a release of an image that is there, with the configuration that the app has."""
        await self._run(("deploy", "--app", app, "--image", image, "--yes"), within, key)

    async def logs(self, app: str, within: timedelta) -> AppLog:
        """Return what there is of an app's log; without --no-tail flyctl would go on for ever."""
        result = await self._run(("logs", "--app", app, "--no-tail"), min(within, self._settings.timeout))
        return AppLog(text=result.stdout, complete=not result.truncated)

    async def _json(self, argv: tuple[str, ...], within: timedelta) -> Any:
        result = await self._run(argv, min(within, self._settings.timeout))
        try:
            return json.loads(result.stdout)
        except ValueError:
            what = " ".join(argv[:2])
            raise ClientError(Fault.UNEXPECTED, f"flyctl {what} did not answer with JSON") from None

    async def _run(
        self,
        argv: tuple[str, ...],
        within: timedelta,
        key: str = "",
        secrets: Mapping[str, str] | None = None,
    ) -> ProcessResult:
        env = {"NO_COLOR": "1", "FLY_NO_UPDATE_CHECK": "1"}
        if self._settings.token is not None:
            env["FLY_API_TOKEN"] = resolve_secret(self._settings.token)
        result = await self._processes.run(
            (*self._settings.command, *argv),
            within=within,
            key=key,
            stdin=secret_lines(secrets or {}),
            env=env,
            inherit=("FLY_CONFIG_DIR", "FLY_REGION"),
        )
        result.settle(self._settings.command[0])
        if result.exit_code != 0:
            what = " ".join(argv[:2])
            said = _hidden(result.stderr, (*(secrets or {}).values(), env.get("FLY_API_TOKEN", "")))
            raise ClientError(Fault.UNEXPECTED, f"flyctl {what} ended with {result.exit_code}: {said}")
        return result


def secret_lines(values: Mapping[str, str]) -> bytes:
    """Write what `flyctl secrets import` reads: `NAME=value` lines.

    flyctl drops blanks around a bare value, takes quotes around one away, and reads several
    lines between triple quotes.

    Raises:
        ClientError: REFUSED for a value that flyctl would not read back as it is.
    """
    return "".join(f"{name}={_written(name, value)}\n" for name, value in values.items()).encode()


def _written(name: str, value: str) -> str:
    longest = max((len(line.encode()) for line in value.split("\n")), default=0)
    if "\r" in value or "\0" in value or '"""' in value or longest > _LONGEST_LINE_BYTES:
        raise ClientError(Fault.REFUSED, f"the value for {name} holds what flyctl can't import")
    if "\n" in value:
        return f'"""{value}"""'
    if value.startswith('"') or ('"' in value and _delicate(value)):
        raise ClientError(Fault.REFUSED, f"the value for {name} has quotes that flyctl would not keep")
    return f'"{value}"' if _delicate(value) else value


def _delicate(value: str) -> bool:
    return "#" in value or value != value.strip()


def _hidden(text: str, secrets: Collection[str]) -> str:
    """flyctl repeats a line that it can't read: nothing that was handed over may come back."""
    lines = {line for secret in secrets for line in (secret, *secret.splitlines()) if len(line) > 1}
    for line in sorted(lines, key=len, reverse=True):
        text = text.replace(line, "[hidden]")
    return last_lines(text, _SHOWN)


def _rows(found: Any, what: str) -> list[dict[str, Any]]:
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise ClientError(Fault.UNEXPECTED, f"flyctl {what} answered something else than a list")
    return found


def _lower(row: Mapping[str, Any]) -> dict[str, Any]:
    """flyctl has changed the case of its keys between versions (`Digest`, `digest`)."""
    return {name.lower(): value for name, value in row.items()}


def image_of(row: Mapping[str, Any]) -> str:
    """Write an image as `flyctl deploy --image` takes it: registry/repository:tag@digest."""
    name = f"{row.get('registry', '')}/{row.get('repository', '')}"
    tag, digest = row.get("tag"), row.get("digest")
    return name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


def _machine(row: Mapping[str, Any]) -> Machine:
    return Machine(
        id=str(row.get("id", "")), state=str(row.get("state", "")), updated_at=_moment(row.get("updated_at"))
    )


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
