"""docker-compose.yml: valid for the tool, and of one mind with the configurations that it mounts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from remediator.settings_file import load_settings
from tests.real.compose import image_user

_ROOT = Path(__file__).parents[2]


def _read(name: str) -> Any:
    return yaml.safe_load((_ROOT / name).read_text(encoding="utf-8"))


def _config(tmp_path: Path, **env: str) -> subprocess.CompletedProcess[str]:
    binary = shutil.which("docker-compose")
    if binary is None:
        pytest.skip("docker-compose is not installed")
    given = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **env}
    empty = tmp_path / "empty.env"  # or a .env of the checkout would count
    empty.touch()
    command = [binary, "--env-file", str(empty), "config"]
    return subprocess.run(command, cwd=_ROOT, env=given, capture_output=True, text=True, timeout=60)


def test_is_valid_for_docker_compose(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.touch()
    files = {"REMEDIATOR_WEBHOOK_TOKEN_FILE": str(token), "PEOPLE_WEBHOOK_URL_FILE": str(token)}
    done = _config(tmp_path, ADMIN_TOKEN="x", REMEDIATOR_TOKENS="[]", **files)
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    assert set(services) == {
        "prometheus",
        "alertmanager",
        "grafana",
        "remediator",
        "docker-socket-proxy",
        "agente-api",
        "qloapps",
        "postgres",
        "redis",
    }


def test_refuses_to_start_without_tokens(tmp_path: Path) -> None:
    done = _config(tmp_path)
    assert done.returncode != 0
    assert "see .env.example" in done.stderr


def test_every_variable_is_explained() -> None:
    wanted = set(re.findall(r"\$\{(\w+):\?", (_ROOT / "docker-compose.yml").read_text(encoding="utf-8")))
    assert wanted
    assert wanted == set(re.findall(r"^(\w+)=", (_ROOT / ".env.example").read_text("utf-8"), re.MULTILINE))


def test_every_address_is_a_service_of_the_file() -> None:
    services = _read("docker-compose.yml")["services"]
    settings = load_settings(_ROOT / "demo/remediator.compose.yaml")
    assert settings.prometheus is not None
    assert settings.docker is not None
    assert settings.services is not None
    urls = [str(settings.prometheus.url), settings.docker.host]
    urls += [str(service.url) for service in settings.services.values()]
    urls += [str(source.url) for source in settings.sources.values()]
    route = _read("alertmanager/alertmanager.yml")["receivers"][0]["webhook_configs"][0]
    urls.append(route["url"])
    prometheus = _read("prometheus/prometheus.yml")
    hosts = {urlsplit(url).hostname for url in urls}
    for job in prometheus["scrape_configs"]:
        hosts |= {target.split(":")[0] for one in job.get("static_configs", []) for target in one["targets"]}
        hosts |= {name for one in job.get("dns_sd_configs", []) for name in one["names"]}
    assert hosts <= services.keys()


def test_nothing_is_published_beyond_loopback_and_every_image_has_a_version() -> None:
    for name, service in _read("docker-compose.yml")["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        if "image" in service:
            assert re.fullmatch(r"[a-z-]+/[a-z-]+:v?[0-9.]+", service["image"]), name


def test_every_secret_that_alertmanager_reads_is_given_to_it() -> None:
    text = (_ROOT / "alertmanager/alertmanager.yml").read_text(encoding="utf-8")
    compose = _read("docker-compose.yml")
    read = set(re.findall(r"/run/secrets/(\w+)", text))
    assert read == set(compose["services"]["alertmanager"]["secrets"]) <= compose["secrets"].keys()


def test_remediator_has_no_rights_to_lose() -> None:
    service = _read("docker-compose.yml")["services"]["remediator"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in service  # the image's own
    assert int(image_user().split(":")[0]) > 0
    assert not {"privileged", "cap_add", "devices", "network_mode", "pid", "userns_mode"} & service.keys()
    writable = [volume for volume in service["volumes"] if not volume.endswith(":ro")]
    settings = load_settings(_ROOT / "demo/remediator.compose.yaml")
    (folder,) = [volume.split(":")[1] for volume in writable]
    assert settings.store.sqlite.is_relative_to(folder)
    assert settings.reports.is_relative_to(folder)


def test_only_the_proxy_sees_the_engine_and_it_lets_nothing_be_created() -> None:
    services = _read("docker-compose.yml")["services"]
    with_socket = [
        name
        for name, service in services.items()
        if any("docker.sock" in volume for volume in service.get("volumes", []))
    ]
    assert with_socket == ["docker-socket-proxy"]
    assert services["docker-socket-proxy"]["environment"]["POST"] == 0
    on_engine = {name for name, service in services.items() if "engine" in service["networks"]}
    assert on_engine == {"remediator", "docker-socket-proxy"}
