"""Fields of question sheets in a form, `q.TEMPLATE.QUESTION`, read and filled. Nothing that was typed is lost."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from consult_rooms.question_sheets import Offered
from consult_rooms.question_templates import Template, answered
from foundation.errors import Invalid
from foundation.i18n import N_
from web.forms import Form

CHANGED = N_("These questions have changed since the page was opened. What still fits is kept: look at it once more.")


def given_of(form: Form, template: Template) -> dict[str, str]:
    """What was typed for a template, by question."""
    found = ((item.code, form.value(_name(template, item.code))) for item in template.items)
    return {code: value for code, value in found if value.strip()}


def given_in(form: Form, templates: Iterable[Template], until: datetime) -> dict[str, dict[str, str]]:
    """What was typed for each template that has an answer; what cannot be used is an error beside its field."""
    found = {}
    known = set()
    for template in templates:
        known |= {_name(template, item.code) for item in template.items}
        if given := given_of(form, template):
            found[template.code] = given
            try:
                answered(template, given, until=until)
            except Invalid as error:
                refuse(form, template, error)
    if any(name.startswith("q.") and name not in known and form.value(name).strip() for name in form.names):
        form.refuse("sheets", CHANGED)
    return found


def refuse(form: Form, template: Template, error: Invalid) -> None:
    """Put an error of `answered` beside its field."""
    form.refuse(_name(template, error.field or ""), error.message, **error.parameters)


def filled(offered: Iterable[Offered]) -> Form:
    """A form that shows what was answered."""
    values: dict[str, object] = {}
    for one in offered:
        for answer in one.sheet.answers if one.sheet else ():
            values[_name(one.template, answer.item.code)] = answer.value
    return Form.of(**values)


def _name(template: Template, code: str) -> str:
    return f"q.{template.code}.{code}"
