"""The form of how a person is told: the same on one's own page and on the administrators'."""

from __future__ import annotations

from foundation.errors import Invalid
from foundation.i18n import Language
from notify.contacts import Contact, mail_address, mobile_number, quiet_hours
from notify.notice import Channel, Topic
from web.forms import Form
from web.labels import label

_CHOICES = (Channel.MAIL, Channel.SMS, Channel.PUSH)


def choices(language: Language) -> list[tuple[str, str]]:
    """The channels that one may choose, by name."""
    return [(way.value, language.text(label(way))) for way in _CHOICES]


def filled(contact: Contact) -> Form:
    """The form as it stands."""
    quiet = contact.quiet
    return Form.of(
        mail=contact.mail,
        mobile=contact.mobile,
        quiet_from="" if quiet is None else _clock(quiet.starts),
        quiet_until="" if quiet is None else _clock(quiet.ends),
        **{topic.value: contact.wishes.get(topic, frozenset()) for topic in Topic},
    )


def read(form: Form) -> Contact | None:
    """What was typed, or None with an error beside each field that is wrong."""
    mail = mobile = quiet = None
    try:
        mail = mail_address(form.line("mail", most=300))
    except Invalid as error:
        form.take(error, field="mail")
    try:
        mobile = mobile_number(form.line("mobile", most=40))
    except Invalid as error:
        form.take(error, field="mobile")
    try:
        quiet = quiet_hours(form.line("quiet_from", most=5), form.line("quiet_until", most=5))
    except Invalid as error:
        form.take(error, field="quiet_from")
    wishes = {topic: form.choices(topic, Channel) & frozenset(_CHOICES) for topic in Topic}
    return Contact(mail, mobile, wishes, quiet) if form.valid else None


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
