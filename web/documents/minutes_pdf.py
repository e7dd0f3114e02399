"""Minutes as a document for paper, in the reader's language: what was signed, by whom, and the QR code to check it."""

from __future__ import annotations

import io
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import segno

from consult_rooms.advice_model import AdviceKind, AdviceState
from consult_rooms.minutes import MinutesView
from consult_rooms.minutes_model import Addendum, Advised, Attendee, Seat
from consult_rooms.signatures import MOST_IN_PAYLOAD, payload
from foundation.i18n import N_, Language
from web.consult_labels import CONSULT_LABELS
from web.documents.repertoire import FONT, Setting

TEMPLATE = Path(__file__).with_name("minutes.typ")
_LINE = 68
"""Characters of a payload on a line beside its code."""
SEATS = {
    Seat.CHAIR: N_("Chair"),
    Seat.SECRETARY: N_("Secretary"),
    Seat.MEMBER: N_("Member"),
    Seat.PRESENT: N_("Present"),
}
SEXES = {"male": N_("Male"), "female": N_("Female"), "other": N_("Other sex")}
_WORDS = {
    "number": N_("No.:"),
    "state": N_("SOCIALIST REPUBLIC OF VIET NAM"),
    "motto": N_("Independence – Freedom – Happiness"),
    "patient": N_("1. Patient"),
    "people": N_("2. People of the consult"),
    "seat": N_("Part"),
    "name": N_("Full name"),
    "unit": N_("Unit"),
    "times": N_("In, out"),
    "summary": N_("3. Summary of the case and question"),
    "question": N_("Question"),
    "opinions": N_("4. Opinions"),
    "dissent": N_("Dissent"),
    "advice": N_("Advice, item by item"),
    "item": N_("Item of advice"),
    "answer": N_("The clinic's answer"),
    "conclusion": N_("5. Conclusion"),
    "plan": N_("6. What is to be done"),
    "what": N_("Task"),
    "who": N_("Responsible"),
    "page": N_("Page"),
    "qr": N_("QR code that holds the signatures"),
    "replaced": N_("Characters that this document's font does not have stand as code points:"),
}
TITLE = N_("Minutes of the remote consult")
STANDING = N_("Not locked: signed by %(count)s of %(all)s")
VERIFY = N_(
    "Check the signatures at %(address)s, also without a network. The code holds no name. Fingerprint of the signed "
    "document: %(digest)s"
)


def minutes_data(
    view: MinutesView, language: Language, zone: ZoneInfo, *, footer: str, address: str, demo: str = ""
) -> dict[str, object]:
    """What the template needs. `address` is where signatures are checked, `footer` the facility's legal footer.

    Only what was saved is set. Raises ValueError before the first save.
    """
    saved = view.saved
    if saved is None:
        raise ValueError("nothing was saved yet")
    told: dict[str, Any] = json.loads(saved.document)
    fit = Setting()
    content = saved.content
    opinions = [{"name": fit.text(one.name), "text": fit.text(one.text)} for one in content.opinions if not one.dissent]
    dissent = [{"name": fit.text(one.name), "text": fit.text(one.text)} for one in content.opinions if one.dissent]
    data: dict[str, object] = {
        "language": language.code,
        "font": FONT,
        "words": {name: language.text(text) for name, text in _WORDS.items()},
        "title": language.text(TITLE),
        "facility": fit.text(told["header"]["name"]),
        "code": told["consult"],
        "demo": demo,
        "subtitle": fit.text(_subtitle(told, language, zone)),
        "standing": ""
        if view.locked_at
        else language.text(STANDING, count=len(view.signatures), all=len(content.signers)),
        "patient": fit.text(patient_line(told["patient"], language, zone)),
        "people": [_person(one, fit, language, zone) for one in content.people],
        "question": fit.text(told["question"]),
        "summary": fit.text(content.summary),
        "opinions": opinions,
        "dissent": dissent,
        "advice": [_advised(one, fit, language, zone) for one in view.advice],
        "conclusion": fit.text(content.conclusion),
        "plan": [{"what": fit.text(one.what), "who": fit.text(one.who)} for one in content.plan],
        "addenda": [_addendum(one, fit, language, zone) for one in view.addenda],
        "signatures": [_signature(view, one, fit, language, zone) for one in content.signers],
        "codes": codes_of(view, language, address),
        "footer": fit.text(footer),
    }
    data["notes"] = [f"{code} {name}".strip() for code, name in fit.notes()]
    return data


def patient_line(told: dict[str, Any], language: Language, zone: ZoneInfo) -> str:
    """The patient of a document in one line; of the number the last four digits alone."""
    parts = [told["name"] or language.text(N_("Identity not established"))]
    if told["sex"] in SEXES:
        parts.append(language.text(SEXES[told["sex"]]))
    if told["birth_date"]:
        born = language.date(date.fromisoformat(told["birth_date"]), zone)
        parts.append(language.text(N_("born %(date)s"), date=born))
    if told["age"] is not None:
        parts.append(language.text(N_("%(age)s years old"), age=told["age"]))
    if told["number"]:
        parts.append(language.text(N_("CCCD %(number)s"), number=told["number"]))
    return ", ".join(parts)


def times_of(one: Attendee, language: Language, zone: ZoneInfo) -> str:
    """When somebody came and left, or why they do not sign."""
    if one.came_at is None:
        return one.absent
    came = language.time(one.came_at, zone)
    left = "" if one.left_at is None else language.time(one.left_at, zone)
    return f"{came}–{left}" + (f" ({one.absent})" if one.absent else "")


def _subtitle(told: dict[str, Any], language: Language, zone: ZoneInfo) -> str:
    parts = [told["specialty"], told["clinic"]["name"]]
    if told["starts"]:
        parts.append(language.moment(datetime.fromisoformat(told["starts"].replace("Z", "+00:00")), zone))
    return " · ".join(parts)


def _person(one: Attendee, fit: Setting, language: Language, zone: ZoneInfo) -> dict[str, str]:
    return {
        "seat": language.text(SEATS[one.seat]),
        "name": fit.text(one.name),
        "unit": fit.text(one.unit),
        "times": fit.text(times_of(one, language, zone)),
    }


def answer_line(one: Advised, language: Language, zone: ZoneInfo) -> str:
    """Who answered an item for the clinic, and when; empty while nobody has."""
    return "" if one.answered_at is None else f"{one.answered_by}, {language.moment(one.answered_at, zone)}"


def _advised(one: Advised, fit: Setting, language: Language, zone: ZoneInfo) -> dict[str, object]:
    return {
        "number": str(one.number),
        "kind": language.text(CONSULT_LABELS[AdviceKind][one.kind]),
        "text": fit.text(f"{one.text}: {one.dose}" if one.dose else one.text),
        "withdrawn": one.state is AdviceState.WITHDRAWN,
        "state": language.text(CONSULT_LABELS[AdviceState][one.state]),
        "reason": fit.text(one.reason),
        "by": fit.text(answer_line(one, language, zone)),
    }


def _signature(view: MinutesView, one: Attendee, fit: Setting, language: Language, zone: ZoneInfo) -> dict[str, str]:
    found = view.signed(one)
    state = N_("Signature missing") if found is None else N_("Signed at %(moment)s")
    return {
        "seat": language.text(SEATS[one.seat]),
        "name": fit.text(one.name),
        "state": language.text(state, moment="" if found is None else language.moment(found.at, zone)),
        "key": "" if found is None else f"Ed25519 · {found.key_id}",
    }


def _addendum(one: Addendum, fit: Setting, language: Language, zone: ZoneInfo) -> dict[str, str]:
    signed = language.text(N_("Signed at %(moment)s"), moment=language.moment(one.signature.at, zone))
    return {
        "title": language.text(N_("Addendum %(number)s"), number=one.number),
        "text": fit.text(one.text),
        "signed": fit.text(f"{one.author_name}, {one.author_unit} · {signed} · Ed25519 · {one.signature.key_id}"),
    }


def codes_of(view: MinutesView, language: Language, address: str) -> list[dict[str, str]]:
    """A code for the minutes and one for each addendum; none before the first signature."""
    if view.saved is None or not view.signatures:
        return []
    whole = payload(view.saved.digest, view.signatures[0].of, view.signatures[:MOST_IN_PAYLOAD])
    told = [(whole, view.saved.digest)]
    told += [(payload(one.digest, 1, (one.signature,), "author"), one.digest) for one in view.addenda]
    return [
        {
            "svg": qr_svg(text),
            "says": language.text(VERIFY, address=address, digest=digest),
            "payload": "\n".join(text[at : at + _LINE] for at in range(0, len(text), _LINE)),
        }
        for text, digest in told
    ]


def qr_svg(text: str) -> str:
    """A QR code (ISO/IEC 18004) as SVG, with its quiet zone."""
    made = io.BytesIO()
    segno.make(text, error="l", micro=False, boost_error=False).save(made, kind="svg", border=4, xmldecl=False)
    return made.getvalue().decode()
