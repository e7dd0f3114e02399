"""Question templates by specialty with their red flags: data (`question_templates.json`), read and answered. Pure.

A template has a version; a sheet of answers carries the whole template with it, so that what was asked stays readable
and can be gone on with when the template is retired, changed or gone. Nothing is concluded from an answer: a red flag
that is answered yes is shown, and may suggest a higher urgency to the person who asks.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from consult_rooms import bounds
from consult_rooms.bilingual import Words, words
from consult_rooms.model import Urgency
from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.text import clean_line, fold

TEXT = 1_000
"""Characters of one answer at most."""
FILE = Path(__file__).with_suffix(".json")

NO_MOMENT = N_("Write this as date and time.")
NO_NUMBER = N_("Write a number from %(least)s to %(most)s here.")
FUTURE = N_("This time lies ahead. Look at the clock of this computer, and at the time.")


class ItemKind(StrEnum):
    """How a question is answered."""

    FLAG = "flag"
    """A red flag: yes, no or not known."""
    YES_NO = "yes_no"
    CHOICE = "choice"
    MOMENT = "moment"
    """Local date and time as `YYYY-MM-DDTHH:MM`."""
    NUMBER = "number"
    TEXT = "text"


YES, NO, UNKNOWN = "yes", "no", "unknown"
SAID: Mapping[str, Words] = {YES: Words("có", "yes"), NO: Words("không", "no"), UNKNOWN: Words("không rõ", "not known")}
"""The answers of a red flag and of a yes or no."""


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a template. `unit` is that of a number, UCUM as it is written; `least` and `most` bound it."""

    code: str
    kind: ItemKind
    label: Words
    choices: tuple[tuple[str, Words], ...] = ()
    unit: str = ""
    least: float = 0
    most: float = 0

    @property
    def options(self) -> tuple[tuple[str, Words], ...]:
        """What may be chosen; empty for what is typed."""
        return tuple(SAID.items()) if self.kind in (ItemKind.FLAG, ItemKind.YES_NO) else self.choices


@dataclass(frozen=True, slots=True)
class Template:
    """The questions of one field. `words` are folded pieces of a specialty's name by which it is offered first."""

    code: str
    version: int
    title: Words
    suggests: Urgency
    """The urgency that a red flag answered yes suggests."""
    words: tuple[str, ...]
    items: tuple[Item, ...]
    data: Mapping[str, Any]
    """As the file has it; what a sheet keeps."""

    def suits(self, *names: str) -> bool:
        """Whether it is for a specialty of these names; one without words is for all."""
        return not self.words or any(f" {word} " in f" {_plain(name)} " for name in names for word in self.words)


@dataclass(frozen=True, slots=True)
class Answer:
    """A question and what was answered, empty when nothing was. `shown` is in words."""

    item: Item
    value: str
    shown: Words

    @property
    def is_red(self) -> bool:
        """Whether this is a red flag that was answered yes."""
        return self.item.kind is ItemKind.FLAG and self.value == YES


@dataclass(frozen=True, slots=True)
class Sheet:
    """A template as it was answered."""

    template: Template
    answers: tuple[Answer, ...]

    @property
    def answered(self) -> tuple[Answer, ...]:
        """Those with an answer, red flags answered yes first."""
        return tuple(sorted((one for one in self.answers if one.value), key=lambda one: not one.is_red))

    @property
    def red(self) -> tuple[Answer, ...]:
        """The red flags answered yes."""
        return tuple(one for one in self.answers if one.is_red)

    def value(self, code: str) -> str:
        """What was answered to that question."""
        return next((one.value for one in self.answers if one.item.code == code), "")

    def json(self) -> dict[str, Any]:
        """As it is sealed: the whole template, and the answers by the codes of their questions."""
        return {
            "template": dict(self.template.data),
            "answers": {one.item.code: one.value for one in self.answers if one.value},
        }


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, Template]:
    """The templates of this version of the program, by code, in the order of the file."""
    return {one["code"]: template(one) for one in json.loads(FILE.read_text("utf-8"))}


def template(data: Mapping[str, Any]) -> Template:
    """A template of its JSON. Raises KeyError or ValueError for what is none."""
    return Template(
        code=str(data["code"]),
        version=int(data["version"]),
        title=words(data["title"]),
        suggests=Urgency(data["suggests"]),
        words=tuple(data["words"]),
        items=tuple(
            Item(
                code=str(one["code"]),
                kind=ItemKind(one["kind"]),
                label=words(one),
                choices=tuple((str(choice["code"]), words(choice)) for choice in one.get("choices", ())),
                unit=str(one.get("unit", "")),
                least=float(one.get("least", 0)),
                most=float(one.get("most", 0)),
            )
            for one in data["items"]
        ),
        data=data,
    )


def sheet(data: Mapping[str, Any]) -> Sheet:
    """The sheet that was sealed."""
    asked = template(data["template"])
    given = data["answers"]
    return Sheet(asked, tuple(_answer(item, str(given.get(item.code, ""))) for item in asked.items))


def answered(asked: Template, given: Mapping[str, str], *, until: datetime) -> Sheet:
    """The answers to a template, each checked and in its normal form; what is not answered stays empty.

    `until` is the local time after which no moment can lie. Raises Invalid `text.too_long`, `choice.unknown`,
    `answer.moment`, `answer.future` or `answer.number` with the question's code as the field.
    """
    return Sheet(asked, tuple(_answer(item, checked(item, given.get(item.code, ""), until)) for item in asked.items))


def checked(item: Item, given: str, until: datetime) -> str:
    """One answer in its normal form; raises as `answered` does."""
    value = bounds.text(given, TEXT, item.code)
    if not value:
        return ""
    match item.kind:
        case ItemKind.TEXT:
            return value
        case ItemKind.MOMENT:
            return _moment(item, value, until)
        case ItemKind.NUMBER:
            return _number(item, value)
        case _:
            if value not in dict(item.options):
                raise Invalid("choice.unknown", bounds.UNKNOWN, field=item.code)
            return value


def _moment(item: Item, value: str, until: datetime) -> str:
    try:
        at = datetime.fromisoformat(value)
    except ValueError as error:
        raise Invalid("answer.moment", NO_MOMENT, field=item.code) from error
    if at.tzinfo is not None or len(value) < 16:
        raise Invalid("answer.moment", NO_MOMENT, field=item.code)
    if at > until.replace(tzinfo=None):
        raise Invalid("answer.future", FUTURE, field=item.code)
    return at.isoformat(timespec="minutes")


def _number(item: Item, value: str) -> str:
    try:
        number = float(clean_line(value).replace(",", "."))
    except ValueError:
        number = math.nan
    if not item.least <= number <= item.most:
        raise Invalid("answer.number", NO_NUMBER, field=item.code, least=f"{item.least:g}", most=f"{item.most:g}")
    return f"{number:g}"


def _answer(item: Item, value: str) -> Answer:
    chosen = dict(item.options).get(value)
    if chosen is not None:
        return Answer(item, value, chosen)
    if item.kind is ItemKind.MOMENT and value:
        at = datetime.fromisoformat(value)
        return Answer(item, value, Words(f"{at:%d/%m/%Y %H:%M}", f"{at:%d/%m/%Y %H:%M}"))
    unit = f" {item.unit}" if item.unit and item.unit != "w" and value else ""
    return Answer(item, value, Words(value.replace(".", ",") + unit, value + unit) if unit else Words(value, value))


def _plain(name: str) -> str:
    return " ".join("".join(mark if mark.isalnum() else " " for mark in fold(name)).split())
