"""Puts a notice into words: a title and a body, by kind, audience and language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, TemplateError

from remediator.errors import RemediatorError
from remediator.notices.inert import Trusted, inert, inert_lines
from remediator.runs.news import Audience, Language, NewsKind, Notice

_FAMILY: Mapping[NewsKind, str] = {
    NewsKind.STARTED: "initial",
    NewsKind.AWAITING_APPROVAL: "approval",
    NewsKind.SUCCEEDED: "resolution",
    NewsKind.REVERTED: "resolution",
    NewsKind.RESOLVED: "resolution",
    NewsKind.RESTORED: "resolution",
    NewsKind.FAILED: "update",
    NewsKind.DEGRADED: "update",
    NewsKind.RELAPSED: "update",
    NewsKind.UPDATE: "update",
    NewsKind.ESCALATED: "attention",
    NewsKind.NEEDS_HUMAN: "attention",
    NewsKind.EXPIRED: "attention",
    NewsKind.REVERT_FAILED: "attention",
    NewsKind.LEASE_ENDING: "attention",
}
# Stakeholders are told how it goes; what is asked of people is put to them as that.
_PLAIN: Mapping[str, str] = {"approval": "update", "attention": "update"}
_LONGEST_MESSAGE = 4000
_LONGEST_TITLE = 150
_SAID = ("description", "runbook_url", "owner")


class WordingError(RemediatorError):
    """A notice can't be put into words; a defect."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What is sent."""

    title: str
    body: str


class Wordings:
    """The templates. What they print of a notice is inert unless a policy's author wrote it."""

    def __init__(self) -> None:
        self._templates = Environment(  # nosec B701  # plain text; what is put in is made inert, see inert.py
            loader=PackageLoader("remediator.notices"),
            autoescape=False,  # noqa: S701  plain text; `inert` is what guards it
            undefined=StrictUndefined,
            finalize=inert,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["clock"] = _clock
        self._templates.filters["spell"] = _spell

    def put(self, notice: Notice) -> Wording:
        """Put a notice into words.

        Raises:
            WordingError: when its template does not fit what it tells.
        """
        content = notice.content
        if notice.kind is NewsKind.MESSAGE:
            return Wording(_title(content["title"]), str(inert_lines(content["text"], _LONGEST_MESSAGE)))
        try:
            template = self._templates.get_template(_template_of(notice))
            trusted = _summary(content) if notice.kind is NewsKind.SUMMARY else _trusting(content)
            text = template.render(**trusted, kind=notice.kind)
        except TemplateError as error:
            raise WordingError(
                f"notice {notice.id} ({notice.kind}) can't be put into words: {error}"
            ) from None
        title, _, body = text.strip().partition("\n")
        return Wording(_title(title), body.strip())


def _template_of(notice: Notice) -> str:
    if notice.kind is NewsKind.SUMMARY:
        return f"{notice.language}/summary.txt.j2"
    family = _FAMILY[notice.kind]
    if notice.audience is Audience.STAKEHOLDERS:
        family = _PLAIN.get(family, family)
    return f"{notice.language}/{notice.audience}/{family}.txt.j2"


def _trusting(content: Mapping[str, Any]) -> dict[str, Any]:
    """Mark what was written by a policy's author, or by remediator itself."""
    trusted = dict(content)
    for name in _SAID:
        trusted[name] = _trust(content[name])
    trusted["steps"] = [{**step, "action": Trusted(step["action"])} for step in content["steps"]]
    trusted["url"] = _trust(content["url"])
    trusted["words"] = {name: _trust(text) for name, text in content["words"].items()}
    trusted["links"] = [{name: _trust(text) for name, text in link.items()} for link in content["links"]]
    return trusted


def _summary(content: Mapping[str, Any]) -> dict[str, Any]:
    """Mark titles, which are inert already, and links as they are."""
    lines = [
        {**line, "title": Trusted(line["title"]), "url": _trust(line["url"])} for line in content["lines"]
    ]
    return {**content, "lines": lines, "url": _trust(content["url"])}


def _trust(text: str | None) -> Trusted | None:
    return None if text is None else Trusted(text)


def _title(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_TITLE else line[: _LONGEST_TITLE - 1] + "…"


def _clock(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"


def _spell(seconds: float) -> str:
    """Write a time span as both languages read it."""
    minutes = round(timedelta(seconds=seconds) / timedelta(minutes=1))
    if minutes < 1:
        return f"{round(seconds)} s"
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {rest} min" if rest else f"{hours} h"


LANGUAGES = tuple(Language)
AUDIENCES = tuple(Audience)
KINDS = tuple(_FAMILY)
