"""Copies of rules, routes and policies with their times divided, so that minutes become seconds.

What is divided is how long the world has to stay as it is: scrape intervals, `for`, ranges of rates, holds,
cooldowns, waits, windows of verification, leases. What is not is how long a single thing may take (timeouts),
how far back logs are read, and how long people have for an approval.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from remediator.durations import PATTERN, format_duration, parse_duration
from remediator.policy.model import Policy

_DURATION = re.compile(PATTERN)
_RANGE = re.compile(r"\[([0-9][0-9a-z]*)\]")
_PROMETHEUS_KEYS = frozenset({"scrape_interval", "evaluation_interval", "interval", "for", "keep_firing_for"})
_ALERTMANAGER_KEYS = frozenset({"group_wait", "group_interval", "repeat_interval"})
_UNDIVIDED_POLICY_KEYS = frozenset({"timeout", "since", "latency_below", "expires"})


def divided(duration: str, factor: float) -> str:
    """Return a duration divided, to the millisecond; only zero becomes zero."""
    length = parse_duration(duration)
    shorter = format_duration(length / factor)
    return "1ms" if shorter == "0s" and length else shorter


def prometheus_copy(document: Any, factor: float) -> Any:
    """Divide the times of a Prometheus configuration or rules file, ranges in its PromQL too."""

    def change(key: str, value: str) -> str:
        if key in _PROMETHEUS_KEYS:
            return divided(value, factor)
        return _RANGE.sub(lambda found: f"[{divided(found[1], factor)}]", value) if key == "expr" else value

    return _map_strings(document, change)


def alertmanager_copy(document: Any, factor: float) -> Any:
    """Divide the times of an Alertmanager configuration."""
    return _map_strings(
        document, lambda key, value: divided(value, factor) if key in _ALERTMANAGER_KEYS else value
    )


def policy_copy(document: Any, factor: float) -> Any:
    """Divide the times of a policy, those that it leaves to their defaults too."""
    whole = Policy.model_validate(document).model_dump(mode="json", by_alias=True, exclude_none=True)

    def change(key: str, value: str) -> str:
        if key in _UNDIVIDED_POLICY_KEYS or not _DURATION.match(value) or value == "0":
            return value
        return divided(value, factor)

    return _map_strings(whole, change)


def retarget(document: Any, targets: Mapping[str, str]) -> Any:
    """Point a Prometheus configuration at other addresses, by job; jobs without one are left out."""
    jobs = [
        {"job_name": job["job_name"], "static_configs": [{"targets": [targets[job["job_name"]]]}]}
        for job in document["scrape_configs"]
        if job["job_name"] in targets
    ]
    alertmanagers = {"alertmanagers": [{"static_configs": [{"targets": [targets["alertmanager"]]}]}]}
    return {**document, "alerting": alertmanagers, "scrape_configs": jobs}


def reroute(document: Any, url: str, token_file: str) -> Any:
    """Point an Alertmanager configuration's webhooks at another receiver; what tells people stays."""

    def pointed(webhook: Any) -> Any:
        authorization = {"type": "Bearer", "credentials_file": token_file}
        return {
            **webhook,
            "url": url,
            "http_config": {**webhook["http_config"], "authorization": authorization},
        }

    receivers = [
        {**receiver, "webhook_configs": [pointed(webhook) for webhook in receiver["webhook_configs"]]}
        if "webhook_configs" in receiver
        else receiver
        for receiver in document["receivers"]
    ]
    return {**document, "receivers": receivers}


def _map_strings(value: Any, change: Any, key: str = "") -> Any:
    if isinstance(value, str):
        return change(key, value)
    if isinstance(value, Mapping):
        return {name: _map_strings(child, change, str(name)) for name, child in value.items()}
    if isinstance(value, list):
        return [_map_strings(child, change, key) for child in value]
    return value
