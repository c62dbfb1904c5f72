"""Reads `remediator.yaml`, with the environment over it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_settings import PydanticBaseSettingsSource, SettingsError

from remediator.errors import ConfigError, Problem
from remediator.labels import SCHEDULE_SOURCE
from remediator.secret_refs import is_secret_ref
from remediator.settings import Role, Settings
from remediator.validation_problems import problems_from_validation, suggestion
from remediator.yaml_source import NodePath, YamlSource, read_yaml, read_yaml_file

_ENVIRONMENT = "environment"
# Keys that hold paths; * is every entry of a mapping.
_PATHS = (
    ("store", "sqlite"),
    ("server", "tls", "certificate"),
    ("server", "tls", "key"),
    ("server", "tls", "client_ca"),
    ("policies",),
    ("reports",),
    ("outcomes",),
    ("retention", "archive"),
    ("compose", "file"),
    ("files", "*", "path"),
    ("files", "*", "template"),
    ("commands", "*", "cwd"),
)


class _FileSettings(Settings):
    """Settings whose arguments come from a file, and so yield to the environment."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[Settings],  # type: ignore[override]  # noqa: ARG003  (pydantic-settings' signature)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings


def load_settings(path: Path | None) -> Settings:
    """Read the configuration; None gives the defaults. `REMEDIATOR_…` wins over both.

    Relative paths in the file (and the default database) are relative to the file's folder; those
    from the environment, and everything without a file, to the working directory.

    Raises:
        ConfigError: with every fault, each at its line and column, or naming the variable.
    """
    source = read_yaml_file(path) if path else read_yaml("defaults", "")
    data = {} if source.data is None else source.data
    if not isinstance(data, dict):
        raise ConfigError([source.problem((), "is not a mapping", "write `key: value` lines")])
    private = [key for key in data if key.startswith("_")]
    if private:
        # pydantic-settings would take such a key for an argument of its own.
        raise ConfigError(
            [source.problem((key,), f"unknown key {key!r}", "remove it", at_key=True) for key in private]
        )
    if path:
        data = _anchored(data, path.parent)
    try:
        settings = _FileSettings(**data)
    except ValidationError as error:
        raise ConfigError(_problems(source, error)) from None
    except SettingsError as error:
        reason = f"{error}" + (f" ({error.__cause__})" if error.__cause__ else "")
        problem = Problem(_ENVIRONMENT, 0, 0, reason, "write the variable's value as JSON")
        raise ConfigError([problem]) from None
    problems = list(_references(source, settings))
    if problems:
        raise ConfigError(problems)
    return _with_places(source, settings)


def secret_references(settings: Settings) -> frozenset[str]:
    """Return every reference to a secret in the settings, for the Redactor."""
    return frozenset(_find_references(settings))


def _find_references(value: Any) -> Iterator[str]:
    if isinstance(value, BaseModel):
        for _, child in value:
            yield from _find_references(child)
    elif isinstance(value, Mapping):
        for child in value.values():
            yield from _find_references(child)
    elif isinstance(value, tuple | list):
        for child in value:
            yield from _find_references(child)
    elif is_secret_ref(value):
        yield value


def _with_places(source: YamlSource, settings: Settings) -> Settings:
    """Let shared checks remember where they are written: policies that use them say so of their faults."""
    placed = {}
    for name, check in settings.checks.items():
        paths: list[NodePath] = [("checks", name, "all", at) for at in range(len(check.all))]
        known = all(path in source.positions for path in paths)
        places = (
            [":".join((source.file, *map(str, source.positions[path]))) for path in paths] if known else []
        )
        placed[name] = check.placed(places)
    return settings.model_copy(update={"checks": placed})


def _anchored(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the data with its relative paths put below the file's folder."""
    store = data.get("store", {})
    if isinstance(store, dict) and "sqlite" not in store:
        default = str(Settings.model_fields["store"].default.sqlite)
        data = {**data, "store": {**store, "sqlite": default}}
    for keys in _PATHS:
        data = _anchor(data, keys, folder)
    return data


def _anchor(value: Any, keys: tuple[str, ...], folder: Path) -> Any:
    if not keys:
        return str(folder / value) if isinstance(value, str) else value
    if not isinstance(value, dict):
        return value
    chosen = value.keys() if keys[0] == "*" else {keys[0]} & value.keys()
    return {**value, **{key: _anchor(value[key], keys[1:], folder) for key in chosen}}


def _problems(source: YamlSource, error: ValidationError) -> list[Problem]:
    outside: dict[NodePath, Problem] = {}
    for fault in error.errors(include_url=False):
        variable = _variable(source, fault["loc"])
        if variable:
            what = f"{variable}: {fault['msg'].removeprefix('Value error, ')}"
            outside[fault["loc"]] = Problem(_ENVIRONMENT, 0, 0, what, "set it to a value that fits")
    return [
        *outside.values(),
        *problems_from_validation(source, error, Settings, leave_out=outside.keys()),
    ]


def _variable(source: YamlSource, path: NodePath) -> str | None:
    """Return the environment variable that a value came from, if it came from one."""
    names = {name.upper() for name in os.environ}
    for length in range(len(path), 0, -1):
        name = "REMEDIATOR_" + "__".join(str(part).upper() for part in path[:length])
        if name in names:
            return name
        if path in source.positions:
            return None
    return None


def _references(source: YamlSource, settings: Settings) -> Iterator[Problem]:
    """Check the names that one part of the file uses of another."""
    if SCHEDULE_SOURCE in settings.sources:
        what = f"{SCHEDULE_SOURCE!r} is what schedules are called"
        yield source.problem(("sources", SCHEDULE_SOURCE), what, "give the source another name", at_key=True)
    for name, contact in settings.contacts.items():
        if contact.channel not in settings.channels:
            fix = suggestion(contact.channel, tuple(settings.channels), "channels")
            yield source.problem(("contacts", name, "channel"), f"no channel {contact.channel!r}", fix)
    seen: set[str] = set()
    for at, token in enumerate(settings.tokens):
        if token.name in seen:
            fix = "give each token its own name; approvals and the audit log go by it"
            yield source.problem(("tokens", at, "name"), f"a second token is called {token.name!r}", fix)
        seen.add(token.name)
    yield from _logins(source, settings)
    yield from _slack(source, settings)


def _slack(source: YamlSource, settings: Settings) -> Iterator[Problem]:
    """Check that whoever decides in Slack is known, and what asks there is a channel."""
    if settings.slack is None:
        return
    known = tuple(token.name for token in settings.tokens)
    for user, name in settings.slack.users.items():
        if name not in known:
            fix = suggestion(name, known, "tokens")
            yield source.problem(("slack", "users", user), f"nobody is called {name!r} under tokens", fix)
    for channel in settings.slack.webhooks:
        if channel not in settings.channels:
            fix = suggestion(channel, tuple(settings.channels), "channels")
            yield source.problem(("slack", "webhooks", channel), f"no channel is called {channel!r}", fix)


def _logins(source: YamlSource, settings: Settings) -> Iterator[Problem]:
    """Check that whoever a proxy or a certificate vouches for is known, and as what."""
    known = {token.name: token for token in settings.tokens}
    proxy, tls = settings.server.proxy_login, settings.server.tls
    users = proxy.users if proxy else {}
    clients = tls.clients if tls else {}
    for section, named in (("proxy_login", users), ("tls", clients)):
        key = "users" if section == "proxy_login" else "clients"
        for name, token in named.items():
            path = ("server", section, key, name)
            if token not in known:
                fix = suggestion(token, tuple(known), "tokens")
                yield source.problem(path, f"nobody is called {token!r} under tokens", fix)
            elif section == "tls" and Role.WEBHOOK not in known[token].roles:
                what = f"{token!r} does not have the role webhook, which certificates are for"
                yield source.problem(path, what, "name another token, or give it the role")
