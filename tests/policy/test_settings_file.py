from __future__ import annotations

from pathlib import Path

import pytest

from remediator.errors import ConfigError
from remediator.settings import Mode
from remediator.settings_file import load_settings, secret_references

FULL = """\
mode: enforce
server: {host: 0.0.0.0, port: 8081, body_limit: 1MiB}
store: {sqlite: records/r.db}
policies: runbooks
reports: incidents
retention: {archive: kept}
sources:
  default: {url: "http://127.0.0.1:9093", poll: 1m}
prometheus: {url: "http://127.0.0.1:9090", timeout: 5s}
services:
  agente: {url: "http://127.0.0.1:8000", auth: {bearer: "env:ADMIN_TOKEN"}, timeout: 10s}
docker: {containers: [qloapps, mysql], exec: {ping: {container: mysql, argv: [mysqladmin, ping]}}}
compose: {file: docker-compose.yml, services: {agente-api: {min: 1, max: 4}}}
fly:
  token: env:FLY_API_TOKEN
  apps: {hotel: {secrets: {PMS_BASE_URL: {values: [env:PMS_URL, mock]}}}}
commands: {flush: {argv: [/usr/local/bin/flush, --now], cwd: work, env: {KEY: "file:/run/secrets/key"}}}
files: {limits: {path: /etc/nginx/limits.conf, template: nginx/limits.j2}}
channels: {incidents: [env:INCIDENTS_URL]}
contacts: {lead: {channel: incidents}}
tokens:
  - {name: ana, sha256: "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752", roles: [viewer]}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "remediator.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(path: Path | None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    return [str(problem) for problem in caught.value.problems]


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, FULL))
    assert settings.mode is Mode.ENFORCE
    assert settings.store.sqlite == tmp_path / "records/r.db"
    assert settings.policies == tmp_path / "runbooks"
    assert settings.reports == tmp_path / "incidents"
    assert settings.retention.archive_of(settings.store.sqlite) == tmp_path / "kept"
    assert settings.compose is not None
    assert settings.compose.file == tmp_path / "docker-compose.yml"
    assert settings.files is not None
    assert settings.files["limits"].path == Path("/etc/nginx/limits.conf")
    assert settings.files["limits"].template == tmp_path / "nginx/limits.j2"
    assert settings.commands is not None
    assert settings.commands["flush"].cwd == tmp_path / "work"
    assert settings.commands["flush"].argv == ("/usr/local/bin/flush", "--now")


def test_an_empty_file_gives_the_defaults_beside_it(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, "# nothing\n"))
    assert settings.mode is Mode.SHADOW
    assert settings.store.sqlite == tmp_path / "data/remediator.db"
    assert settings.retention.archive_of(settings.store.sqlite) == tmp_path / "data/archive"


def test_without_a_file_the_defaults_serve() -> None:
    settings = load_settings(None)
    assert settings.server.host == "127.0.0.1"
    assert settings.store.sqlite == Path("data/remediator.db")


def test_every_secret_reference_is_found(tmp_path: Path) -> None:
    assert secret_references(load_settings(write(tmp_path, FULL))) == {
        "env:ADMIN_TOKEN",
        "env:FLY_API_TOKEN",
        "env:PMS_URL",
        "env:INCIDENTS_URL",
        "file:/run/secrets/key",
    }


def test_the_environment_wins_key_by_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMEDIATOR_SERVER__PORT", "9000")
    monkeypatch.setenv("REMEDIATOR_STORE__SQLITE", "here.db")
    monkeypatch.setenv("REMEDIATOR_SERVICES__AGENTE__TIMEOUT", "3s")
    monkeypatch.setenv("REMEDIATOR_LIMITS", '{"concurrent_runs": 2}')
    monkeypatch.setenv("REMEDIATOR_TOKEN", "for the command line")
    settings = load_settings(write(tmp_path, FULL))
    assert (settings.server.host, settings.server.port) == ("0.0.0.0", 9000)
    assert settings.store.sqlite == Path("here.db")
    assert settings.services is not None
    assert settings.services["agente"].timeout.total_seconds() == 3
    assert settings.services["agente"].auth is not None
    assert settings.limits.concurrent_runs == 2


def test_a_variable_that_does_not_fit_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMEDIATOR_SERVER__PORT", "many")
    for path in (None, write(tmp_path, FULL)):
        (fault,) = faults(path)
        assert fault.startswith("environment:0:0: error: REMEDIATOR_SERVER__PORT: ")
    monkeypatch.delenv("REMEDIATOR_SERVER__PORT")
    monkeypatch.setenv("REMEDIATOR_TOKENS", "[nonsense")
    (fault,) = faults(None)
    assert "tokens" in fault
    assert "as JSON" in fault


def test_every_fault_of_the_file_with_its_place(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """\
server: {prot: 1, body_limit: 16}
services:
  agente: {url: ftp//x, auth: {bearer: s3cret-value}}
docker: {containers: [a, 5]}
fly: {apps: {hotel: {count: {min: few}}}}
sources: {"bad name": {}}
commands: {x: {argv: ["x"], values: {y: "a{0,5000}"}}}
_env_file: x
""",
    )
    (fault,) = faults(path)
    assert fault == f"{path}:8:1: error: unknown key '_env_file'; remove it"
    path = write(tmp_path, path.read_text().replace("_env_file: x\n", ""))
    found = faults(path)
    for start in (
        "1:10: error: unknown key 'prot'; did you mean 'port'?",
        "3:17: error: services.agente.url: ",
        "3:40: error: services.agente.auth.bearer: is a secret written in plain text; write a reference",
        "4:26: error: docker.containers.1: is not text",
        "5:22: error: key 'max' is missing; add `max:`",
        "5:35: error: fly.apps.hotel.count.min: ",
        "6:11: error: sources.bad name: ",
        "7:41: error: commands.x.values.y: 'a{0,5000}' is not an RE2 pattern: invalid repetition size",
    ):
        assert any(fault.startswith(f"{path}:{start}") for fault in found), (start, found)
    assert len(found) == 8
    assert "s3cret-value" not in "".join(found)


def test_names_used_within_the_file(tmp_path: Path) -> None:
    digest = "0" * 64
    path = write(
        tmp_path,
        f"""\
channels: {{incidents: [env:X]}}
contacts: {{lead: {{channel: incident}}}}
tokens:
  - {{name: ana, sha256: "{digest}", roles: [viewer]}}
  - {{name: ana, sha256: "{digest}", roles: [admin]}}
""",
    )
    assert faults(path) == [
        f"{path}:2:28: error: no channel 'incident'; did you mean 'incidents'?",
        f"{path}:5:12: error: a second token is called 'ana'; "
        "give each token its own name; approvals and the audit log go by it",
    ]


def test_a_file_that_is_no_mapping(tmp_path: Path) -> None:
    (fault,) = faults(write(tmp_path, "- a\n"))
    assert "is not a mapping" in fault


@pytest.mark.parametrize(
    ("retention", "told"),
    [
        ("{deliveries: 10h}", "deliveries must be a day at least"),
        ("{deliveries: 5d, records: 20d}", "records must be 30d at least"),
        ("{deliveries: 31d, records: 30d}", "deliveries must be no longer than records"),
        ("{deliveries: 5d, records: 40d, audit: 39d}", "audit must be no shorter than records"),
    ],
)
def test_what_is_kept_is_kept_in_order(tmp_path: Path, retention: str, told: str) -> None:
    (fault,) = faults(write(tmp_path, f"retention: {retention}\n"))
    assert told in fault


def test_that_a_session_was_ended_is_remembered_as_long_as_it_would_have_run(tmp_path: Path) -> None:
    (fault,) = faults(write(tmp_path, "server: {login: {lasts: 91d}}\n"))
    assert "server.login.lasts must be no longer than retention.audit" in fault
