"""`lease`: what another policy changed for a while is that policy's to change back."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from remediator.guards.base import BaseGuard, Look, NoParams, allow, deny, iso
from remediator.runs.reasons import Reason
from remediator.runs.verdicts import Verdict


class LeaseGuard(BaseGuard):
    """Denies when another policy has a lease on an attribute that the option would change.

    It names no time to look again: a lease may end before it expires, and whoever waits is woken then.
    """

    name: ClassVar[str] = "lease"
    summary: ClassVar[str] = "Nothing changes what another policy has changed for a while."
    params: ClassVar[type[BaseModel]] = NoParams
    by_hand: ClassVar[bool] = True

    def evaluate(self, params: NoParams, look: Look, key: str) -> Verdict:  # noqa: ARG002
        """Look at the leases on what the option changes."""
        touched = [f"{resource}/{attribute}" for resource, attribute in look.attributes]
        held = [
            lease
            for lease in look.history.leases
            if lease.policy != look.policy and (lease.resource, lease.attribute) in look.attributes
        ]
        if not held:
            return allow(self.name, key, "no other policy's lease", changes=touched)
        detail = "; ".join(
            f"policy {lease.policy} (run {lease.run_id}) holds {lease.resource}/{lease.attribute} "
            f"until {iso(lease.expires_at)}"
            for lease in held
        )
        return deny(
            self.name,
            key,
            Reason.LEASE_HELD,
            detail,
            changes=touched,
            held_by={f"{lease.resource}/{lease.attribute}": lease.policy for lease in held},
        )
