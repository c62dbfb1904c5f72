"""What remediator takes over: named in remediator.yaml as `extensions: [acme_remediator.remediator]`."""

from __future__ import annotations

from acme_remediator.feature_flag import FeatureFlag
from acme_remediator.regions import Regions

ACTIONS = (FeatureFlag(),)
GUARDS = (Regions(),)
