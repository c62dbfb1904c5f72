"""Writes the reference pages and the schema from the code: `make docs`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from remediator.actions.base import Action, BaseAction
from remediator.actions.catalog import ACTIONS
from remediator.authoring.parameter_tables import models_within, parameters
from remediator.authoring.policy_tests.model import PolicyTestFile
from remediator.authoring.schema import Named, policy_schema
from remediator.guards.base import Guard
from remediator.guards.catalog import always_bound, configurable_guards, lease_use
from remediator.policy.model import Policy
from remediator.settings import Limits, Settings

PROJECT = Path(__file__).parents[2]
"""The top of a checkout."""

_PROPERTIES = {"read_only": "Read-only", "reversible": "Reversible", "idempotent": "Idempotent"}
_NOTE = "<!-- Generated from the code by `make docs`; a test compares it. -->\n"


def pages() -> Mapping[str, str]:
    """Return every generated file by its path in the project."""
    return {
        "docs/actions.md": actions_page(ACTIONS),
        "docs/guards.md": guards_page(),
        "docs/policies.md": policies_page(),
        "docs/configuration.md": configuration_page(),
        "policies/policy.schema.json": json.dumps(full_schema(), indent=1) + "\n",
        "policies/tests/policy-tests.schema.json": json.dumps(schema_of_tests(), indent=1) + "\n",
    }


def full_schema() -> dict[str, Any]:
    """Return the JSON Schema of a policy with remediator's own guards and actions."""
    return schema_of(configurable_guards().values(), ACTIONS)


def schema_of(
    guards: Iterable[Guard[Any]], actions: Iterable[type[Action[Any]] | Action[Any]]
) -> dict[str, Any]:
    """Return the JSON Schema of a policy with these guards and actions."""
    return policy_schema(
        {guard.name: Named(guard.params, guard.summary) for guard in guards},
        {action.name: Named(action.params, action.summary) for action in actions},
    )


def schema_of_tests() -> dict[str, Any]:
    """Return the JSON Schema of a file of policy tests."""
    schema = PolicyTestFile.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Tests of remediator's policies",
    }


def actions_page(actions: Iterable[type[Action[Any]]]) -> str:
    """Return the page about actions."""
    ordered = sorted(actions, key=lambda action: action.name)
    parts = [
        "# Actions\n",
        _NOTE,
        "What a policy's steps, facts and checks may use. `varies` means that it depends on the parameters\n"
        "or on the inventory entry, as said below. A name under a section of `remediator.yaml` has to be\n"
        "written literally: no label can choose it. Other values may be templates.\n",
        "| action | what it does | read-only | reversible | idempotent |",
        "|---|---|---|---|---|",
        *(_action_row(action) for action in ordered),
        "",
        *(_action(action) for action in ordered),
        _inner(action.params for action in ordered),
    ]
    return _page(parts)


def guards_page() -> str:
    """Return the page about guards."""
    named = sorted(configurable_guards().values(), key=lambda guard: guard.name)
    bound = [use.guard for use in always_bound(Limits())] + [lease_use().guard]
    parts = [
        "# Guards\n",
        _NOTE,
        "Anything that can block a run. All of a policy's guards must allow; a guard that cannot be\n"
        "evaluated blocks. They are looked at on entry, and once more right before acting. Runs that a\n"
        "person starts are bound by some of them only; the others are shown.\n",
        "| guard | what it asks | binds runs by hand |",
        "|---|---|---|",
        *(_guard_row(guard) for guard in named),
        "\nThese always apply, and are not written in a policy:\n",
        "| guard | what it asks | binds runs by hand |",
        "|---|---|---|",
        *(_guard_row(guard) for guard in bound),
        "",
        *(f"## {guard.name}\n\n{guard.summary}\n\n{parameters(guard.params)}" for guard in named),
        _inner(guard.params for guard in named),
    ]
    return _page(parts)


def policies_page() -> str:
    """Return the page about the keys of a policy."""
    return _page(
        [
            "# Keys of a policy\n",
            _NOTE,
            "One policy a file. Durations are Prometheus's (`30s`, `1h30m`). Unknown and duplicate keys are\n"
            "errors, reported with line and column by `remediator policies check`. The guards are in\n"
            "[guards.md](guards.md), the actions in [actions.md](actions.md); how it all plays together is\n"
            "in [architecture.md](architecture.md).\n",
            parameters(Policy),
            _inner([Policy]),
        ]
    )


def configuration_page() -> str:
    """Return the page about `remediator.yaml`."""
    return _page(
        [
            "# remediator.yaml\n",
            _NOTE,
            "The inventory: what is listed here is all that a policy can reach. The file is optional. Each\n"
            "key can be set by environment, with `__` between levels (`REMEDIATOR_SERVER__PORT=9000`); the\n"
            "environment wins. A secret reference, `env:NAME` or `file:/path`, is looked up at its use.\n"
            "Relative paths start from the file's folder.\n",
            parameters(Settings),
            _inner([Settings]),
        ]
    )


def _page(parts: Iterable[str]) -> str:
    return "\n".join(parts).rstrip("\n") + "\n"


def _action_row(action: type[Action[Any]]) -> str:
    cells = (
        f"[`{action.name}`](#{_anchor(action.name)})",
        action.summary,
        _property(action, "read_only"),
        _property(action, "reversible"),
        _property(action, "idempotent"),
    )
    return f"| {' | '.join(cells)} |"


def _varies(action: type[Action[Any]], name: str) -> str | None:
    """Say on what a property depends, for an action that decides it by its parameters."""
    method = getattr(action, f"{name}_for")
    if method is getattr(BaseAction, f"{name}_for"):
        return None
    return " ".join((method.__doc__ or "").split())


def _property(action: type[Action[Any]], name: str) -> str:
    if _varies(action, name) is not None:
        return "varies"
    return "yes" if getattr(action, name) or (name == "idempotent" and action.read_only) else "no"


def _action(action: type[Action[Any]]) -> str:
    parts = [f"## {action.name}\n", f"{action.summary}\n", parameters(action.params)]
    if action.result:
        parts += ["| result field | meaning |", "|---|---|"]
        parts += [f"| `{name}` | {meaning} |" for name, meaning in action.result.items()]
        parts.append("")
    said = [f"{word}: {text}" for name, word in _PROPERTIES.items() if (text := _varies(action, name))]
    said += [f"As a fact: {action.fact}."] if action.fact else []
    said += [f"Captures: {action.captures}."] if action.captures else []
    parts += [f"- {text}" for text in said] + ([""] if said else [])
    return "\n".join(parts)


def _guard_row(guard: Guard[Any]) -> str:
    return f"| `{guard.name}` | {guard.summary} | {'yes' if guard.by_hand else 'no'} |"


def _inner(models: Iterable[type[BaseModel]]) -> str:
    """Return the tables of all models inside these, each once."""
    inner = dict.fromkeys(child for model in models for child in models_within(model))
    return "\n".join(f"## {child.__name__}\n\n{_meaning(child)}{parameters(child)}" for child in inner)


def _meaning(model: type[BaseModel]) -> str:
    text = " ".join((model.__doc__ or "").split())
    return f"{text}\n\n" if text else ""


def _anchor(name: str) -> str:
    # As GitHub makes them: dots go, underscores stay.
    return name.replace(".", "")


def main() -> int:
    """Write all files into the project."""
    for name, text in pages().items():
        (PROJECT / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
