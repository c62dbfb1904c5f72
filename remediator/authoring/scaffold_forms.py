"""The ways to remedy that a scaffold can begin with, one for each kind of thing in the inventory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from remediator.settings import Service, Settings


@dataclass(frozen=True, slots=True)
class Form:
    """How a scaffold remedies: what it does to which entries, and what it looks at before.

    `section` is what remediator.yaml would have to hold for it, with a name to fill in. The
    functions write YAML for an entry.
    """

    name: str
    does: str
    option: str
    target: str
    fact: str
    looks: str
    uses: str
    section: str
    entries: Callable[[Settings], tuple[str, ...]]
    looks_with: Callable[[Settings, str], str]
    uses_with: Callable[[Settings, str], str]
    given: Callable[[Settings, str], str]
    """The test's answers for the fact."""


def form_named(name: str) -> Form | None:
    """Return the form of this name."""
    return next((form for form in FORMS if form.name == name), None)


def _containers(settings: Settings) -> tuple[str, ...]:
    return tuple(settings.docker.containers) if settings.docker else ()


def _compose_services(settings: Settings) -> tuple[str, ...]:
    return tuple(settings.compose.services) if settings.compose else ()


def _services(settings: Settings) -> tuple[str, ...]:
    """Those that may be posted to."""
    services = (settings.services or {}).items()
    return tuple(name for name, service in services if _path(service, "POST", "/CHANGE-ME"))


def _commands(settings: Settings) -> tuple[str, ...]:
    """Those that act, and need nothing to be passed."""
    commands = (settings.commands or {}).items()
    return tuple(name for name, command in commands if not command.params and not command.read_only)


def _apps(settings: Settings) -> tuple[str, ...]:
    return tuple(settings.fly.apps) if settings.fly else ()


def _path(service: Service | None, method: str, otherwise: str) -> str | None:
    """Return a path that the service allows to be asked with this method."""
    if service is None or service.paths is None:
        return otherwise
    allowed: Iterable[str] = (
        pattern.removeprefix(f"{method} ") for pattern in service.paths if pattern.startswith(f"{method} ")
    )
    return next((path.replace("*", "CHANGE-ME") for path in allowed), None)


def _service(settings: Settings, name: str) -> Service | None:
    return (settings.services or {}).get(name)


def _probe_path(settings: Settings, name: str) -> str:
    return _path(_service(settings, name), "GET", "/health") or "/health"


def _post_path(settings: Settings, name: str) -> str:
    return _path(_service(settings, name), "POST", "/CHANGE-ME") or "/CHANGE-ME"


def _outcome(action: str, fact: str) -> Callable[[Settings, str], str]:
    text = f"  actions:\n    - {{uses: {action}, outcome: {{fact: {fact}}}}}"
    return lambda _settings, _entry: text


FORMS: tuple[Form, ...] = (
    Form(
        name="container",
        does="Restart",
        option="restart",
        target="docker",
        fact="running",
        looks="docker.inspect",
        uses="docker.restart",
        section="  docker: {containers: [CHANGE-ME]}",
        entries=_containers,
        looks_with=lambda _, entry: f"{{container: {entry}}}",
        uses_with=lambda _, entry: f"{{container: {entry}, timeout: 30s}}",
        given=_outcome("docker.inspect", "true"),
    ),
    Form(
        name="compose",
        does="Restart",
        option="restart",
        target="compose",
        fact="firing",
        looks="prometheus.query",
        uses="compose.restart",
        section="  compose: {file: docker-compose.yml, services: {CHANGE-ME: null}}",
        entries=_compose_services,
        looks_with=lambda _settings, _entry: "{query: count(ALERTS)}",
        uses_with=lambda _, entry: f"{{service: {entry}}}",
        given=_outcome("prometheus.query", "1"),
    ),
    Form(
        name="service",
        does="Call an endpoint of",
        option="call",
        target="service",
        fact="answers",
        looks="http.probe",
        uses="http.request",
        section="  services: {CHANGE-ME: {url: 'http://127.0.0.1:8000'}}",
        entries=_services,
        looks_with=lambda settings, entry: (
            f"{{service: {entry}, path: {_probe_path(settings, entry)}, expect: {{status: 200}}}}"
        ),
        uses_with=lambda settings, entry: (
            f"{{service: {entry}, method: POST, path: {_post_path(settings, entry)}}}"
        ),
        given=lambda settings, entry: (
            f"    http:\n      - {{service: {entry}, path: {_probe_path(settings, entry)}, gives: 200}}"
        ),
    ),
    Form(
        name="command",
        does="Run",
        option="run",
        target="command",
        fact="firing",
        looks="prometheus.query",
        uses="command.run",
        section="  commands: {CHANGE-ME: {argv: [/usr/local/bin/CHANGE-ME]}}",
        entries=_commands,
        looks_with=lambda _settings, _entry: "{query: count(ALERTS)}",
        uses_with=lambda _, entry: f"{{command: {entry}}}",
        given=_outcome("prometheus.query", "1"),
    ),
    Form(
        name="fly",
        does="Restart",
        option="restart",
        target="fly",
        fact="started",
        looks="fly.status",
        uses="fly.restart",
        section="  fly: {apps: {CHANGE-ME: {}}}",
        entries=_apps,
        looks_with=lambda _, entry: f"{{app: {entry}}}",
        uses_with=lambda _, entry: f"{{app: {entry}}}",
        given=_outcome("fly.status", "true"),
    ),
)
"""Every form, the preferred first."""
