"""What the demo asks of the receiver's HTTP API."""

from __future__ import annotations

from typing import Any

import httpx

_PAGE = 200


class ReceiverApi:
    """Somebody who looks at one receiver, and ends a temporary change where their token may."""

    def __init__(self, url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=5, trust_env=False)
        self._seen = 0

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def new_rows(self) -> list[dict[str, Any]]:
        """Return the audit rows that were not returned yet, oldest first."""
        found = self.audit_rows(newer_than=self._seen)
        if found:
            self._seen = found[-1]["sequence"]
        return found

    def audit_rows(self, newer_than: int = 0) -> list[dict[str, Any]]:
        """Return the audit rows after a sequence number, oldest first."""
        rows: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = self._get("audit", {"limit": _PAGE} | ({"cursor": cursor} if cursor else {}))
            fresh = [row for row in page["items"] if row["sequence"] > newer_than]
            rows += fresh
            cursor = page["next_cursor"]
            if cursor is None or len(fresh) < len(page["items"]):
                return rows[::-1]

    def decision(self, decision_id: int) -> dict[str, Any] | None:
        """Return one decision with its verdicts in full."""
        items = self._get("decisions", {"limit": _PAGE})["items"]
        return next((item for item in items if item["id"] == decision_id), None)

    def runs(self, policy: str) -> list[dict[str, Any]]:
        """Return a policy's runs and their reverts, newest first."""
        items: list[dict[str, Any]] = self._get("runs", {"policy": policy})["items"]
        return items

    def revert(self, run_id: int, comment: str) -> None:
        """End a run's temporary change now; takes an operator."""
        self._client.post(f"/api/v1/runs/{run_id}/revert", json={"comment": comment}).raise_for_status()

    def _get(self, path: str, params: dict[str, Any]) -> Any:
        return self._client.get(f"/api/v1/{path}", params=params).raise_for_status().json()
