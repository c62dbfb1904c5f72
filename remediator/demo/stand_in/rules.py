"""Evaluates rules files: records series, and keeps alerts as they become pending, fire and resolve."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from remediator.demo.stand_in.evaluate import Element, Evaluator
from remediator.demo.stand_in.series import NAME, Labels, SeriesStore
from remediator.durations import parse_duration

_LABEL = re.compile(r"\{\{\s*\$labels\.(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert; times in seconds since the epoch. It is pending until `fired_at_seconds`."""

    labels: Labels
    annotations: Labels
    active_since_seconds: float
    fired_at_seconds: float | None = None
    resolved_at_seconds: float | None = None

    @property
    def fingerprint(self) -> str:
        """Name it by its labels, in 16 hexadecimal digits as Alertmanager does."""
        text = "\xff".join(f"{name}\xff{value}" for name, value in sorted(self.labels.items()))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Rules:
    """All rules of some files, in order."""

    def __init__(self, documents: list[Any]) -> None:
        self._rules = [
            rule for document in documents for group in document["groups"] for rule in group["rules"]
        ]
        self._alerts: dict[tuple[str, str], Alert] = {}

    @property
    def recording(self) -> list[tuple[str, str]]:
        """Each recorded name with its expression."""
        return [(rule["record"], str(rule["expr"])) for rule in self._rules if "record" in rule]

    @property
    def firing(self) -> list[Alert]:
        """Alerts that fire now."""
        return [
            alert
            for alert in self._alerts.values()
            if alert.fired_at_seconds is not None and alert.resolved_at_seconds is None
        ]

    def evaluate(self, store: SeriesStore, now_seconds: float) -> list[Alert]:
        """Evaluate everything once; return the alerts that began to fire or resolved."""
        changed: list[Alert] = []
        evaluator = Evaluator(store, now_seconds)
        for rule in self._rules:
            value = evaluator.query(str(rule["expr"]))
            elements = [Element({}, value, now_seconds)] if isinstance(value, float) else value
            if "record" in rule:
                samples = [({**one.labels, NAME: rule["record"]}, one.value) for one in elements]
                store.put(f"rule:{rule['record']}", samples, now_seconds)
            else:
                changed += self._alert(rule, elements, now_seconds)
        alerts = [({NAME: "ALERTS", "alertstate": "firing", **alert.labels}, 1.0) for alert in self.firing]
        store.put("alerts", alerts, now_seconds)
        return changed

    def _alert(self, rule: Any, elements: list[Element], now_seconds: float) -> Iterator[Alert]:
        held = parse_duration(str(rule.get("for", "0s"))).total_seconds()
        active = {alert.fingerprint: alert for alert in (_new(rule, one, now_seconds) for one in elements)}
        for fingerprint, new in active.items():
            key = (str(rule["alert"]), fingerprint)
            alert = self._alerts.get(key, new)
            if alert.fired_at_seconds is None and now_seconds - alert.active_since_seconds >= held:
                alert = replace(alert, fired_at_seconds=now_seconds)
                yield alert
            self._alerts[key] = alert
        for key in [key for key in self._alerts if key[0] == rule["alert"] and key[1] not in active]:
            gone = self._alerts.pop(key)
            if gone.fired_at_seconds is not None:
                yield replace(gone, resolved_at_seconds=now_seconds)


def _new(rule: Any, element: Element, now_seconds: float) -> Alert:
    labels = {name: value for name, value in element.labels.items() if name != NAME}
    labels |= {**rule.get("labels", {}), "alertname": rule["alert"]}
    annotations = {
        name: _LABEL.sub(lambda found: labels.get(found[1], ""), str(text))
        for name, text in rule.get("annotations", {}).items()
    }
    return Alert(labels, annotations, now_seconds)
