"""What was answered before the consult as text for the summary of its minutes, in Vietnamese as minutes are. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from consult_rooms.question_templates import Sheet, sheet
from consult_rooms.statements import Statement, StatementKind


def case_summary(stated: Iterable[Statement]) -> str:
    """The sheets that hold, a red flag answered yes first; empty when nothing was answered."""
    held = {(one.kind, one.code): one for one in stated}
    sheets = [sheet(one.document) for (kind, _), one in held.items() if kind is StatementKind.SHEET]
    return "\n".join(_of_sheet(one) for one in sheets if one.answered)


def _of_sheet(one: Sheet) -> str:
    red = "; ".join(answer.item.label.vi for answer in one.red)
    rest = [f"{answer.item.label.vi}: {answer.shown.vi}" for answer in one.answered if not answer.is_red]
    parts = ([f"DẤU HIỆU BÁO ĐỘNG: {red}"] if red else []) + rest
    return f"{one.template.title.vi}. " + ". ".join(part.rstrip(".") for part in parts) + "."
