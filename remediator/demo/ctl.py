"""The commands that the demo's policies may run, as an operator's scripts would be.

`python -m remediator.demo.ctl restart pms --state DIR` (or `database`, `redis`)
`python -m remediator.demo.ctl check-backup --state DIR`, `restore-backup`, and `verify-data`
`python -m remediator.demo.ctl synthetic-transactions --agent-url URL`
`python -m remediator.demo.ctl block-address ADDRESS --agent-url URL` (token in ADMIN_TOKEN)
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import sys
from pathlib import Path

import httpx

from remediator.demo.backup import check_backup, restore_backup, verify_data
from remediator.demo.service_process import MODULES, ServiceProcess

# Never blocked, whoever asks: what is inside.
_PROTECTED = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8"))
)


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 when it is done, 1 when it is not."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    restart = commands.add_parser("restart")
    restart.add_argument("service", choices=sorted(MODULES))
    restart.add_argument("--state", type=Path, required=True)
    for name in ("check-backup", "restore-backup", "verify-data"):
        commands.add_parser(name).add_argument("--state", type=Path, required=True)
    commands.add_parser("synthetic-transactions").add_argument("--agent-url", required=True)
    for name in ("block-address", "unblock-address"):
        block = commands.add_parser(name)
        block.add_argument("address", type=ipaddress.ip_address)
        block.add_argument("--agent-url", required=True)
    arguments = parser.parse_args(argv)
    try:
        print(_run(arguments))  # noqa: T201
    except (OSError, RuntimeError, httpx.HTTPError) as error:
        print(f"{arguments.command}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _run(arguments: argparse.Namespace) -> str:
    match arguments.command:
        case "restart":
            return f"restarted, pid {ServiceProcess(arguments.state, arguments.service).restart()}"
        case "check-backup":
            return check_backup(arguments.state)
        case "restore-backup":
            return restore_backup(arguments.state)
        case "verify-data":
            return verify_data(arguments.state)
        case "synthetic-transactions":
            return _try_what_guests_do(arguments.agent_url.rstrip("/"))
        case command:
            if command == "block-address" and any(arguments.address in one for one in _PROTECTED):
                raise RuntimeError(f"{arguments.address} is protected")
            method = "PUT" if command == "block-address" else "DELETE"
            _call(method, f"{arguments.agent_url.rstrip('/')}/admin/blocked/{arguments.address}")
            return f"{command} {arguments.address}: done"


def _try_what_guests_do(url: str) -> str:
    """Ask whether a room could be had, and send a message, as a guest would; nothing is booked."""
    wanted = {"room_type": "standard", "check_in": "2030-05-01", "check_out": "2030-05-02"}
    for path, body in (
        ("/api/v1/reservations/check", wanted),
        ("/webhooks/whatsapp", {"test": "synthetic_transaction"}),
    ):
        answer = httpx.post(f"{url}{path}", json=body, timeout=10, trust_env=False).raise_for_status()
        if answer.json().get("potentially_stale"):
            raise RuntimeError(f"{path}: what it says may be out of date")
    return "a room could be had, and a message is answered"


def _call(method: str, url: str) -> None:
    headers = {"Authorization": f"Bearer {os.environ.get('ADMIN_TOKEN', '')}"}
    httpx.request(method, url, headers=headers, timeout=10, trust_env=False).raise_for_status()


if __name__ == "__main__":
    sys.exit(main())
