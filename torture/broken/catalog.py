"""All broken versions."""

from __future__ import annotations

from collections.abc import Sequence

from torture.broken.clock import CLOCK
from torture.broken.guards import GUARDS
from torture.broken.ingest import INGEST
from torture.broken.keeping import KEEPING
from torture.broken.people import PEOPLE
from torture.broken.record import RECORD
from torture.broken.runs import RUNS
from torture.broken.security import SECURITY
from torture.broken.storage import STORAGE
from torture.broken.storms import STORMS
from torture.broken.version import Broken

VERSIONS: Sequence[Broken] = (
    *INGEST,
    *RUNS,
    *GUARDS,
    *RECORD,
    *STORAGE,
    *CLOCK,
    *KEEPING,
    *PEOPLE,
    *STORMS,
    *SECURITY,
)
