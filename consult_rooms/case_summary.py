"""What was answered, scored and found as text for the summary of minutes, in Vietnamese as minutes are. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from consult_rooms.assessments import Examined, examinations_of, scores_of
from consult_rooms.question_templates import Sheet, sheet
from consult_rooms.scores import Scored, points
from consult_rooms.statements import Statement, StatementKind

EARLIER = 5
"""Earlier values of one score at most; all of them stand on the consult's page."""


def case_summary(stated: Iterable[Statement]) -> str:
    """The sheets that hold, a red flag answered yes first, then scores and findings; empty when there is nothing."""
    every = tuple(stated)
    held = {(one.kind, one.code): one for one in every}
    sheets = [sheet(one.document) for (kind, _), one in held.items() if kind is StatementKind.SHEET]
    lines = [_of_sheet(one) for one in sheets if one.answered]
    for one in scores_of(every):
        values = [one.scored, *(scored for scored, _ in one.earlier[:EARLIER])]
        values.sort(key=lambda scored: scored.assessed)
        lines.append(f"{one.scored.score.title.vi}: {'; '.join(map(_of_score, values))}.")
    lines += [_of_examination(one) for one in examinations_of(every)]
    return "\n".join(lines)


def _of_score(one: Scored) -> str:
    value = one.shown("vi")
    if one.total is None:  # its items are all that there is
        value = ", ".join(f"{item.label.vi} {points(choice.points, 'vi')}" for item, choice in one.answers)
    rest = [f"{one.assessed:%d/%m/%Y %H:%M}", *(choice.label.vi for choice in one.beside)]
    if one.untested:
        rest.append(f"không đánh giá được: {', '.join(item.label.vi for item in one.untested)}")
    return f"{value} ({'; '.join(rest)})"


def _of_examination(one: Examined) -> str:
    """What both sides found; where they differ, or one alone judged, each in its own words."""
    found = []
    for row in one.rows:
        if row.agree and row.clinic:
            found.append(f"{row.label.vi}: {row.clinic.vi}")
        else:
            sides = (("cơ sở đề nghị", row.clinic), ("chuyên gia", row.hospital))
            found.append(f"{row.label.vi}: " + ", ".join(f"{name} {words.vi}" for name, words in sides if words))
    return f"{one.checklist.title.vi}. " + "; ".join(found) + "."


def _of_sheet(one: Sheet) -> str:
    red = "; ".join(answer.item.label.vi for answer in one.red)
    rest = [f"{answer.item.label.vi}: {answer.shown.vi}" for answer in one.answered if not answer.is_red]
    parts = ([f"DẤU HIỆU BÁO ĐỘNG: {red}"] if red else []) + rest
    return f"{one.template.title.vi}. " + ". ".join(part.rstrip(".") for part in parts) + "."
