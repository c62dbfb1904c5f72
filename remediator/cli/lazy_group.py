"""Groups of commands whose modules are imported when the command is asked for, and not to be listed.

A command needs the engine, another the HTTP client; each would wait for what the others need.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

_SETTINGS: Mapping[str, Any] = {
    "no_args_is_help": True,
    "add_completion": False,
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
}


@contextmanager
def _collector_off() -> Iterator[None]:
    """What is imported stays: to look for garbage in it takes a fifth of a start, and time later on."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@dataclass(frozen=True, slots=True)
class Command:
    """One command: the function that it is, and what a list of commands says of it."""

    function: str
    """`package.module:name`."""
    summary: str
    """The first line of the function's docstring."""

    def load(self) -> Callable[..., None]:
        """Import the function."""
        module, _, name = self.function.partition(":")
        if module not in sys.modules:
            with _collector_off():
                importlib.import_module(module)
        function: Callable[..., None] = getattr(sys.modules[module], name)
        return function


@dataclass(frozen=True, slots=True)
class Group:
    """Commands that are typed after the group's name."""

    summary: str
    members: Mapping[str, Command | Group] = field(default_factory=dict)


class LazyGroup(TyperGroup):
    """Lists its commands by their summaries, and imports one when it is asked for."""

    members: Mapping[str, Command | Group]

    def list_commands(self, _ctx: object) -> list[str]:
        """Return the names in the order of the catalog."""
        return list(self.members)

    def format_commands(self, _ctx: object, formatter: Any) -> None:
        """List the commands with their summaries."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, member.summary) for name, member in self.members.items()])


class _Loaded(Mapping[str, Any]):
    """The commands themselves by name, each imported when it is looked up."""

    def __init__(self, members: Mapping[str, Command | Group]) -> None:
        self._members = members

    def __getitem__(self, name: str) -> Any:
        member = self._members[name]
        if isinstance(member, Group):
            return build_group(member, name, _nothing)
        app = typer.Typer(**_SETTINGS)
        app.command(name)(member.load())
        return get_command(app)

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


def build_group(group: Group, name: str, callback: Callable[..., None]) -> LazyGroup:
    """Make a command line of a group; the callback's parameters are the group's own options."""
    app = typer.Typer(name=name, cls=LazyGroup, help=group.summary, **_SETTINGS)
    app.callback()(callback)
    built: Any = get_command(app)
    built.members = group.members
    built.commands = _Loaded(group.members)
    whole: LazyGroup = built
    return whole


def _nothing() -> None: ...
