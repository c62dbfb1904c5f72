"""`retention:` in `remediator.yaml`: how long what is over stays in the database."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field, model_validator

from remediator.durations import Duration
from remediator.settings_section import Section

_DAY = timedelta(days=1)
_LOOKED_BACK = timedelta(days=30)


class Retention(Section):
    """What is over leaves in whole days (UTC); what is open stays for however long it is."""

    deliveries: Duration = Field(
        default=timedelta(days=90),
        description="For deliveries and receipts, which backtests replay; "
        "a day at least, no longer than `records`.",
    )
    records: Duration = Field(
        default=timedelta(days=90),
        description="For closed episodes and ended runs, with all that belongs to them; 30d at least.",
    )
    audit: Duration = Field(
        default=timedelta(days=90),
        description="For rows of the audit log; then they go to the archive. No shorter than `records`.",
    )
    archive: Path | None = Field(
        default=None,
        description="Folder for segments of the audit log; `archive` beside the database when absent.",
    )

    def archive_of(self, database: Path) -> Path:
        """Return the folder that the audit log of a database is archived in."""
        return self.archive or database.parent / "archive"

    @model_validator(mode="after")
    def _in_order(self) -> Retention:
        if self.deliveries < _DAY:
            raise ValueError("deliveries must be a day at least")
        if self.records < _LOOKED_BACK:
            raise ValueError(
                "records must be 30d at least: policies' pages and shadow reports look so far back"
            )
        if self.deliveries > self.records:
            raise ValueError("deliveries must be no longer than records: a receipt belongs to its episode")
        if self.audit < self.records:
            raise ValueError("audit must be no shorter than records: reports tell of a run by its audit rows")
        return self
