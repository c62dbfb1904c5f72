"""A secret in every place that takes one, a server that uses them all against targets that tell them back."""

from __future__ import annotations

import base64
import os
import re
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
from tests.e2e.receiver import firing, resolved
from tests.security.busy import FINGERPRINTS, POLICIES, STEPS, Busy, configure
from tests.security.canaries import Canaries
from tests.security.echo import Echo, echo
from tests.stand_ins.fly_state import FlyState


@pytest.fixture
def canaries() -> Canaries:
    return Canaries()


@pytest.fixture
def target() -> Iterator[Echo]:
    with echo() as made:
        yield made


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
    configure(made, canaries, target)
    try:
        made.start()
        yield made
    finally:
        made.stop()


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
    for name in POLICIES:
        told = client.post("/webhook/alertmanager", json=firing(name, FINGERPRINTS[name]), headers=headers)
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
        return ended >= {*STEPS, "verified"} and any(run["state"] == "awaiting_approval" for run in runs)

    busy.until(over, "not everything went wrong that was to", seconds=240)
    asked = next(
        run
        for run in client.get("/api/v1/runs", headers=headers).json()["items"]
        if run["state"] == "awaiting_approval"
    )
    detail = client.get(f"/api/v1/runs/{asked['id']}", headers=headers).json()
    verdict = {"plan_hash": detail["plan_hash"], "comment": f"with {secret}"}
    assert client.post(f"/api/v1/runs/{asked['id']}/deny", json=verdict, headers=headers).status_code == 200
    client.post("/webhook/alertmanager", json=resolved("command", FINGERPRINTS["command"]), headers=headers)
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
