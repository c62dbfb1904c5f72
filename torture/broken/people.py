"""Broken versions of what docs/reliability.md promises of telling people."""

from __future__ import annotations

from torture.broken.version import Broken

PEOPLE = (
    Broken(
        name="forgets whom it has told",
        promise="Clocks of escalations go on over a restart, and each is told once",
        file="remediator/engine/escalation_rows.py",
        changes=(("told={str(at): now, **escalation.told}", "told=escalation.told"),),
        noticed_by="tests/engine/test_escalation.py::test_a_restart_in_the_middle_tells_each_rung_once",
    ),
    Broken(
        name="says nothing of a channel that fails",
        promise="A dead or slow channel delays nothing and is seen",
        file="remediator/engine/courier.py",
        changes=(
            (
                '                errors.append(f"{reference}: {redactor.text(error.detail)}")\n',
                "                delivered.append(reference)\n",
            ),
        ),
        noticed_by="tests/engine/test_news.py::test_a_dead_channel_delays_nothing_and_its_failure_is_seen",
    ),
)
