"""From an inspection to the configuration of a container like it, with another environment. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REPLACES_LABEL = "remediator.replaces"

# What an inspection tells in words that creation does not take: the engine's own defaults.
_NOT_WORTH_KEEPING = {
    "PidMode": ("private",),
    "UTSMode": ("private",),
    "CgroupnsMode": ("private",),
    "IpcMode": ("shareable",),
    "Runtime": ("oci",),
}
_ALWAYS_LEFT_OUT = ("ConsoleSize", "ContainerIDFile")
# Empty lists that say "nothing is hidden" rather than "as usual".
_EMPTY_COUNTS = ("MaskedPaths", "ReadonlyPaths")
_NO_NETWORKS = ("host", "none", "container:")


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A raw configuration, and networks to connect after creation: name to its settings."""

    config: Mapping[str, Any]
    networks: Mapping[str, Mapping[str, Any]]


def spec_like(raw: Mapping[str, Any], image: str, env: Mapping[str, str | None]) -> ContainerSpec:
    """Describe a container like the one inspected, `env` changed; a value of None removes a name.

    Its volumes are shared with the old one, anonymous ones too.
    """
    old = raw["Config"]
    own_name = str(raw["Id"])[:12]
    config = {name: value for name, value in old.items() if value not in (None, "", [], {}, False)}
    host = _host_config(raw)
    first, others = _endpoints(raw, own_name)
    hostname = old.get("Hostname")
    if hostname == own_name or str(host.get("NetworkMode", "")).startswith(_NO_NETWORKS):
        config.pop("Hostname", None)
        env = {"HOSTNAME": None, **env} if _env_of(old).get("HOSTNAME") == hostname else env
    config["Image"] = image
    config["Env"] = _changed(_env_of(old), env)
    config["Labels"] = {**(old.get("Labels") or {}), REPLACES_LABEL: str(raw["Id"])}
    config["HostConfig"] = host
    if first:
        config["NetworkingConfig"] = {"EndpointsConfig": first}
    return ContainerSpec(config, others)


def _env_of(config: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name, _, value in (entry.partition("=") for entry in config.get("Env") or ())}


def _changed(present: Mapping[str, str], env: Mapping[str, str | None]) -> list[str]:
    merged: dict[str, str | None] = {**present, **env}
    return [f"{name}={value}" for name, value in merged.items() if value is not None]


def _host_config(raw: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        name: value
        for name, value in (raw.get("HostConfig") or {}).items()
        if name not in _ALWAYS_LEFT_OUT
        and (value not in (None, "", 0, False, [], {}) or (name in _EMPTY_COUNTS and value == []))
        and value not in _NOT_WORTH_KEEPING.get(name, ())
    }
    if "Ulimits" in kept:
        kept["Ulimits"] = [_ulimit(limit) for limit in kept["Ulimits"]]
    binds = [*(kept.get("Binds") or ()), *_unnamed_volumes(raw, kept)]
    if binds:
        kept["Binds"] = binds
    return kept


def _ulimit(limit: Mapping[str, Any]) -> dict[str, Any]:
    """Podman tells `RLIMIT_NOFILE` and takes `nofile`."""
    return {**limit, "Name": str(limit["Name"]).removeprefix("RLIMIT_").lower()}


def _unnamed_volumes(raw: Mapping[str, Any], host: Mapping[str, Any]) -> list[str]:
    """Volumes that stand in no setting: made by the engine for the image's VOLUME."""
    named = {bind.split(":")[1] for bind in host.get("Binds") or () if ":" in bind}
    named |= {str(mount.get("Target")) for mount in host.get("Mounts") or ()}
    return [
        f"{mount['Name']}:{mount['Destination']}" + ("" if mount.get("RW", True) else ":ro")
        for mount in raw.get("Mounts") or ()
        if mount.get("Type") == "volume" and mount.get("Name") and mount["Destination"] not in named
    ]


def _endpoints(raw: Mapping[str, Any], own_name: str) -> tuple[dict[str, Any], dict[str, Mapping[str, Any]]]:
    mode = str((raw.get("HostConfig") or {}).get("NetworkMode") or "")
    networks: dict[str, Any] = (raw.get("NetworkSettings") or {}).get("Networks") or {}
    if mode.startswith(_NO_NETWORKS) or not networks:
        return {}, {}
    first = mode if mode in networks else next(iter(networks))
    settings = {name: _endpoint(network or {}, own_name) for name, network in networks.items()}
    after: dict[str, Mapping[str, Any]] = {
        name: {
            "aliases": endpoint.get("Aliases"),
            "links": endpoint.get("Links"),
            "ipv4_address": (endpoint.get("IPAMConfig") or {}).get("IPv4Address"),
            "ipv6_address": (endpoint.get("IPAMConfig") or {}).get("IPv6Address"),
        }
        for name, endpoint in settings.items()
        if name != first
    }
    return {first: settings[first]}, after


def _endpoint(network: Mapping[str, Any], own_name: str) -> dict[str, Any]:
    aliases = [alias for alias in network.get("Aliases") or () if alias != own_name]
    kept = {name: network.get(name) for name in ("IPAMConfig", "Links", "DriverOpts") if network.get(name)}
    return {**kept, "Aliases": aliases} if aliases else kept
