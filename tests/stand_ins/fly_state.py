"""The state file of the flyctl stand-in."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("flyctl")


class FlyState:
    """One app, `agente-hotel-api`, with two machines and two secrets."""

    def __init__(self, path: Path) -> None:
        self.path = path
        machine = {"state": "started", "updated_at": "2026-01-01T00:00:00Z"}
        app = {
            "secrets": {"PMS_TYPE": "qloapps", "RATE_LIMIT_PER_MINUTE": "120"},
            "machines": [{"id": "m1", **machine}, {"id": "m2", **machine}],
            "memory": 256,
            "status": "deployed",
        }
        self._write({"apps": {"agente-hotel-api": app}})

    @property
    def command(self) -> tuple[str, ...]:
        """The argv under which the stand-in is called."""
        return (sys.executable, str(PROGRAM), "--state", str(self.path))

    @property
    def app(self) -> dict[str, Any]:
        """The app as it is now."""
        app: dict[str, Any] = self.read()["apps"]["agente-hotel-api"]
        return app

    def read(self) -> dict[str, Any]:
        """Return the whole state."""
        state: dict[str, Any] = json.loads(self.path.read_text())
        return state

    def calls(self, group: str) -> list[list[str]]:
        """Return the argv of each call of a command group so far."""
        return [call["argv"][2:] for call in self.read().get("calls", []) if call["argv"][2] == group]

    def trouble(self, command: str, kind: str) -> None:
        """Make a subcommand misbehave from now on; an empty kind ends it."""
        state = self.read()
        state.setdefault("trouble", {})[command] = kind
        self._write(state)

    def change(self, **values: Any) -> None:
        """Change the app behind everyone's back."""
        state = self.read()
        state["apps"]["agente-hotel-api"].update(values)
        self._write(state)

    def require_token(self, token: str) -> None:
        """Refuse every other token."""
        self._write(self.read() | {"token": token})

    def _write(self, state: dict[str, Any]) -> None:
        self.path.write_text(json.dumps(state))
