"""Settings that can be changed while the agent runs, by the names that the admin endpoints use."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from remediator.demo.hotel.agent import HotelAgent
from remediator.demo.hotel.settings import DatabaseChoice, PmsType


class SettingBody(BaseModel):
    """What a setting shall be."""

    model_config = ConfigDict(extra="forbid")

    value: Any


# Name: the setting, and what it may be. The limiter has its own number, which is set beside.
_SETTINGS: dict[str, tuple[str, TypeAdapter[Any]]] = {
    "pms-type": ("pms_type", TypeAdapter(PmsType)),
    "pms-base-url": ("pms_base_url", TypeAdapter(Annotated[str, Field(pattern=r"^https?://")])),
    "pms-cache-ttl": ("pms_cache_ttl_seconds", TypeAdapter(Annotated[float, Field(ge=0, le=3600)])),
    "database": ("database", TypeAdapter(DatabaseChoice)),
    "audio-enabled": ("audio_enabled", TypeAdapter(bool)),
    "fallback-mode": ("enable_fallback_mode", TypeAdapter(bool)),
    "rate-limit": ("rate_limit_per_minute", TypeAdapter(Annotated[int, Field(ge=1)])),
}


def read_setting(agent: HotelAgent, name: str) -> Any:
    """Return a setting's value, or None when there is none of that name."""
    return getattr(agent.settings, _SETTINGS[name][0]) if name in _SETTINGS else None


def change_setting(agent: HotelAgent, name: str, body: bytes) -> None:
    """Set it from a body of the form `{"value": …}`; an unknown name changes nothing.

    Raises:
        ValidationError: when that is no value for it.
    """
    if name not in _SETTINGS:
        return
    field, value_type = _SETTINGS[name]
    value = value_type.validate_python(SettingBody.model_validate_json(body).value)
    setattr(agent.settings, field, value)
    if name == "rate-limit":
        agent.limiter.per_minute = value
