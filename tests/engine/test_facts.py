"""Facts only look, whatever came past the loader."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from remediator.engine.facts import FactGatherer
from remediator.policy.expressions import Scope
from remediator.policy.model import Fact
from remediator.secret_refs import Redactor
from tests.engine.world import POLICY, World


async def test_an_action_that_changes_things_is_not_taken_for_a_look(tmp_path: Path) -> None:
    world = await World.begin(tmp_path, POLICY)
    engine = world.parts.engine
    prepared = engine.policies.get("fix")
    assert prepared is not None
    looks = (Fact(fact="looked", uses="test.act", with_={"thing": "a"}),)
    document = prepared.policy.document.model_copy(update={"diagnose": looks})
    prepared = replace(prepared, policy=replace(prepared.policy, document=document))
    facts = await FactGatherer(engine.capabilities, engine.clock, Redactor(frozenset())).gather(
        prepared, Scope()
    )
    assert facts.values == {"looked": None}
    assert "changes things" in facts.details["looked"]["error"]
    assert world.acted() == []
    await world.end()
