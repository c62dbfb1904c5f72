"""What a kill must not change: how a life that was cut may differ from one that was not."""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.lives import Ended, Restarted

_ALIKE = ("runs", "episodes", "acts", "values", "notices", "claims", "timers", "fault")


def unsafe(whole: Ended, life: Restarted) -> Iterator[str]:
    """Tell what was lost, done twice, or left hanging without a person being told."""
    end = life.end
    if not end.handed_over:
        yield from differences(whole, life)
        return
    if not life.cuts_a_step:
        yield f"{life.place}: handed over, though no step was under way"
    for act, times in end.acts.items():
        if times > whole.acts[act]:
            yield f"{life.place}: {act} was done {times} times"
    if end.fault or end.claims:
        yield f"{life.place}: {end.claims} claims left; audit: {end.fault or 'sound'}"
    yield from _lost(whole, life)


def differences(whole: Ended, life: Restarted) -> Iterator[str]:
    """Tell how the end differs in anything that was promised."""
    end = life.end
    for name in _ALIKE:
        expected, found = getattr(whole, name), getattr(end, name)
        if expected != found:
            yield f"{life.place}: {name}: {found} where it should be {expected}"
    yield from _lost(whole, life)
    for message, times in end.told.items():
        # Whether a channel's last message arrived its sender may not know, and twice is better than never.
        unsure = sum(message in dict(remains.outside.sent).items() for remains in life.kills)
        if times > whole.told[message] + unsure:
            yield f"{life.place}: {message} was told {times} times"
    if missing := set(whole.told) - set(end.told):
        yield f"{life.place}: never told: {missing}"


def _lost(whole: Ended, life: Restarted) -> Iterator[str]:
    if life.end.receipts < whole.receipts:
        yield f"{life.place}: only {life.end.receipts} of {whole.receipts} receipts"
