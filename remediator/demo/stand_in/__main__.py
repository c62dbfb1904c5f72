"""`python -m remediator.demo.stand_in`: the webhook's token comes in REMEDIATOR_WEBHOOK_TOKEN."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import yaml
from aiohttp import web

from remediator.demo.owner import ends_with
from remediator.demo.stand_in.app import Addresses, StandIn
from remediator.demo.stand_in.rules import Rules
from remediator.durations import parse_duration


def main() -> None:
    """Run it until it is told to stop."""
    parser = argparse.ArgumentParser(description="Stands in for Prometheus and Alertmanager in the demo.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--agent-url", required=True)
    parser.add_argument("--webhook", required=True)
    parser.add_argument("--config", type=Path, required=True, help="a prometheus.yml; its rules are read")
    parser.add_argument("--owner", type=int, help="stop when this process is gone")
    arguments = parser.parse_args()
    config = yaml.safe_load(arguments.config.read_text(encoding="utf-8"))
    folder = arguments.config.parent
    documents = [yaml.safe_load((folder / name).read_text(encoding="utf-8")) for name in config["rule_files"]]
    interval = parse_duration(config["global"]["scrape_interval"])
    addresses = Addresses(
        agent=arguments.agent_url,
        webhook=arguments.webhook,
        token=os.environ.get("REMEDIATOR_WEBHOOK_TOKEN", ""),
        own=f"http://127.0.0.1:{arguments.port}",
    )
    app = StandIn(Rules(documents), addresses, interval.total_seconds()).app()
    if arguments.owner:
        app.cleanup_ctx.append(ends_with(arguments.owner))
    web.run_app(app, host="127.0.0.1", port=arguments.port, print=None, shutdown_timeout=1)


if __name__ == "__main__":
    main()
