"""Actions and guards of others: modules that `extensions:` in remediator.yaml names, and no others.

Nothing is scanned: a package that happens to be installed does nothing. A module that is named runs
with all rights of the server, as its own code does.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from remediator.actions.base import Action, ActionParams, BaseAction
from remediator.actions.catalog import ACTIONS
from remediator.errors import ConfigError, Problem
from remediator.guards.base import BaseGuard, Guard, GuardParams
from remediator.guards.catalog import configurable_guards

_NAME = re.compile(r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_.]*$")
# `test` is what tests call their own; `remediator` is kept for what may come.
_KEPT = frozenset({"remediator", "test"})
_MISSING = object()
_TEXTS = ("name", "summary")


@dataclass(frozen=True, slots=True)
class Extensions:
    """What was added, by name."""

    actions: Mapping[str, Action[Any]]
    guards: Mapping[str, Guard[Any]]


NO_EXTENSIONS = Extensions({}, {})


def load_extensions(modules: Sequence[str]) -> Extensions:
    """Import the modules and take over their `ACTIONS` and `GUARDS`, tuples of ready objects.

    Raises:
        ConfigError: with every fault of every module.
    """
    loading = _Loading()
    for place, module in enumerate(modules):
        loading.take(place, module)
    if loading.problems:
        raise ConfigError(loading.problems)
    return Extensions(loading.actions, loading.guards)


class _Loading:
    """Modules as they are read, with all that is wrong with them."""

    def __init__(self) -> None:
        self.actions: dict[str, Action[Any]] = {}
        self.guards: dict[str, Guard[Any]] = {}
        self.problems: list[Problem] = []
        self._from: dict[str, str] = {}
        own = {action.name.partition(".")[0] for action in ACTIONS}
        self._namespaces = _KEPT | own | configurable_guards().keys()

    def take(self, place: int, name: str) -> None:
        where = f"extensions[{place}] {name}"
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            self._fault(where, f"can't be imported: {error}", "install it where remediator is installed")
            return
        except Exception as error:  # noqa: BLE001  the boundary to code of others: it may raise anything
            what = f"fails while it is imported: {type(error).__name__}: {error}"
            self._fault(where, what, "correct the module, or remove it from extensions")
            return
        found = [*self._of(where, module, "ACTIONS"), *self._of(where, module, "GUARDS")]
        if not found and not any(hasattr(module, kind) for kind in ("ACTIONS", "GUARDS")):
            fix = "give it a tuple ACTIONS, a tuple GUARDS, or both"
            self._fault(where, "has neither ACTIONS nor GUARDS", fix)

    def _of(self, where: str, module: ModuleType, kind: str) -> list[object]:
        found = getattr(module, kind, ())
        if not isinstance(found, tuple):
            self._fault(where, f"{kind} is not a tuple", f"write {kind} = (MyOwn(),)")
            return []
        for one in found:
            faults = list(_action_faults(one) if kind == "ACTIONS" else _guard_faults(one))
            subject = f"{where}: {kind}: {getattr(one, 'name', type(one).__name__)}"
            for what, fix in faults:
                self._fault(subject, what, fix)
            if not faults and self._may_be_called(subject, one.name, module.__name__):
                into: dict[str, Any] = self.actions if kind == "ACTIONS" else self.guards
                into[one.name] = one
        return list(found)

    def _may_be_called(self, subject: str, name: str, module: str) -> bool:
        namespace = name.partition(".")[0]
        if not _NAME.match(name):
            fix = "put a namespace of your own before it, like acme.restart_pump"
            self._fault(subject, f"the name {name!r} has no namespace", fix)
        elif namespace in self._namespaces:
            self._fault(subject, f"{namespace!r} is remediator's own", "use a namespace of your own")
        elif name in self._from:
            self._fault(subject, f"{name!r} is already in {self._from[name]}", "give it another name")
        else:
            self._from[name] = module
            return True
        return False

    def _fault(self, subject: str, what: str, fix: str) -> None:
        self.problems.append(Problem("remediator.yaml", 0, 0, f"{subject}: {what}", fix))


Fault = tuple[str, str]


def _action_faults(action: object) -> Iterator[Fault]:
    yield from _faults(action, BaseAction, ActionParams)
    if isinstance(action, BaseAction):
        if not inspect.iscoroutinefunction(getattr(action, "act", None)):
            yield "has no `async def act`", "write one; it makes one attempt and returns an Outcome"
        if action.reversible and not inspect.iscoroutinefunction(getattr(action, "undo", None)):
            yield "is reversible and has no `async def undo`", "write capture and undo, or say it is not"


def _guard_faults(guard: object) -> Iterator[Fault]:
    yield from _faults(guard, BaseGuard, GuardParams)
    if isinstance(guard, BaseGuard) and not callable(getattr(guard, "evaluate", None)):
        yield "has no `evaluate`", "write one; it returns a Verdict"


def _faults(one: object, base: type, params: type) -> Iterator[Fault]:
    """Say what is wrong with an object that is to be of a kind; a base has defaults for what comes later."""
    if isinstance(one, type):
        yield "is a class", f"put an object of it there: {one.__name__}()"
        return
    if not isinstance(one, base):
        yield f"is no {base.__name__}", f"derive it from {base.__module__}.{base.__name__}"
        return
    for attribute in _TEXTS:
        value = getattr(one, attribute, _MISSING)
        if not isinstance(value, str) or not value:
            yield f"has no {attribute}", f"give its class {attribute} = …, a text"
    model = getattr(one, "params", None)
    if not (isinstance(model, type) and issubclass(model, params)):
        yield "has no model of its parameters", f"give its class params, derived from {params.__name__}"
