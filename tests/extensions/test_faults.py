"""What an extension may not be: each fault named with the module and what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from remediator.errors import ConfigError
from remediator.extensions import NO_EXTENSIONS, load_extensions
from remediator.settings_file import load_settings

HEAD = """
from remediator.actions.base import ActionParams, BaseAction, succeeded
from remediator.guards.base import BaseGuard, GuardParams, allow

class Params(ActionParams):
    pass

class Act(BaseAction):
    name = "acme.act"
    summary = "Acts."
    params = Params
    async def act(self, params, call):
        return succeeded()

class Looks(GuardParams):
    pass

class Guard(BaseGuard):
    name = "acme.guard"
    summary = "Allows."
    params = Looks
    def evaluate(self, params, look, key):
        return allow(self.name, key)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("ext_one", "ext_two"):
        sys.modules.pop(name, None)


def load(folder: Path, *modules: str) -> str:
    """Load modules with these bodies; what is wrong with them."""
    names = ["ext_one", "ext_two"][: len(modules)]
    for name, body in zip(names, modules, strict=True):
        (folder / f"{name}.py").write_text(HEAD + body)
    try:
        load_extensions(names)
    except ConfigError as error:
        return str(error)
    return ""


def test_a_sound_one_is_taken_over(folder: Path) -> None:
    (folder / "ext_one.py").write_text(HEAD + "ACTIONS = (Act(),)\nGUARDS = (Guard(),)\n")
    loaded = load_extensions(["ext_one"])
    assert (list(loaded.actions), list(loaded.guards)) == (["acme.act"], ["acme.guard"])


def test_none_named_is_none_loaded() -> None:
    assert load_extensions([]) == NO_EXTENSIONS


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("", "extensions[0] ext_one: has neither ACTIONS nor GUARDS"),
        ("import nowhere_to_be_found", "can't be imported: No module named 'nowhere_to_be_found'"),
        ("1 / 0", "fails while it is imported: ZeroDivisionError: division by zero"),
        ("ACTIONS = [Act()]", "ACTIONS is not a tuple; write ACTIONS = (MyOwn(),)"),
        ("ACTIONS = (Act,)", "ACTIONS: acme.act: is a class; put an object of it there: Act()"),
        (
            "ACTIONS = (Guard(),)",
            "ACTIONS: acme.guard: is no BaseAction; derive it from remediator",
        ),
        ("GUARDS = (Act(),)", "GUARDS: acme.act: is no BaseGuard; derive it from remediator.guards.base"),
        ("Act.name = ''\nACTIONS = (Act(),)", "has no name; give its class name"),
        ("Act.summary = None\nACTIONS = (Act(),)", "ACTIONS: acme.act: has no summary"),
        ("Act.params = dict\nACTIONS = (Act(),)", "acme.act: has no model of its parameters"),
        ("Guard.params = Params\nGUARDS = (Guard(),)", "acme.guard: has no model of its parameters"),
        ("del Act.act\nACTIONS = (Act(),)", "acme.act: has no `async def act`"),
        ("Act.act = lambda self, params, call: None\nACTIONS = (Act(),)", "acme.act: has no `async def act`"),
        ("del Guard.evaluate\nGUARDS = (Guard(),)", "acme.guard: has no `evaluate`"),
        (
            "Act.name = 'act'\nACTIONS = (Act(),)",
            "the name 'act' has no namespace; put a namespace",
        ),
        ("Act.name = 'Acme.act'\nACTIONS = (Act(),)", "the name 'Acme.act' has no namespace"),
        ("Act.name = 'docker.restart'\nACTIONS = (Act(),)", "'docker' is remediator's own"),
        ("Act.name = 'docker.purge'\nACTIONS = (Act(),)", "'docker' is remediator's own"),
        ("Guard.name = 'cooldown'\nGUARDS = (Guard(),)", "the name 'cooldown' has no namespace"),
        ("Guard.name = 'cooldown.longer'\nGUARDS = (Guard(),)", "'cooldown' is remediator's own"),
        ("ACTIONS = (Act(), Act())", "'acme.act' is already in ext_one; give it another name"),
    ],
)
def test_what_is_refused(folder: Path, body: str, what: str) -> None:
    said = load(folder, body)
    assert "remediator.yaml" in said
    assert what in said


def test_two_modules_may_not_share_a_name_and_all_faults_are_told(folder: Path) -> None:
    said = load(folder, "ACTIONS = (Act(),)", "ACTIONS = (Act(), 3)\nGUARDS = 4")
    assert "extensions[1] ext_two: ACTIONS: acme.act: 'acme.act' is already in ext_one" in said
    assert "extensions[1] ext_two: ACTIONS: int: is no BaseAction" in said
    assert "extensions[1] ext_two: GUARDS is not a tuple" in said


def test_a_module_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match=r"extensions\[0\] not_there: can't be imported: No module named"):
        load_extensions(["not_there"])


@pytest.mark.parametrize("name", ["os; rm", "../evil", ".relative", "a b", ""])
def test_only_names_of_modules_may_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "remediator.yaml").write_text(f'extensions: ["{name}"]\n')
    with pytest.raises(ConfigError, match="extensions"):
        load_settings(tmp_path / "remediator.yaml")
