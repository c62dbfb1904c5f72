"""The command line that the demo's breakable services share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from remediator.demo.owner import ends_with


def serve(description: str, port: int, build: Callable[[Path | None], web.Application]) -> None:
    """Run a service until it is told to stop; `build` gets the state file, if one is given."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=port)
    parser.add_argument("--state-file", type=Path, help="where what is broken is kept over a restart")
    parser.add_argument("--owner", type=int, help="stop when this process is gone")
    arguments = parser.parse_args()
    app = build(arguments.state_file)
    if arguments.owner:
        app.cleanup_ctx.append(ends_with(arguments.owner))
    web.run_app(app, host=arguments.host, port=arguments.port, print=None, shutdown_timeout=1)
