"""`docker.exec`: run a command of the inventory inside a container."""

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
from remediator.actions.containers import Containers
from remediator.actions.faults import FAULTS, outcome_of
from remediator.actions.inside import run_inside
from remediator.clients.capped_output import shortened
from remediator.clients.docker_exec import ExecResult
from remediator.clients.errors import ClientError, Fault
from remediator.patterns import Pattern, compile_pattern
from remediator.secret_refs import SecretUnavailableError, resolve_secret
from remediator.settings_docker import DockerExec as Entry

_KEPT_CHARACTERS = 16 * 1024


class ExecExpect(ActionParams):
    """What counts as well ended."""

    exit_code: int | tuple[int, ...] = Field(default=0, description="An exit code, or several.")
    stdout: Pattern | None = Field(default=None, description="RE2 pattern found in what it wrote.")


class DockerExecParams(ActionParams):
    """Which command, and how it should end."""

    command: Annotated[str, Inventory("docker.exec", lock="docker.exec")]
    expect: ExecExpect = Field(default=ExecExpect(), description="How it should end.")


class DockerExec(BaseAction):
    """Runs a program inside a container, with the arguments that the inventory gives it and no others."""

    name = "docker.exec"
    summary = "Run a command inside a container, as remediator.yaml lists it."
    params: ClassVar[type[BaseModel]] = DockerExecParams
    result: ClassVar[Mapping[str, str]] = {
        "exit_code": "how it ended",
        "stdout": "what it wrote, cut in the middle when long",
        "stderr": "what it wrote to standard error, cut in the middle when long",
        "unmet": "what was expected and did not hold",
    }
    fact = "boolean: whether it ended as expected; also false: no such container, not running, out of time"
    lasting = True

    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    def idempotent_for(self, params: DockerExecParams) -> bool:
        """As its inventory entry says."""
        entry = self._entry(params)
        return entry is not None and (entry.idempotent or entry.read_only)

    def read_only_for(self, params: DockerExecParams) -> bool:
        """As its inventory entry says."""
        entry = self._entry(params)
        return entry is not None and entry.read_only

    def refuse(self, params: DockerExecParams) -> str | None:
        """Keep to the commands of the inventory."""
        if self._containers.settings is None:
            return "remediator.yaml has no docker section"
        if self._entry(params) is None:
            return f"docker.exec in remediator.yaml has no {params.command!r}"
        return None

    def attributes(self, params: DockerExecParams) -> tuple[tuple[str, str], ...]:
        """The command itself: nobody can know what it changed."""
        return () if self.read_only_for(params) else ((f"docker.exec:{params.command}", "run"),)

    async def act(self, params: DockerExecParams, call: Call) -> Outcome:
        """Run it once."""
        entry = self._entry(params)
        if entry is None:
            return failed(FailureReason.REFUSED, f"docker.exec has no {params.command!r}")
        try:
            result = await run_inside(
                self._containers,
                entry.container,
                entry.argv,
                kill_with=entry.kill_with,
                within=min(call.timeout, entry.timeout),
                env={name: resolve_secret(reference) for name, reference in entry.env.items()},
            )
        except FAULTS as error:
            return _failed(error, only_looked=entry.read_only)
        return _ended(params.expect, result)

    def _entry(self, params: DockerExecParams) -> Entry | None:
        settings = self._containers.settings
        return None if settings is None else settings.exec.get(params.command)


def _failed(error: ClientError | SecretUnavailableError, *, only_looked: bool) -> Outcome:
    outcome = outcome_of(error, only_looked=only_looked)
    about_it = isinstance(error, ClientError) and error.fault in (Fault.REFUSED, Fault.TIMED_OUT)
    return replace(outcome, fact=False) if about_it else outcome


def _ended(expect: ExecExpect, result: ExecResult) -> Outcome:
    faults = unmet(expect, result)
    shown = {
        "exit_code": result.exit_code,
        "stdout": shortened(result.stdout, _KEPT_CHARACTERS),
        "stderr": shortened(result.stderr, _KEPT_CHARACTERS),
        "unmet": list(faults),
    }
    if not faults:
        return succeeded(fact=True, **shown)
    return replace(failed(FailureReason.UNEXPECTED, "; ".join(faults), **shown), fact=False)


def unmet(expect: ExecExpect, result: ExecResult) -> tuple[str, ...]:
    """Say what does not hold of how a command ended, one sentence each."""
    codes = expect.exit_code if isinstance(expect.exit_code, tuple) else (expect.exit_code,)
    faults = []
    if result.exit_code not in codes:
        wanted = " or ".join(str(code) for code in codes)
        faults.append(f"it ended with {result.exit_code}, not {wanted}")
    if expect.stdout is not None and compile_pattern(expect.stdout).search(result.stdout) is None:
        faults.append(f"nothing that it wrote matches {expect.stdout}")
    return tuple(faults)
