"""A server that is given a secret wherever one can be, and policies whose every step fails."""

from __future__ import annotations

import hashlib
import re
import ssl
import sys

from tests.e2e.receiver import Receiver
from tests.security.canaries import Canaries
from tests.security.echo import Echo
from tests.stand_ins.fly_state import FlyState

# Tells all that it knows, where programs do: also in a line so long that it is cut.
_BLABS = """
import os, pathlib, sys
me = pathlib.Path('/proc/self/cmdline').read_bytes()
said = '; '.join(f'{k}={v}' for k, v in os.environ.items()) + repr(me)
pathlib.Path(sys.argv[1]).write_bytes(me)
print(said)
print(said * 40, file=sys.stderr)
print((os.environ['CANARY'] + ' ') * 20000)
sys.exit(1)
"""
STEPS = {
    "command": "{uses: command.run, with: {command: blab, params: {word: plain}}}",
    "http": "{uses: http.request, with: {service: bearer, path: /do, json: {a: 1}}}",
    "basic": "{uses: http.request, with: {service: basic, path: /do, method: PUT}}",
    "fly": "{uses: fly.secrets, with: {app: agente-hotel-api, set: {DATABASE_URL: 'env:FLY_VALUE'}}}",
    "exec": "{uses: docker.exec, with: {command: inside}}",
    "silence": (
        "{uses: alertmanager.silence, with: {source: default, fingerprint: '{{ episode.fingerprint }}'}}"
    ),
    "notify": "{uses: notify.send, with: {channel: loud, text: hello}}",
}
_POLICY = """
policy: {name}
owner: team
match: ['alertname = "{name}"']
target: thing/{name}
guards: {guards}
diagnose:
  - {{fact: probed, uses: http.probe, with: {{service: basic, path: /look, expect: {{status: 200}}}}}}
  - {{fact: asked, uses: prometheus.query, with: {{query: up}}}}
options:
  - name: only
    approval: {approval}
    steps: [{step}]
    verify: {{promql: 'up == 1', within: 1s, every: 1s}}
notify: [{{channel: loud}}, {{channel: nowhere}}, {{channel: buttons, on: [awaiting_approval]}}]
report: {{on: [terminal], metrics: [up]}}
"""


def _policy(name: str, step: str, *, guards: str = "[]", approval: str = "null") -> str:
    return _POLICY.format(name=name, step=step, guards=guards, approval=approval)


POLICIES = {name: _policy(name, step) for name, step in STEPS.items()} | {
    "verified": _policy("verified", "{uses: command.run, with: {command: fine}}"),
    "guarded": _policy("guarded", STEPS["command"], guards="[{promql: {query: 'up == 0'}}]"),
    "asked": _policy("asked", STEPS["command"], approval="{from: [oncall], expires: 1h}"),
}


FINGERPRINTS = {name: f"{number:016x}" for number, name in enumerate(POLICIES, 1)}


class Busy(Receiver):
    """A server over TLS, and one client of it that trusts its authority."""

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def trust(self) -> ssl.SSLContext:
        """Trust its authority."""
        return ssl.create_default_context(cafile=str(self.folder / "ca.pem"))

    def _ready(self) -> bool:
        return "listening on https://" in self.log()


def _reference(busy: Busy, canaries: Canaries, place: str, text: str = "{}") -> str:
    """Put a canary within a text into the environment or a file, and return the reference."""
    name = re.sub(r"\W", "_", place).upper()
    value = text.format(canaries.put(place))
    if place.startswith("file"):
        file = busy.folder / name
        file.write_text(value + "\n")
        return f"file:{file}"
    busy.env[name] = value
    return f"env:{name}"


def configure(busy: Busy, canaries: Canaries, target: Echo) -> None:
    def secret(place: str, text: str = "{}") -> str:
        return _reference(busy, canaries, place, text)

    url = f"http://{target.address}"
    basic = {"basic": {"username": "remediator", "password": secret("basic password")}}
    fly = FlyState(busy.folder / "fly.json")
    fly.trouble("secrets import", "repeat")
    token = canaries.put("token")
    blab = [sys.executable, "-c", _BLABS, str(busy.folder / "cmdline"), "{word}"]
    busy.env["SSL_CERT_FILE"] = str(busy.folder / "ca.pem")
    busy.configure(
        {
            "server": {
                "host": "127.0.0.1",
                "port": busy.port,
                "drain_timeout": "5s",
                "tls": {"certificate": "server.pem", "key": "server.key"},
                "login": {"key": secret("session key")},
            },
            "reports": "reports",
            "sources": {
                "default": {"url": f"{url}/fine", "poll": "1h", "auth": {"bearer": secret("source")}},
                "broken": {"url": url, "poll": "1s", "auth": basic},
            },
            "prometheus": {"url": url, "auth": basic},
            "services": {
                "bearer": {"url": url, "auth": {"bearer": secret("file of a bearer")}},
                "basic": {"url": url, "auth": basic},
            },
            "docker": {
                "host": f"tcp://{target.address}",
                "containers": ["db"],
                "exec": {"inside": {"container": "db", "argv": ["env"], "env": {"IN": secret("exec env")}}},
            },
            "fly": {
                "command": list(fly.command),
                "token": secret("fly token"),
                "apps": {
                    "agente-hotel-api": {"secrets": {"DATABASE_URL": {"values": [secret("fly value")]}}}
                },
            },
            "commands": {
                "blab": {"argv": blab, "params": ["word"], "env": {"CANARY": secret("command env")}},
                "fine": {"argv": ["/bin/true"]},
            },
            "channels": {
                "loud": [secret("channel", f"json://ana:{{0}}@{target.address}/{{0}}/x?key={{0}}")],
                "nowhere": [secret("dead channel", "json://ana:{0}@127.0.0.1:1/{0}")],
                "buttons": [secret("button channel", f"json://{target.address}/{{0}}")],
            },
            "slack": {
                "signing_secret": secret("slack signing"),
                "users": {"U01ANA": "tester"},
                "webhooks": {"buttons": secret("slack webhook", f"{url}/services/{{0}}")},
            },
            "telemetry": {
                "traces": {"endpoint": f"{url}/v1/traces", "headers": {"X-Key": secret("traces header")}}
            },
            "tokens": [
                {
                    "name": "tester",
                    "sha256": hashlib.sha256(token.encode()).hexdigest(),
                    "roles": ["admin", "webhook"],
                    "groups": ["oncall"],
                }
            ],
        },
        **POLICIES,
    )
