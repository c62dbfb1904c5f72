"""The agent's settings, by environment."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PmsType = Literal["qloapps", "mock"]
DatabaseChoice = Literal["primary", "backup"]


class HotelSettings(BaseSettings):
    """What the agent reads from its environment; times are in seconds, as its runbooks have them."""

    model_config = SettingsConfigDict(extra="ignore")

    admin_token: str = Field(default="", description="Without one the admin endpoints refuse everybody.")
    pms_type: PmsType = "qloapps"
    pms_base_url: str = "http://127.0.0.1:8100"
    pms_timeout: float = Field(default=10.0, gt=0)
    pms_probe_seconds: float = Field(default=60.0, gt=0, description="Between two looks at what it needs.")
    pms_cache_ttl_seconds: float = Field(
        default=0.0, ge=0, description="Answers this young are given without asking the PMS."
    )
    pms_cache_stale_seconds: float = Field(
        default=300.0, ge=0, description="And this old ones, marked, when the PMS can't be asked."
    )
    pms_circuit_breaker_failure_threshold: float = Field(default=5, gt=0)
    pms_circuit_breaker_recovery_timeout: float = Field(default=30.0, gt=0)
    pms_circuit_breaker_open_value: Literal[1, 2] = Field(
        default=1, description="What the metric says for open; half-open is the other one."
    )
    database_url: str = Field(default="", description="Without one the agent needs no database.")
    database_backup_url: str = ""
    database: DatabaseChoice = "primary"
    redis_url: str = Field(default="", description="Without one the cache is in memory only.")
    audio_enabled: bool = True
    enable_fallback_mode: bool = Field(
        default=False, description="Guests are served without what an external service would add."
    )
    rate_limit_per_minute: int = Field(default=120, ge=1)
    rate_limit_window_seconds: float = Field(
        default=60.0, gt=0, description="Over which the limit is kept: so many a minute on average."
    )
    traffic_per_second: float = Field(default=2.0, ge=0, description="Guests that the agent invents.")
