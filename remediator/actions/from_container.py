"""Checks made from inside a container, by a command that its inventory entry gives for each kind of check.

The command is fixed but for the place to look at, which comes from the inventory as well: `{host}`, `{port}`,
`{url}` and `{seconds}` in its argv are replaced, each within one argument.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta

from remediator.actions.base import FailureReason, Outcome, failed
from remediator.actions.containers import Containers
from remediator.actions.faults import outcome_of
from remediator.actions.inside import run_inside
from remediator.clients.docker_exec import ExecResult
from remediator.clients.errors import ClientError, Fault
from remediator.settings_docker import DockerProbes

_PLACEHOLDER = re.compile(r"\{(host|port|url|seconds)\}")


class FromContainer:
    """Runs the check commands of the inventory's containers."""

    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    def refuse(self, container: str | None, kind: str) -> str | None:
        """Say why a kind of check (tcp, dns, http) can't be made from a container, or None."""
        if container is None:
            return None
        settings = self._containers.settings
        if settings is None:
            return "remediator.yaml has no docker section"
        where = f"docker.probes.{container}"
        probes = settings.probes.get(container)
        if probes is None:
            return f"{where} in remediator.yaml is not there: it says how to check from in there"
        if _argv(probes, kind) is None:
            return f"{where}.{kind} in remediator.yaml is not there: it is the command that checks"
        return None

    async def run(
        self, container: str, kind: str, values: Mapping[str, str], within: timedelta
    ) -> ExecResult | Outcome:
        """Return how the command ended, or the outcome when it did not get so far.

        Running out of time is an answer (false); a container that is down, or lacks the program, gives none.
        """
        settings = self._containers.settings
        probes = settings.probes.get(container) if settings is not None else None
        argv = None if probes is None else _argv(probes, kind)
        if probes is None or argv is None:
            return failed(FailureReason.REFUSED, str(self.refuse(container, kind)))
        seconds = max(1, int(within.total_seconds()) - 1)
        try:
            return await run_inside(
                self._containers,
                container,
                filled(argv, {**values, "seconds": str(seconds)}),
                kill_with=probes.kill_with,
                within=within,
            )
        except ClientError as error:
            if error.fault is Fault.TIMED_OUT:
                return answered(
                    FailureReason.TIMED_OUT, f"no answer within {seconds}s, asked from {container}"
                )
            return outcome_of(error, only_looked=True)


def answered(reason: FailureReason, detail: str, **result: object) -> Outcome:
    """Return the outcome of a look whose answer is no: it was attempted, and its fact is false."""
    return Outcome(
        status=failed(reason, detail).status, reason=reason, detail=detail, result=result, fact=False
    )


def filled(argv: Sequence[str], values: Mapping[str, str]) -> tuple[str, ...]:
    """Put values into an argument list; nothing that was put in is read again."""
    return tuple(_PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), part) for part in argv)


def _argv(probes: DockerProbes, kind: str) -> tuple[str, ...] | None:
    return {"tcp": probes.tcp, "dns": probes.dns, "http": probes.http}[kind]
