"""One policy under check: collects what is wrong with it, and what of it is compiled."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from remediator.errors import Problem, Severity
from remediator.policy.catalog import Catalog
from remediator.policy.expressions import (
    Expression,
    ExpressionError,
    Template,
    compile_expression,
    compile_template,
)
from remediator.policy.inventory import entries
from remediator.policy.loose_values import loose_values
from remediator.policy.plain_secrets import forms_in
from remediator.policy.promql import PromQL, PromQLError, compile_promql
from remediator.policy.reads import Read
from remediator.settings import Settings
from remediator.validation_problems import suggestion
from remediator.yaml_source import NodePath, YamlSource

PLAIN_SECRET = "looks like a secret in plain text"  # nosec B105  # not a password
SECRET_FIX = "write a reference, env:NAME or file:/path, and replace the secret: others have read it by now"  # nosec B105  # not a password


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Which facts and step results may be read at a place. None: none can be known there yet."""

    facts: Collection[str] | None = None
    steps: Collection[str] | None = None
    run: Collection[str] | None = None
    decision: Collection[str] | None = None


@dataclass(slots=True)
class Checking:
    """See the module. `incomplete` says that something needed to decide with could not be built."""

    source: YamlSource
    catalog: Catalog
    settings: Settings
    problems: list[Problem] = field(default_factory=list)
    expressions: dict[str, Expression] = field(default_factory=dict)
    templates: dict[str, Template] = field(default_factory=dict)
    queries: dict[str, PromQL] = field(default_factory=dict)
    incomplete: bool = False
    _absent: set[str] = field(default_factory=set)

    def error(self, path: NodePath, what: str, fix: str, *, at_key: bool = False) -> None:
        """Note a fault that refuses the policy."""
        self.problems.append(self.source.problem(path, what, fix, at_key=at_key))

    def broken(self, path: NodePath, what: str, fix: str) -> None:
        """Note a fault that leaves nothing to decide with."""
        self.incomplete = True
        self.error(path, what, fix)

    def warning(self, path: NodePath, what: str, fix: str, *, at_key: bool = False) -> None:
        """Note something that is probably not meant."""
        problem = self.source.problem(path, what, fix, severity=Severity.WARNING, at_key=at_key)
        self.problems.append(problem)

    def expression(self, path: NodePath, source: str, known: Known) -> None:
        """Compile an expression and check what it reads."""
        try:
            compiled = compile_expression(source)
        except ExpressionError as error:
            self._not_compiled(path, str(error))
            return
        self.expressions[source] = compiled
        self._check_reads(path, compiled.reads, known)

    def template(self, path: NodePath, source: str, known: Known) -> None:
        """Compile a template and check what it reads."""
        try:
            compiled = compile_template(source)
        except ExpressionError as error:
            self._not_compiled(path, str(error))
            return
        self.templates[source] = compiled
        self._check_reads(path, compiled.reads, known)

    def query(self, path: NodePath, source: str, known: Known) -> None:
        """Check a PromQL query and what its templates read."""
        try:
            compiled = compile_promql(source)
        except PromQLError as error:
            self._not_compiled(path, str(error))
            return
        self.queries[source] = compiled
        self._check_reads(path, compiled.reads, known)
        for warning in compiled.warnings:
            what, _, fix = warning.partition("; ")
            self.warning(path, what, fix)

    def plain_secrets(self) -> None:
        """Refuse what has the form of a secret, wherever it stands, also in a comment."""
        for start, _, name in forms_in(self.source.text):
            line = self.source.text.count("\n", 0, start) + 1
            column = start - self.source.text.rfind("\n", 0, start)
            found = Problem(self.source.file, line, column, f"{PLAIN_SECRET}: it is {name}", SECRET_FIX)
            self.problems.append(found)

    def secret(self, path: NodePath) -> None:
        """Refuse a text that stands where a secret would."""
        self.error(path, PLAIN_SECRET, SECRET_FIX)

    def loose(self, path: NodePath, model: type[BaseModel], data: Any) -> None:
        """Refuse values of another type than `model` names, where nothing else has refused them."""
        told = {(problem.line, problem.column) for problem in self.problems}
        for inner, fix in loose_values(model, data):
            place: NodePath = (*path, *inner)
            subject = ".".join(str(part) for part in self.source.deepest(place))
            found = self.source.problem(place, f"{subject}: the value has another type", fix)
            if (found.line, found.column) not in told:
                self.problems.append(found)

    def entry(self, path: NodePath, section: str, name: str) -> str | None:
        """Check a name in the inventory; return the section when it is absent as a whole."""
        names = entries(self.settings, section)
        if names is None:
            # One for each section: what stands here for another site would drown the rest.
            if section not in self._absent:
                self._absent.add(section)
                what = f"not_configured: remediator.yaml has no {section}, so {name!r} can't be reached"
                self.warning(path, what, f"add {section} to remediator.yaml, or leave it for another site")
            return section
        if name not in names:
            fix = suggestion(name, tuple(names), "entries")
            self.error(path, f"{name!r} is not listed under {section} in remediator.yaml", fix)
        return None

    def _not_compiled(self, path: NodePath, error: str) -> None:
        what, _, fix = error.partition("; ")
        self.broken(path, what, fix or "correct it")

    def _check_reads(self, path: NodePath, reads: Collection[Read], known: Known) -> None:
        for root, name in sorted(reads):
            if root in ("facts", "facts_detail"):
                self._check_read(path, f"{root}.{name}", name, known.facts, "facts")
            elif root == "steps":
                self._check_read(path, f"steps.{name}", name, known.steps, "steps")
            elif root in ("run", "decision"):
                self._check_entry(path, root, name, known.run if root == "run" else known.decision)

    def _check_entry(self, path: NodePath, root: str, name: str, known: Collection[str] | None) -> None:
        if known is None:
            what = f"reads {root}.{name}, which only the when of an escalation can"
            self.error(path, what, "read facts or labels instead")
        elif name not in known:
            self.error(path, f"{root} has no {name}", suggestion(name, tuple(known), "entries"))

    def _check_read(
        self, path: NodePath, read: str, name: str, known: Collection[str] | None, kind: str
    ) -> None:
        if known is None:
            self.error(
                path, f"reads {read}, but no {kind} are known yet at this place", "read labels instead"
            )
        elif name not in known:
            fix = suggestion(name, tuple(known), kind) if known else f"there are no {kind} before it"
            self.error(path, f"reads {read}, which nothing gives", fix)
