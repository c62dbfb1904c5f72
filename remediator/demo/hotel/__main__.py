"""`python -m remediator.demo.hotel --port 8000 --pms-url http://127.0.0.1:8100`."""

from __future__ import annotations

import argparse

from aiohttp import web

from remediator.demo.hotel.app import build_app
from remediator.demo.hotel.settings import HotelSettings
from remediator.demo.owner import ends_with


def main() -> None:
    """Run the agent until it is told to stop."""
    parser = argparse.ArgumentParser(description="A demo hotel agent; further settings by environment.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--pms-url", help="the PMS; by default PMS_BASE_URL")
    parser.add_argument("--open-value", type=int, choices=(1, 2), help="what the metric says for open")
    parser.add_argument("--owner", type=int, help="stop when this process is gone")
    arguments = parser.parse_args()
    given = {
        "pms_base_url": arguments.pms_url,
        "pms_circuit_breaker_open_value": arguments.open_value,
    }
    settings = HotelSettings(**{name: value for name, value in given.items() if value is not None})
    app = build_app(settings)
    if arguments.owner:
        app.cleanup_ctx.append(ends_with(arguments.owner))
    web.run_app(app, host=arguments.host, port=arguments.port, print=None, shutdown_timeout=1)


if __name__ == "__main__":
    main()
