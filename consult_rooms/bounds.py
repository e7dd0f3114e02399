"""What people may write and how long: every text of a consult in its normal form, or an error that names the field."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from enum import StrEnum
from typing import TypeVar

from consult_rooms.model import Consent, ConsentBy, IdentityState, Patient, Question, Urgency
from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.ids import is_id
from foundation.text import clean_line, clean_text

QUESTION_PART = 4_000
CHAT = 4_000
OPINION = 20_000
NOTE = 1_000
NAME = 200
KEY = 200
AGE = 130
SEXES = frozenset({"male", "female", "other"})

Code = TypeVar("Code", bound=StrEnum)

TOO_LONG = N_("This text is too long: %(limit)s characters at most.")
EMPTY = N_("This cannot be empty.")
UNKNOWN = N_("This is not one of the choices.")
NOT_ESTABLISHED = N_("Only an emergency may go out before the patient's identity is established.")
UNUSABLE_PATIENT = N_("The patient's details cannot be used.")


def text(value: str, limit: int, field: str, *, empty: bool = True) -> str:
    """Several lines in NFC. Raises Invalid `text.too_long` or, when it may not be empty, `text.empty`."""
    if len(value) > 4 * limit:  # before any work on it
        raise Invalid("text.too_long", TOO_LONG, field=field, limit=limit)
    cleaned = clean_text(value)
    if len(cleaned) > limit:
        raise Invalid("text.too_long", TOO_LONG, field=field, limit=limit)
    if not cleaned and not empty:
        raise Invalid("text.empty", EMPTY, field=field)
    return cleaned


def code(kind: type[Code], value: str, field: str) -> Code:
    """The member of an enumeration. Raises Invalid `choice.unknown`."""
    try:
        return kind(value)
    except ValueError as error:
        raise Invalid("choice.unknown", UNKNOWN, field=field) from error


def question(asked: Question) -> Question:
    """The question with its four parts cleaned and bounded."""
    return Question(
        situation=text(asked.situation, QUESTION_PART, "situation"),
        background=text(asked.background, QUESTION_PART, "background"),
        assessment=text(asked.assessment, QUESTION_PART, "assessment"),
        recommendation=text(asked.recommendation, QUESTION_PART, "recommendation"),
    )


def patient(person: Patient) -> Patient:
    """The identity, cleaned. Raises Invalid `patient.unusable` when its parts do not fit together.

    An established identity has a patient id and a name. A temporary one has neither id nor number.
    """
    name = None if person.name is None else clean_line(person.name[: 4 * NAME]) or None
    masked = None if person.masked_number is None else clean_line(person.masked_number[: 4 * NAME]) or None
    established = person.identity is IdentityState.ESTABLISHED
    sound = (
        (name is None or len(name) <= NAME)
        and (person.sex is None or person.sex in SEXES)
        and (person.age_years is None or 0 <= person.age_years <= AGE)
        and (masked is None or (len(masked) <= 32 and sum(mark.isdigit() for mark in masked) <= 4))
        and (
            (is_id(person.patient_id, "pat") and name is not None)
            if established
            else (person.patient_id is None and masked is None)
        )
    )
    if not sound:
        raise Invalid("patient.unusable", UNUSABLE_PATIENT, field="patient")
    return replace(person, name=name, masked_number=masked)


def consent(given: Consent) -> Consent:
    """The consent with its note cleaned."""
    return replace(given, note=text(given.note, NOTE, "consent_note"))


def request(urgency: Urgency, person: Patient, asked: Question, given: Consent | None) -> None:
    """What has to be there before it may ring. An emergency needs nothing but its specialty.

    Raises Invalid `patient.not_established`, `question.empty`, `consent.missing` or `consent.refused`.
    """
    if urgency is Urgency.EMERGENCY:
        return
    if person.identity is not IdentityState.ESTABLISHED:
        raise Invalid("patient.not_established", NOT_ESTABLISHED, field="patient")
    if not asked.line and not asked.background and not asked.assessment:
        raise Invalid("question.empty", N_("Write what you ask the specialist."), field="situation")
    if given is None:
        raise Invalid(
            "consent.missing", N_("Record the patient's consent, or why nobody could be asked."), field="consent"
        )
    if not given.consult and given.by is not ConsentBy.NOT_POSSIBLE:
        raise Invalid("consent.refused", N_("The patient refused this consult."), field="consent")


def key(value: str, field: str = "idempotency_key") -> str:
    """The hash under which a request is found again when it is sent twice."""
    if not value or len(value) > KEY:
        raise Invalid(
            "key.unusable", N_("The idempotency key has to have 1 to %(limit)s characters."), field=field, limit=KEY
        )
    return hashlib.sha256(value.encode()).hexdigest()


def client_id(value: str) -> str:
    """A message's own id from its sender, 1 to 64 printable ASCII characters."""
    if not (1 <= len(value) <= 64 and value.isascii() and value.isprintable()):
        raise Invalid("chat.client_id", N_("The message's id has to have 1 to 64 ASCII characters."), field="client_id")
    return value
