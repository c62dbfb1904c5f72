"""A secret in every place that takes one, a server that uses them all against targets that tell them back."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest
import trustme

from remediator.web.routes import ROUTES
from tests.e2e.conftest import free_port
from tests.e2e.receiver import Receiver, firing, resolved
from tests.security.canaries import Canaries
from tests.security.echo import Echo, echo
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
_STEPS = {
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


_POLICIES = {name: _policy(name, step) for name, step in _STEPS.items()} | {
    "verified": _policy("verified", "{uses: command.run, with: {command: fine}}"),
    "guarded": _policy("guarded", _STEPS["command"], guards="[{promql: {query: 'up == 0'}}]"),
    "asked": _policy("asked", _STEPS["command"], approval="{from: [oncall], expires: 1h}"),
}


_FINGERPRINTS = {name: f"{number:016x}" for number, name in enumerate(_POLICIES, 1)}


@pytest.fixture
def canaries() -> Canaries:
    return Canaries()


@pytest.fixture
def target() -> Iterator[Echo]:
    with echo() as made:
        yield made


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


@pytest.fixture
def busy(tmp_path: Path, canaries: Canaries, target: Echo) -> Iterator[Busy]:
    made = Busy(tmp_path, free_port())
    authority = trustme.CA()
    authority.cert_pem.write_to_path(made.folder / "ca.pem")
    issued = authority.issue_cert("127.0.0.1")
    (made.folder / "server.pem").write_bytes(issued.cert_chain_pems[0].bytes())
    issued.private_key_pem.write_to_path(made.folder / "server.key")
    # Behind the format's own bytes, and before the public key.
    key = issued.private_key_pem.bytes().decode().splitlines()
    canaries.know("TLS key", "".join(key[1:-1])[12:50])
    _configure(made, canaries, target)
    try:
        made.start()
        yield made
    finally:
        made.stop()


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


def _configure(busy: Busy, canaries: Canaries, target: Echo) -> None:
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
        **_POLICIES,
    )


class Hunt:
    """Everything that came out, by where it came out."""

    def __init__(self, canaries: Canaries) -> None:
        self._canaries = canaries
        self.leaks: set[tuple[str, str]] = set()
        self.looked_at: set[str] = set()

    def look(self, where: str, data: bytes) -> None:
        """Search some bytes."""
        self.looked_at.add(where)
        self.leaks |= {(where, place) for place in self._canaries.found(data)}

    def look_below(self, folder: Path, where: str) -> None:
        """Search every file of a folder."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.look(f"{where}/{path.name}", path.read_bytes())


class CommandLines(threading.Thread):
    """Reads the command lines of a process and all below it, again and again."""

    def __init__(self, pid: int) -> None:
        super().__init__()
        self._root = pid
        self._over = threading.Event()
        self.seen: set[bytes] = set()

    def run(self) -> None:
        while not self._over.wait(0.01):
            family = {self._root}
            for stat in Path("/proc").glob("[0-9]*/stat"):
                try:
                    parent = int(stat.read_text().rpartition(")")[2].split()[1])
                    if parent in family or int(stat.parent.name) in family:
                        family.add(int(stat.parent.name))
                        self.seen.add((stat.parent / "cmdline").read_bytes())
                except OSError:
                    continue  # it ended meanwhile

    def end(self) -> None:
        self._over.set()
        self.join()


def test_no_secret_comes_out_anywhere(busy: Busy, canaries: Canaries, target: Echo) -> None:
    hunt = Hunt(canaries)
    assert busy.process is not None
    lines = CommandLines(busy.process.pid)
    lines.start()
    token = canaries.by_place["token"]
    try:
        with httpx.Client(base_url=busy.url, verify=busy.trust(), timeout=30) as client:
            _a_busy_day(busy, client, canaries, token)
            _ask_all(hunt, client, token)
            _what_is_wrong(hunt, busy, canaries, token)
        _commands(hunt, busy, token)
    finally:
        lines.end()
    busy.stop()
    for number, line in enumerate(sorted(lines.seen)):
        hunt.look(f"cmdline {number}", line)
    hunt.look("cmdline of a command", (busy.folder / "cmdline").read_bytes())
    calls = FlyState.__new__(FlyState)
    calls.path = busy.folder / "fly.json"
    hunt.look("flyctl", str(calls.read()["calls"]).encode())
    hunt.look("log", busy.log().encode())
    hunt.look_below(busy.folder / "data", "data")
    hunt.look_below(busy.folder / "reports", "reports")
    hunt.look("backup", (busy.folder / "backup.db").read_bytes())
    assert hunt.leaks == set()
    assert {"log", "data/remediator.db", "backup", "GET /metrics", "flyctl"} <= hunt.looked_at
    _all_were_used(canaries, target, calls)


def _a_busy_day(busy: Busy, client: httpx.Client, canaries: Canaries, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    secret = canaries.by_place["command env"]
    for name in _POLICIES:
        told = client.post("/webhook/alertmanager", json=firing(name, _FINGERPRINTS[name]), headers=headers)
        assert told.status_code == httpx.codes.OK
    client.post("/webhook/alertmanager", content=f"no payload {secret}", headers=headers)
    page = client.get("/login")
    form = re.search(r'name="form_token" value="([^"]+)"', page.text)
    assert form
    client.post("/login", data={"form_token": unescape(form[1]), "token": token, "next": "/runs"})
    canaries.know("session", _signature_of(client.cookies))
    # What people paste by mistake is hidden where it is known.
    client.post("/api/v1/holds", json={"scope": "target:x/y", "reason": f"see {secret}"}, headers=headers)

    def over() -> bool:
        runs = client.get("/api/v1/runs", headers=headers).json()["items"]
        ended = {run["policy"] for run in runs if run["state"] in ("failed", "ineffective", "needs_human")}
        return ended >= {*_STEPS, "verified"} and any(run["state"] == "awaiting_approval" for run in runs)

    busy.until(over, "not everything went wrong that was to", seconds=40)
    asked = next(
        run
        for run in client.get("/api/v1/runs", headers=headers).json()["items"]
        if run["state"] == "awaiting_approval"
    )
    detail = client.get(f"/api/v1/runs/{asked['id']}", headers=headers).json()
    verdict = {"plan_hash": detail["plan_hash"], "comment": f"with {secret}"}
    assert client.post(f"/api/v1/runs/{asked['id']}/deny", json=verdict, headers=headers).status_code == 200
    client.post("/webhook/alertmanager", json=resolved("command", _FINGERPRINTS["command"]), headers=headers)
    busy.until(lambda: list((busy.folder / "reports").glob("*.md")), "no report was written")


def _signature_of(cookies: httpx.Cookies) -> str:
    (value,) = [cookie.value for cookie in cookies.jar if cookie.value and cookie.name.endswith("remediator")]
    return value.rpartition(".")[2]


def _ask_all(hunt: Hunt, client: httpx.Client, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    runs = client.get("/api/v1/runs", headers=headers, params={"limit": 500}).json()["items"]
    for route in ROUTES:
        if route.method != "GET" or route.path == "/api/v1/events":
            continue
        ids = [str(run["id"]) for run in runs] if "/runs/" in route.path else ["1", "2", "3"]
        for number in ids if "{" in route.path else [""]:
            path = re.sub(r"\{id[^}]*\}", number, route.path).replace("{name}", "command")
            answer = client.get(path, headers=headers)
            hunt.look(f"GET {path}", answer.content + str(answer.headers.multi_items()).encode())


def _what_is_wrong(hunt: Hunt, busy: Busy, canaries: Canaries, token: str) -> None:
    """Requests that carry secrets to where they do not belong, and what is answered."""
    mistyped, in_address = canaries.put("mistyped token"), canaries.put("token in an address")
    basic = base64.b64encode(f"who:{mistyped}".encode()).decode()
    with httpx.Client(base_url=busy.url, verify=busy.trust()) as other:
        asked = [
            other.get("/api/v1/runs", headers={"Authorization": f"Bearer {mistyped}"}),
            other.get("/api/v1/runs", headers={"Authorization": f"Basic {basic}"}),
            other.get(f"/api/v1/runs?token={in_address}"),
            other.get(f"/runs?token={in_address}", headers={"Accept": "text/html"}),
            other.get(f"/{in_address}", headers={"Authorization": f"Bearer {token}"}),
            other.post("/slack/actions", content="payload={}", headers={"X-Slack-Signature": "v0=00"}),
            other.post("/api/v1/holds", content=b"{", headers={"Authorization": f"Bearer {token}"}),
            other.post("/webhook/alertmanager/nowhere", headers={"Authorization": f"Bearer {token}"}),
        ]
    for answer in asked:
        assert answer.is_error or answer.is_redirect
        # Where to log in and go on, an answer repeats the address to whoever sent it.
        body = answer.content.replace(in_address.encode(), b"")
        hunt.look(f"error {answer.status_code} {answer.url.path[:20]}", body)


def _commands(hunt: Hunt, busy: Busy, token: str) -> None:
    env = {**os.environ, **busy.env, "REMEDIATOR_TOKEN": token, "REMEDIATOR_URL": busy.url}
    for arguments in (
        ("audit", "export"),
        ("audit", "verify"),
        ("audit", "list"),
        ("runs", "list"),
        ("policies", "check"),
        ("backup", "backup.db"),
    ):
        argv = [sys.executable, "-m", "remediator", *arguments]
        done = subprocess.run(argv, env=env, capture_output=True, cwd=busy.folder, timeout=240, check=False)
        hunt.look(" ".join(arguments[:2]), done.stdout + done.stderr)
        assert done.returncode == 0, (arguments, done.stderr)


def _all_were_used(canaries: Canaries, target: Echo, flyctl: FlyState) -> None:
    """Nothing was found because nothing was there: each secret did get to where it belongs."""
    told = "\n".join(target.told).encode()
    used = canaries.found(told)
    assert used >= {
        "basic password",
        "source",
        "file of a bearer",
        "exec env",
        "channel",
        "slack webhook",
        "traces header",
    }
    assert any("FLY_API_TOKEN" in call["environment"] for call in flyctl.read()["calls"])
