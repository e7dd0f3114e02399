"""What the patient forms send, read into the register's terms."""

from __future__ import annotations

from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.ids import PatientId, is_id
from records_panel.citizens import Evidence, Identity
from records_panel.evidence import checked
from records_panel.identifiers import NumberKind, read_bhyt, read_birth_date, read_cccd
from web.forms import Form

MOST = 100


def number_kind(number: str) -> NumberKind:
    """Which number was typed into the one field for both; twelve digits are a citizen number.

    Raises `Invalid` for what is neither.
    """
    insurance = read_bhyt(number)
    return NumberKind.CCCD if insurance.is_cccd else NumberKind.BHYT


def patient_id_of(form: Form) -> PatientId:
    """The chosen row. Raises `Invalid("patient.not_chosen")`."""
    text = form.value("patient_id")
    if not is_id(text, "pat"):
        raise Invalid("patient.not_chosen", N_("Choose a patient first."))
    return PatientId(text)


def evidence_of(form: Form) -> dict[Evidence, str]:
    """The identifiers that were given, numbers by their form. Raises `Invalid` for a number out of form."""
    given: dict[Evidence, str] = {}
    for field in ("number", "second_number"):
        if number := form.value(field).strip()[:MOST]:
            kind = number_kind(number)
            given[Evidence.CCCD if kind is NumberKind.CCCD else Evidence.BHYT] = number
    for field, evidence in (("birth_date", Evidence.BIRTH_DATE), ("name", Evidence.NAME)):
        if text := form.value(field).strip()[:MOST]:
            given[evidence] = text
    return given


def identity_of(form: Form) -> Identity | None:
    """The citizen of the form for a new book; None with errors noted beside their fields."""
    name = form.line("name", required=True)
    sex = form.line("sex", required=True, most=10)
    commune = form.line("commune", required=True)
    birth_date = None
    cccd = bhyt = None
    try:
        birth_date = read_birth_date(form.value("birth_date")[:MOST])
    except Invalid as error:
        form.take(error, field="birth_date")
    try:
        cccd = read_cccd(form.value("cccd")[:MOST]).number if form.value("cccd").strip() else None
    except Invalid as error:
        form.refuse("cccd", error.message)
    try:
        bhyt = read_bhyt(form.value("bhyt")[:MOST]).number if form.value("bhyt").strip() else None
    except Invalid as error:
        form.refuse("bhyt", error.message)
    if not form.valid or birth_date is None:
        return None
    try:
        return checked(
            Identity(
                name=name,
                birth_date=birth_date,
                sex=sex,
                commune_code="",
                commune=commune,
                cccd=cccd,
                bhyt=bhyt,
                telephone=form.line("telephone", most=40),
            )
        )
    except Invalid as error:
        form.take(error, field="name")
        return None
