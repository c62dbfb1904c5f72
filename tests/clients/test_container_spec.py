from __future__ import annotations

from typing import Any

from remediator.clients.container_spec import REPLACES_LABEL, spec_like

ID = "0123456789abcdef" * 4


def inspected(**changes: Any) -> dict[str, Any]:
    return {
        "Id": ID,
        "Config": {
            "Hostname": ID[:12],
            "Env": ["PATH=/bin", "PMS_TYPE=qloapps", "EMPTY="],
            "Cmd": ["serve"],
            "Image": "agente:1",
            "Volumes": None,
            "Labels": {"com.docker.compose.service": "agente-api"},
        },
        "HostConfig": {
            "NetworkMode": "hotel",
            "Binds": ["/srv/app:/app:ro"],
            "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
            "MaskedPaths": [],
            "Runtime": "oci",
            "ConsoleSize": [0, 0],
            "Memory": 0,
            "Ulimits": [{"Name": "RLIMIT_NOFILE", "Hard": 1024, "Soft": 1024}],
        },
        "Mounts": [
            {"Type": "bind", "Source": "/srv/app", "Destination": "/app", "RW": False},
            {"Type": "volume", "Name": "anon", "Destination": "/data", "RW": True},
        ],
        "NetworkSettings": {
            "Networks": {
                "hotel": {"Aliases": ["agente-api", ID[:12]], "IPAMConfig": None, "IPAddress": "172.18.0.2"},
                "metrics": {"Aliases": None, "IPAMConfig": {"IPv4Address": "10.0.0.9"}},
            }
        },
        **changes,
    }


def test_only_the_environment_changes() -> None:
    spec = spec_like(inspected(), "agente:1", {"PMS_TYPE": "mock", "EMPTY": None, "NEW": "1"})
    assert spec.config == {
        "Env": ["PATH=/bin", "PMS_TYPE=mock", "NEW=1"],
        "Cmd": ["serve"],
        "Image": "agente:1",
        "Labels": {"com.docker.compose.service": "agente-api", REPLACES_LABEL: ID},
        "HostConfig": {
            "NetworkMode": "hotel",
            "Binds": ["/srv/app:/app:ro", "anon:/data"],
            "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
            "MaskedPaths": [],
            "Ulimits": [{"Name": "nofile", "Hard": 1024, "Soft": 1024}],
        },
        "NetworkingConfig": {"EndpointsConfig": {"hotel": {"Aliases": ["agente-api"]}}},
    }
    assert spec.networks == {
        "metrics": {"aliases": None, "links": None, "ipv4_address": "10.0.0.9", "ipv6_address": None}
    }


def test_a_container_on_the_host_s_network_gets_no_name_of_its_own() -> None:
    raw = inspected(HostConfig={"NetworkMode": "host"}, Mounts=[])
    raw["Config"] |= {"Hostname": "vm", "Env": ["HOSTNAME=vm", "A=1"]}
    config = spec_like(raw, "agente:1", {"A": "2"}).config
    assert "Hostname" not in config
    assert "NetworkingConfig" not in config
    assert config["Env"] == ["A=2"]
