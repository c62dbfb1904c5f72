"""The commands that the demo's policies may run, as an operator's scripts would be.

`python -m remediator.demo.ctl restart pms --state DIR` (or `database`, `redis`)
`python -m remediator.demo.ctl block-address ADDRESS --agent-url URL` (token in ADMIN_TOKEN)
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import sys
from pathlib import Path

import httpx

from remediator.demo.service_process import MODULES, ServiceProcess


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 when it is done, 1 when it is not."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    restart = commands.add_parser("restart")
    restart.add_argument("service", choices=sorted(MODULES))
    restart.add_argument("--state", type=Path, required=True)
    for name in ("block-address", "unblock-address"):
        block = commands.add_parser(name)
        block.add_argument("address", type=ipaddress.ip_address)
        block.add_argument("--agent-url", required=True)
    arguments = parser.parse_args(argv)
    try:
        if arguments.command == "restart":
            pid = ServiceProcess(arguments.state, arguments.service).restart()
            print(f"restarted, pid {pid}")  # noqa: T201
        else:
            method = "PUT" if arguments.command == "block-address" else "DELETE"
            _call(method, f"{arguments.agent_url.rstrip('/')}/admin/blocked/{arguments.address}")
    except (OSError, RuntimeError, httpx.HTTPError) as error:
        print(f"{arguments.command}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _call(method: str, url: str) -> None:
    headers = {"Authorization": f"Bearer {os.environ.get('ADMIN_TOKEN', '')}"}
    httpx.request(method, url, headers=headers, timeout=10, trust_env=False).raise_for_status()


if __name__ == "__main__":
    sys.exit(main())
