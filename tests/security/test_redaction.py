"""A secret is hidden however it comes back: encoded, within something longer, or cut in two."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.clients.capped_output import CappedOutput, beginning, last_lines, shortened
from remediator.secret_forms import SHORTEST_PIECE, secret_forms, without_pieces
from remediator.secret_refs import Redactor
from tests.security.canaries import Canaries

SECRET = 'p"ss/w\\rd+ñ' + "0123456789abcdef" * 2
_REFERENCE = "env:CANARY"


@pytest.fixture(autouse=True)
def redactor(monkeypatch: pytest.MonkeyPatch) -> Redactor:
    monkeypatch.setenv("CANARY", SECRET)
    return Redactor(frozenset({_REFERENCE}))


@pytest.mark.parametrize(
    "said",
    [
        SECRET,
        json.dumps({"error": SECRET}),
        repr({"error": SECRET}),
        f"https://x/{quote(SECRET)}?key={quote(SECRET, safe='')}",
        *(base64.b64encode(("u" * n + ":" + SECRET + "!" * n).encode()).decode() for n in range(6)),
        *(base64.urlsafe_b64encode(("u" * n + SECRET).encode()).decode() for n in range(3)),
    ],
)
def test_encoded_it_is_hidden_as_well(redactor: Redactor, said: str) -> None:
    hidden = redactor.text(f"it said: {said}.")
    assert f"[{_REFERENCE}]" in hidden
    assert "0123456789" not in hidden
    assert base64.b64encode(SECRET.encode()).decode()[8:20] not in hidden
    assert redactor.json({said: [said]}) == {redactor.text(said): [redactor.text(said)]}


@given(before=st.integers(0, 80), most=st.integers(20, 120), after=st.integers(0, 80))
def test_cut_in_two_no_piece_is_left(before: int, most: int, after: int) -> None:
    secret = "cnry-" + "0a1b2c3d4e5f6a7b8c9d" * 2
    text = "x" * before + secret + "y" * after
    capped = CappedOutput(most)
    capped.feed(text.encode())
    canaries = Canaries({"it": secret})
    for said in (beginning(text, most), last_lines(text, most), shortened(text, most), capped.text()):
        hidden = said.replace(secret, "[…]")
        hidden = without_pieces(f"it ended with 1: {hidden}", secret, "[hidden]")
        assert not canaries.found(hidden.encode()), said


@given(st.text())
def test_text_without_a_secret_stays_as_it_is(text: str) -> None:
    form = "0123456789abcdef"
    assert (without_pieces(text, form, "!") == text) or any(piece in text for piece in (form[:8], form[-8:]))


def test_what_is_short_is_no_piece() -> None:
    assert without_pieces("https:/", "https://hooks.example/secret", "!") == "https:/"
    assert all(len(form) >= SHORTEST_PIECE for form in secret_forms("12345678"))


@pytest.mark.parametrize("secret", ["key-\udcff\udcfe-more", "ключ-ключ-ключ", "a.b*c+d(e)|f[g]", "1234"])
def test_any_secret_is_hidden(redactor: Redactor, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("CANARY", secret)
    assert redactor.text(f"it is {secret}.") == f"it is [{_REFERENCE}]."
    assert redactor.text("half a character: \ud800") == "half a character: \ud800"


def test_a_rotated_secret_is_hidden_at_once(redactor: Redactor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert redactor.text(SECRET) == f"[{_REFERENCE}]"
    monkeypatch.setenv("CANARY", "another-secret")
    assert redactor.text(f"{SECRET} another-secret") == f"{SECRET} [{_REFERENCE}]"
