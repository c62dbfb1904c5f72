from __future__ import annotations

from typing import Any

import pytest

from remediator.clients.docker_processes import command_lines, program_of

DOCKER = {
    "Titles": ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"],
    "Processes": [["root", "1", "0", "0", "09:00", "?", "00:00:00", "mysqld --user=mysql"]],
}
PODMAN = {
    "Titles": ["PID   USER     COMMAND"],
    "Processes": [["1 0        sh -c sleep 9; x"], ["7 0        sleep 9"], [""]],
}


@pytest.mark.parametrize(
    ("listing", "lines"),
    [
        (DOCKER, ("mysqld --user=mysql",)),
        (PODMAN, ("sh -c sleep 9; x", "sleep 9")),
        ({"Titles": None, "Processes": None}, ()),
        ({}, ()),
    ],
)
def test_finds_the_command_line(listing: dict[str, Any], lines: tuple[str, ...]) -> None:
    assert command_lines(listing) == lines


@pytest.mark.parametrize(
    ("line", "program"),
    [("/usr/sbin/mysqld --password=x", "mysqld"), ("sh", "sh"), ("", ""), ("x" * 100, "x" * 64)],
)
def test_names_the_program_without_its_arguments(line: str, program: str) -> None:
    assert program_of(line) == program
