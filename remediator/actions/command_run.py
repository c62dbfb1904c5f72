"""`command.run`: run a command of the inventory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import BaseModel, Field

from remediator.actions.base import (
    ActionParams,
    BaseAction,
    Call,
    FailureReason,
    Inventory,
    Outcome,
    failed,
    succeeded,
)
from remediator.actions.command_line import argv_of, refuse_values
from remediator.actions.faults import FAULTS, outcome_of
from remediator.actions.set_values import Text
from remediator.clients.capped_output import shortened
from remediator.clients.process import ProcessResult, ProcessRunner
from remediator.secret_refs import resolve_secret
from remediator.settings import Command
from remediator.settings_section import EntryName

_KEPT_CHARACTERS = 16 * 1024


class CommandRunParams(ActionParams):
    """Which command, and the values it takes."""

    command: Annotated[str, Inventory("commands", lock="commands")]
    params: dict[EntryName, Text] = Field(default={}, description="Values for {name} in its argv.")


class CommandRun(BaseAction):
    """Runs a program with arguments, never through a shell."""

    name = "command.run"
    summary = "Run a command that remediator.yaml lists."
    params: ClassVar[type[BaseModel]] = CommandRunParams
    result: ClassVar[Mapping[str, str]] = {
        "exit_code": "how it ended",
        "stdout": "what it wrote, cut in the middle when long",
        "stderr": "what it wrote to standard error, cut in the middle when long",
    }
    fact = "boolean: whether it ended with 0"
    lasting = True

    def __init__(self, commands: Mapping[str, Command] | None, processes: ProcessRunner) -> None:
        self._commands = commands
        self._processes = processes

    def idempotent_for(self, params: CommandRunParams) -> bool:
        """As its inventory entry says."""
        entry = (self._commands or {}).get(params.command)
        return entry is not None and (entry.idempotent or entry.read_only)

    def read_only_for(self, params: CommandRunParams) -> bool:
        """As its inventory entry says."""
        entry = (self._commands or {}).get(params.command)
        return entry is not None and entry.read_only

    def refuse(self, params: CommandRunParams) -> str | None:
        """Keep to the commands of the inventory and the values they take."""
        if self._commands is None:
            return "remediator.yaml has no commands section"
        entry = self._commands.get(params.command)
        if entry is None:
            return f"remediator.yaml has no command called {params.command!r}"
        return refuse_values(entry, f"commands.{params.command}", params.params)

    def attributes(self, params: CommandRunParams) -> tuple[tuple[str, str], ...]:
        """The command itself: nobody can know what it changed."""
        return () if self.read_only_for(params) else ((f"commands:{params.command}", "run"),)

    async def act(self, params: CommandRunParams, call: Call) -> Outcome:
        """Run it once."""
        entry = (self._commands or {})[params.command]
        try:
            env = {name: resolve_secret(reference) for name, reference in entry.env.items()}
            result = await self._processes.run(
                argv_of(entry, params.params),
                within=min(call.timeout, entry.timeout),
                key=call.key,
                env=env,
                cwd=entry.cwd,
            )
            return _ended(result.settle(params.command))
        except FAULTS as error:
            return outcome_of(error, only_looked=entry.read_only)


def _ended(result: ProcessResult) -> Outcome:
    shown = {
        "exit_code": result.exit_code,
        "stdout": shortened(result.stdout, _KEPT_CHARACTERS),
        "stderr": shortened(result.stderr, _KEPT_CHARACTERS),
    }
    if result.exit_code == 0:
        return succeeded(fact=True, **shown)
    detail = f"it ended with {result.exit_code}"
    return replace(failed(FailureReason.UNEXPECTED, detail, **shown), fact=False)
