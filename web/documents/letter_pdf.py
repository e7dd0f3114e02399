"""Letters that follow from a consult, for paper: a referral, and drugs that the specialist proposes to prescribe.

Both are proposals of a consult in which no hand has touched the patient: they name who is to sign, and are not signed
by Hoichan. What stands in them is what was decided: the opinion, the minutes' conclusion, the items of advice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from consult_rooms.advice_model import AdviceItem, AdviceKind, AdviceState
from consult_rooms.minutes import MinutesView
from consult_rooms.minutes_model import Seat
from foundation.i18n import N_, Language
from web.documents.minutes_pdf import patient_line
from web.documents.repertoire import FONT, Setting

TEMPLATE = Path(__file__).with_name("letter.typ")
REFERRAL = N_("Referral letter")
PRESCRIPTION = N_("Proposed prescription")
_PROPOSAL = N_("A proposal by remote consult. The doctor who examines the patient decides and prescribes.")
_WORDS = {
    "number": N_("No.:"),
    "state": N_("SOCIALIST REPUBLIC OF VIET NAM"),
    "motto": N_("Independence – Freedom – Happiness"),
    "page": N_("Page"),
    "what": N_("What"),
    "how": N_("How"),
    "sign": N_("(signature, full name)"),
    "replaced": N_("Characters that this document's font does not have stand as code points:"),
}
_GONE = (AdviceState.WITHDRAWN,)


def proposed_drugs(items: Sequence[AdviceItem]) -> list[AdviceItem]:
    """The drugs that are still advised."""
    return [one for one in items if one.kind is AdviceKind.DRUG and one.state not in _GONE]


def referral_data(
    view: MinutesView, opinion: str, items: Sequence[AdviceItem], at: datetime, language: Language, zone: ZoneInfo
) -> dict[str, object]:
    """The clinic's letter to the hospital that consulted; `at` is the day that it bears."""
    fit, content = Setting(), view.content
    texts = [
        (N_("Patient"), _patient(view, language, zone)),
        (N_("Sent to"), view.facts.header.name),
        (N_("Question of the clinic"), view.facts.question),
        (N_("Summary of the case"), content.summary),
        (N_("The specialist's opinion"), opinion),
        (N_("Conclusion"), content.conclusion),
        (N_("Reason for referral"), "\n".join(one.text for one in items if _is(one, AdviceKind.REFERRAL))),
    ]
    advised = [one for one in items if one.state not in _GONE and one.kind is not AdviceKind.REFERRAL]
    rows = [(one.text, one.dose) for one in advised] + [(one.what, one.who) for one in content.plan]
    return _data(
        view,
        fit,
        language,
        title=REFERRAL,
        facility=view.facts.clinic.name,
        notice="",
        parts=[(title, text) for title, text in texts if text],
        rows=rows,
        rows_title=N_("What was advised"),
        role=N_("The doctor who refers"),
        signer=_of(view, Seat.SECRETARY),
        date=language.date(at.astimezone(zone).date(), zone),
    )


def prescription_data(
    view: MinutesView, items: Sequence[AdviceItem], at: datetime, language: Language, zone: ZoneInfo
) -> dict[str, object]:
    """The drugs that the specialist proposes, each with its dose as it was written."""
    texts = [(N_("Patient"), _patient(view, language, zone)), (N_("Conclusion"), view.content.conclusion)]
    return _data(
        view,
        Setting(),
        language,
        title=PRESCRIPTION,
        facility=view.facts.header.name,
        notice=language.text(_PROPOSAL),
        parts=[(title, text) for title, text in texts if text],
        rows=[(one.text, one.dose) for one in proposed_drugs(items)],
        rows_title=N_("Drugs"),
        role=N_("The specialist who proposes"),
        signer=_of(view, Seat.CHAIR),
        date=language.date(at.astimezone(zone).date(), zone),
    )


def _data(
    view: MinutesView,
    fit: Setting,
    language: Language,
    *,
    title: str,
    facility: str,
    notice: str,
    parts: list[tuple[str, str]],
    rows: list[tuple[str, str]],
    rows_title: str,
    role: str,
    signer: str,
    date: str,
) -> dict[str, object]:
    data: dict[str, object] = {
        "language": language.code,
        "font": FONT,
        "words": {name: language.text(text) for name, text in _WORDS.items()},
        "title": language.text(title),
        "facility": fit.text(facility),
        "code": view.facts.code,
        "subtitle": fit.text(f"{view.facts.specialty} · {view.facts.clinic.name}"),
        "notice": notice,
        "parts": [{"title": language.text(title), "text": fit.text(text)} for title, text in parts],
        "items": [{"what": fit.text(what), "how": fit.text(how)} for what, how in rows],
        "items_title": language.text(rows_title),
        "role": language.text(role),
        "signer": fit.text(signer),
        "date": date,
    }
    data["notes"] = [f"{code} {name}".strip() for code, name in fit.notes()]
    return data


def _patient(view: MinutesView, language: Language, zone: ZoneInfo) -> str:
    patient = view.facts.patient
    told = {
        "name": patient.name,
        "sex": patient.sex,
        "birth_date": patient.birth_date and patient.birth_date.isoformat(),
        "age": view.facts.age,
        "number": patient.masked_number,
    }
    return patient_line(told, language, zone)


def _is(one: AdviceItem, kind: AdviceKind) -> bool:
    return one.kind is kind and one.state not in _GONE


def _of(view: MinutesView, seat: Seat) -> str:
    return next((one.name for one in view.content.people if one.seat is seat), "")
