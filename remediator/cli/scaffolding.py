"""`remediator policies new`: begin a policy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from remediator.authoring.check import CheckFormat, write_problems
from remediator.authoring.scaffold import FILL_IN, Scaffold, Wanted, alert_name, scaffold
from remediator.authoring.scaffold_forms import FORMS, Form, form_named
from remediator.cli.options import Config, JsonOutput
from remediator.cli.output import complain, fail, print_json, print_line, say
from remediator.cli.workspace import Workspace, open_workspace
from remediator.errors import ConfigError, Severity
from remediator.policy.loader import load_policy
from remediator.yaml_source import read_yaml

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_OWN_FOLDER = Path("policies")
_TESTS_SCHEMA = "policy-tests.schema.json"


@dataclass(frozen=True, slots=True)
class Begun:
    """A policy that was begun, and where."""

    scaffold: Scaffold
    policy: Path
    test: Path


def new_policy(
    name: Annotated[str, typer.Argument(help="The policy's name, like restart-pms.", show_default=False)],
    alert: Annotated[
        str | None, typer.Option("--alert", help="The alert's name; by default made of the policy's.")
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            "--from-template",
            help=f"What it acts on: {', '.join(form.name for form in FORMS)}; by default, what "
            "remediator.yaml has.",
        ),
    ] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Who answers for it.")] = None,
    config: Config = None,
    as_json: JsonOutput = False,
) -> None:
    """Begin a policy, in shadow mode, with a first test that passes. Nothing is overwritten."""
    if _NAME.fullmatch(name) is None:
        fail(f"{name!r} can't name a policy; use small letters, digits and hyphens, like restart-pms")
    workspace = open_workspace(config)
    there = taken(name, workspace)
    if there is not None:
        fail(f"{there} is there already, and is left as it is; choose another name")
    wanted = Wanted(name=name, alertname=alert or alert_name(name), owner=owner, form=_form(template))
    begun = begin(wanted, workspace)
    if as_json:
        print_json({"policy": str(begun.policy), "test": str(begun.test), "acts_on": begun.scaffold.entry})
        return
    say(f"wrote {begun.policy}\nwrote {begun.test}", style="green")
    _say_what_next(begun, workspace)


def _form(template: str | None) -> Form | None:
    if template is None:
        return None
    form = form_named(template)
    if form is None:
        names = ", ".join(form.name for form in FORMS)
        fail(f"there is no template {template!r}; there are {names}")
    return form


def begin(wanted: Wanted, workspace: Workspace) -> Begun:
    """Write both files, or none; ends the command when what would be written is no good here."""
    folder = _folder(workspace)
    policy, test = folder / f"{wanted.name}.yaml", folder / "tests" / f"{wanted.name}.yaml"
    made = scaffold(wanted, workspace.settings)
    _check(made, policy, workspace)
    try:
        test.parent.mkdir(parents=True, exist_ok=True)
        for path, text in ((policy, made.policy), (test, made.test)):
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        fail(f"{error.filename} can't be written: {error.strerror}")
    return Begun(made, policy, test)


def taken(name: str, workspace: Workspace) -> Path | None:
    """Return the file that a policy of this name would have to overwrite, if there is one."""
    folder = _folder(workspace)
    paths = (
        below / f"{name}{suffix}" for below in (folder, folder / "tests") for suffix in (".yaml", ".yml")
    )
    return next((path for path in paths if path.exists()), None)


def _folder(workspace: Workspace) -> Path:
    """Return where own policies go; never the folder of those that remediator comes with."""
    return workspace.settings.policies or _OWN_FOLDER


def _check(made: Scaffold, path: Path, workspace: Workspace) -> None:
    source = read_yaml(str(path), made.policy)
    _, problems = load_policy(source, workspace.catalog, workspace.settings)
    if any(problem.severity is Severity.ERROR for problem in problems):
        complain(f"remediator: what would be written to {path} is no good policy here, so nothing is written")
        raise ConfigError(problems)
    if problems:
        complain(write_problems(problems, CheckFormat.TEXT))


def _say_what_next(begun: Begun, workspace: Workspace) -> None:
    made, folder = begun.scaffold, begun.policy.parent
    print_line("")
    if made.entry is None:
        section = made.form.section.strip()
        print_line(f"remediator.yaml lists nothing to act on. Add what there is, such as `{section}`,")
        print_line(f"and replace {FILL_IN} in both files.")
    else:
        print_line(f"It acts on {made.form.target}/{made.entry}, which remediator.yaml lists.")
    if workspace.settings.policies is None:
        print_line(f"Set `policies: {folder}` in remediator.yaml, so that it is served.")
    print_line("Next:")
    print_line(f"fill in what says {FILL_IN}, and say in the comment what goes wrong", indent=2)
    commands = [f"remediator policies check {begun.policy}", f"remediator policies test {begun.test}"]
    for option, schema in (
        ("", folder / "policy.schema.json"),
        (" --tests", begun.test.parent / _TESTS_SCHEMA),
    ):
        if not schema.exists():
            commands.append(f"remediator policies schema{option} > {schema}")
    for command in commands:
        print_line(command, indent=2)
    print_line("leave it in shadow mode for a while; then set `mode: enforce`", indent=2)
