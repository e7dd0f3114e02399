"""A consult as FHIR R4 resources: who, when and why, what was found and what is advised, and who signed it. Pure.

Every resource has an id and an identifier made of consult, person and place, so that a later version of the same
consult takes the place of the earlier one in any book, and nothing ever stands there twice. They come in an order in
which each refers only to those before it. A drug that was advised is a proposal (`intent`), and so is never read as
one that the patient takes. The Consent is about this consult (scope `treatment`): it opens and closes no book.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator
from datetime import UTC, datetime

from consult_rooms.advice_model import AdviceItem, AdviceKind, AdviceState
from consult_rooms.minutes_model import Saved
from consult_rooms.model import Consent, ConsentBy, Urgency
from consult_rooms.signatures import MOST_IN_PAYLOAD, payload, signed_file
from records_panel.consult_report import Report, Writer
from records_panel.fhir_reading import Json
from records_panel.references import SOURCE_PREFIX

CONSULT = "urn:hoichan:consult"
STAFF = "urn:hoichan:staff"
LICENCE = "urn:hoichan:cchn"
"""A licence to practise (chứng chỉ hành nghề, giấy phép hành nghề)."""
FACILITY = SOURCE_PREFIX.rstrip(":")
SIGNATURE_FORMAT = "application/vnd.hoichan.signature"
"""The payload of docs/signatures.md, which carries digest, key id and signature."""
_LOINC = "http://loinc.org"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_PRIORITY = {Urgency.EMERGENCY: "stat", Urgency.URGENT: "urgent", Urgency.ROUTINE: "routine"}
_CONSENTED = {
    ConsentBy.SELF: "người bệnh",
    ConsentBy.PROXY: "người đại diện",
    ConsentBy.GUARDIAN: "người giám hộ",
    ConsentBy.NOT_POSSIBLE: "không hỏi được",
}
_DRUG = {AdviceState.DONE: "completed", AdviceState.CANNOT: "cancelled", AdviceState.WITHDRAWN: "cancelled"}
_ORDER = {AdviceState.DONE: "completed", AdviceState.CANNOT: "revoked", AdviceState.WITHDRAWN: "revoked"}
_STEP = {
    AdviceState.OPEN: "not-started",
    AdviceState.WILL_DO: "scheduled",
    AdviceState.CANNOT: "cancelled",
    AdviceState.DONE: "completed",
    AdviceState.WITHDRAWN: "cancelled",
}


def identifier(report: Report, part: str) -> Json:
    """The identifier of one resource of a consult."""
    return {"system": CONSULT, "value": f"{report.consult_id}.{report.person}.{part}"}


def resources(report: Report) -> list[Json]:
    """All of them but the Patient, the Composition last but for the Provenance, which is about it."""
    made = [*_people(report), _asked(report), _encounter(report)]
    if report.consent is not None:
        made.append(_consent(report, report.consent))
    made += [_impression(report), *(_ordered(report, item) for item in _orders(report))]
    if plan := list(_activities(report)):
        made.append(_plan(report, plan))
    if report.minutes is not None:
        made.append(_signed(report, report.minutes))
    made.append(_composition(report, made))
    made.append(_provenance(report))
    return made


def voided(found: list[Json]) -> list[Json]:
    """The same as they stand in the book of somebody whom the consult was not about: in error, and saying nothing."""
    return [_void(one) for one in found if one["resourceType"] not in ("Organization", "Practitioner", "Provenance")]


def _void(one: Json) -> Json:
    kept = ("resourceType", "id", "identifier", "subject", "patient", "intent", "class", "scope", "category", "type")
    void = {name: one[name] for name in kept if name in one} | {"status": "entered-in-error"}
    match one["resourceType"]:
        case "ServiceRequest":
            void["code"] = {"text": "Nhập nhầm"}
        case "MedicationRequest":
            void["medicationCodeableConcept"] = {"text": "Nhập nhầm"}
        case "Composition":
            void |= {name: one[name] for name in ("date", "author")} | {"title": "Nhập nhầm"}
        case "DocumentReference":
            void["content"] = [{"attachment": {"contentType": "application/json", "title": "Nhập nhầm"}}]
        case "Consent":
            void["policyRule"] = one["policyRule"]
    return void


def _people(report: Report) -> Iterator[Json]:
    places = {one.facility_code: one.facility_name for one in (report.requester, report.specialist)}
    for code, name in places.items():
        yield {
            "resourceType": "Organization",
            "id": f"cskcb-{code}",
            "identifier": [{"system": FACILITY, "value": code}],
            "name": name,
        }
    writers = {one.staff_id: one for one in (report.requester, report.specialist)}
    for one in writers.values():
        licence = [{"system": LICENCE, "value": one.licence}] if one.licence else []
        yield {
            "resourceType": "Practitioner",
            "id": _plain(one.staff_id),
            "identifier": [{"system": STAFF, "value": one.staff_id}, *licence],
            "name": [{"text": one.name}],
        }


def _asked(report: Report) -> Json:
    question = report.question
    told = [question.situation, question.background, question.assessment, question.recommendation]
    asked = "\n".join(part for part in told if part)
    return {
        **_head(report, "ServiceRequest", "request"),
        "status": "completed",
        "intent": "order",
        "priority": _PRIORITY[report.urgency],
        "code": {"text": f"Hội chẩn từ xa: {report.specialty}"},
        "authoredOn": _at(report.asked_at),
        "requester": _who(report.requester),
        "performer": [_who(report.specialist)],
        **({"reasonCode": [{"text": question.line}]} if question.line else {}),
        **({"note": [{"text": asked}]} if asked else {}),
    }


def _encounter(report: Report) -> Json:
    return {
        **_head(report, "Encounter", "encounter"),
        "status": "finished",
        "class": {"system": _TERMINOLOGY + "v3-ActCode", "code": "VR", "display": "virtual"},
        "type": [{"text": f"Hội chẩn từ xa: {report.specialty}"}],
        "basedOn": [_ref(report, "ServiceRequest", "request")],
        "participant": [{"individual": _who(one)} for one in _both(report)],
        "period": {"start": _at(report.starts_at), "end": _at(report.ends_at)},
        **({"reasonCode": [{"text": report.question.line}]} if report.question.line else {}),
        "serviceProvider": _place(report.specialist),
    }


def _consent(report: Report, consent: Consent) -> Json:
    opened = "đồng ý cho xem" if consent.record_view else "không cho xem"
    said = f"Đồng ý hội chẩn: {'có' if consent.consult else 'không'}; hồ sơ sức khỏe: {opened}"
    return {
        **_head(report, "Consent", "consent", subject="patient"),
        "status": "active" if consent.consult else "rejected",
        "scope": {"coding": [{"system": _TERMINOLOGY + "consentscope", "code": "treatment"}]},
        "category": [{"text": f"{said} ({_CONSENTED[consent.by]})"}],
        "dateTime": _at(report.asked_at),
        "organization": [_place(report.requester)],
        "policyRule": {"text": "Hội chẩn từ xa"},
        "provision": {"type": "permit" if consent.consult else "deny"},
    }


def _impression(report: Report) -> Json:
    return {
        **_head(report, "ClinicalImpression", "impression"),
        "status": "completed",
        "description": f"Ý kiến hội chẩn {report.specialty}",
        "encounter": _ref(report, "Encounter", "encounter"),
        "effectiveDateTime": _at(report.closed_at),
        "date": _at(report.closed_at),
        "assessor": _who(report.specialist),
        "summary": report.opinion,
    }


def _orders(report: Report) -> list[AdviceItem]:
    orders = (AdviceKind.DRUG, AdviceKind.TEST, AdviceKind.REFERRAL)
    return [one for one in report.items if one.kind in orders]


def _ordered(report: Report, item: AdviceItem) -> Json:
    """A drug as a proposal to prescribe, a test or a referral as a proposal to order."""
    is_drug = item.kind is AdviceKind.DRUG
    made = {
        **_head(report, "MedicationRequest" if is_drug else "ServiceRequest", f"item-{item.number}"),
        "status": (_DRUG if is_drug else _ORDER).get(item.state, "active"),
        "intent": "proposal",
        "encounter": _ref(report, "Encounter", "encounter"),
        "authoredOn": _at(item.changed_at),
        "requester": _who(report.specialist),
    }
    if is_drug:
        made["medicationCodeableConcept"] = {"text": item.text}
        if item.dose:
            made["dosageInstruction"] = [{"text": item.dose}]
        if item.reason:
            made["statusReason"] = {"text": item.reason}
    else:
        made["code"] = {"text": item.text}
        kind = "xét nghiệm, thăm dò" if item.kind is AdviceKind.TEST else "chuyển tuyến"
        made["category"] = [{"text": kind}]
        if item.reason:
            made["note"] = [{"text": item.reason}]
    return made


def _activities(report: Report) -> Iterator[Json]:
    """The plan: items in their order, then what the minutes say who does."""
    for item in report.items:
        if item.kind in (AdviceKind.DRUG, AdviceKind.TEST, AdviceKind.REFERRAL):
            kind = "MedicationRequest" if item.kind is AdviceKind.DRUG else "ServiceRequest"
            yield {"reference": _ref(report, kind, f"item-{item.number}")}
            continue
        label = "Theo dõi: " if item.kind is AdviceKind.WATCH else ""
        detail: Json = {"status": _STEP[item.state], "description": label + item.text}
        if item.reason:
            detail["statusReason"] = {"text": item.reason}
        yield {"detail": detail}
    for task in report.minutes.content.plan if report.minutes is not None else ():
        detail = {"status": "scheduled", "description": task.what}
        if task.who:
            detail["performer"] = [{"display": task.who}]
        yield {"detail": detail}


def _plan(report: Report, activities: list[Json]) -> Json:
    return {
        **_head(report, "CarePlan", "plan"),
        "status": "active",
        "intent": "proposal",
        "title": f"Việc cần làm sau hội chẩn {report.code}",
        "encounter": _ref(report, "Encounter", "encounter"),
        "created": _at(report.closed_at),
        "author": _who(report.specialist),
        "activity": activities,
    }


def _signed(report: Report, minutes: Saved) -> Json:
    """The signed minutes as they were signed, to be checked by whoever has them (docs/signatures.md)."""
    carried = payload(minutes.digest, report.signatures[0].of, report.signatures)
    content = base64.b64encode(signed_file(minutes.document, carried).encode()).decode()
    return {
        **_head(report, "DocumentReference", "minutes"),
        "status": "current",
        "docStatus": "final",
        "type": {"coding": [{"system": _LOINC, "code": "11488-4"}], "text": "Biên bản hội chẩn"},
        "date": _at(report.locked_at or report.closed_at),
        "author": [_who(report.specialist)],
        "description": f"Biên bản hội chẩn {report.code}, đã ký",
        "content": [{"attachment": {"contentType": "application/json", "data": content, "title": "Biên bản đã ký"}}],
        "context": {"encounter": [_ref(report, "Encounter", "encounter")]},
    }


def _composition(report: Report, made: list[Json]) -> Json:
    minutes, question = report.minutes, report.question
    told = [question.situation, question.background, question.assessment, question.recommendation]
    sections = [
        _section("Lý do hội chẩn", "\n".join(part for part in told if part), "42349-1"),
        _section("Ý kiến chuyên gia", report.opinion, "51848-0"),
    ]
    if minutes is not None:
        voices = [
            f"{one.name}{' (ý kiến khác)' if one.dissent else ''}: {one.text}" for one in minutes.content.opinions
        ]
        sections += [
            _section("Các ý kiến", "\n".join(voices), ""),
            _section("Kết luận", minutes.content.conclusion, "55110-1"),
        ]
    numbered = [f"{one.number}. {_worded(one)}" for one in report.items]
    plan = [f"{one.what} ({one.who})" if one.who else one.what for one in minutes.content.plan] if minutes else []
    sections.append(_section("Việc cần làm", "\n".join([*numbered, *plan]), "18776-5"))
    sections += [
        _section(f"Bổ sung {one.number}", f"{one.author_name}, {one.author_unit}: {one.text}", "")
        for one in report.addenda
    ]
    parts = [one for one in made if one["resourceType"] not in ("Organization", "Practitioner")]
    entries = [{"reference": f"{one['resourceType']}/{one['id']}"} for one in parts]
    entry = {"title": "Dữ liệu có cấu trúc", "entry": entries}
    moments = [report.closed_at, report.locked_at or report.closed_at, *(one.signature.at for one in report.addenda)]
    return {
        **_head(report, "Composition", "composition"),
        "identifier": identifier(report, "composition"),
        "status": "amended" if report.addenda else "final" if minutes is not None else "preliminary",
        "type": {"coding": [{"system": _LOINC, "code": "11488-4"}], "text": "Hội chẩn từ xa"},
        "encounter": _ref(report, "Encounter", "encounter"),
        "date": _at(max(moments)),
        "author": [_who(report.specialist)],
        "title": f"Hội chẩn từ xa {report.code}: {report.specialty}",
        "custodian": _place(report.specialist),
        "section": [*filter(None, sections), entry],
    }


def _section(title: str, text: str, code: str) -> Json:
    if not text:
        return {}
    said = "<br/>".join(html.escape(line, quote=False) for line in text.split("\n"))
    made: Json = {
        "title": title,
        "text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{said}</div>'},
    }
    return made | ({"code": {"coding": [{"system": _LOINC, "code": code}]}} if code else {})


def _worded(item: AdviceItem) -> str:
    states = {
        AdviceState.WILL_DO: "sẽ làm",
        AdviceState.CANNOT: "không làm được",
        AdviceState.DONE: "đã làm",
        AdviceState.WITHDRAWN: "đã rút",
    }
    state = ", ".join(part for part in (states.get(item.state, ""), item.reason) if part)
    return f"{item.wording} ({state})" if state else item.wording


def _provenance(report: Report) -> Json:
    """Who wrote it; with locked minutes also the signatures, each with everything that its check needs."""
    author = {"coding": [{"system": _TERMINOLOGY + "provenance-participant-type", "code": "author"}]}
    made: Json = {
        "resourceType": "Provenance",
        "id": _id(report, "provenance"),
        "target": [_ref(report, "Composition", "composition")],
        "recorded": _at(report.locked_at or report.closed_at),
        "agent": [{"type": author, "who": _who(report.specialist), "onBehalfOf": _place(report.specialist)}],
    }
    minutes = report.minutes
    if minutes is None:
        return made
    made["target"].append(_ref(report, "DocumentReference", "minutes"))
    names = {one.staff_id: one.name for one in minutes.content.signers}
    known = {one.staff_id: _who(one) for one in _both(report)}
    made["signature"] = [
        {
            # ASTM E1762: of whoever answers for the document, and of whoever took part in it.
            "type": [{"system": "urn:iso-astm:E1762-95:2013", "code": f"1.2.840.10065.1.12.1.{kind}"}],
            "when": _at(one.at),
            "who": known.get(one.staff_id) or {"display": names[one.staff_id]},
            "targetFormat": "application/json",
            "sigFormat": SIGNATURE_FORMAT,
            "data": base64.b64encode(payload(minutes.digest, one.of, (one,)).encode()).decode(),
        }
        for one in report.signatures[:MOST_IN_PAYLOAD]
        for kind in ("1" if one.seat.value == "chair" else "2",)
    ]
    return made


def _head(report: Report, kind: str, part: str, *, subject: str = "subject") -> Json:
    return {
        "resourceType": kind,
        "id": _id(report, part),
        "identifier": [identifier(report, part)],
        subject: {"reference": f"Patient/{report.patient.patient_id}"},
    }


def _id(report: Report, part: str) -> str:
    return f"{report.consult_id.rpartition('_')[2]}-{report.person}-{part}"


def _ref(report: Report, kind: str, part: str) -> Json:
    return {"reference": f"{kind}/{_id(report, part)}"}


def _who(one: Writer) -> Json:
    return {"reference": f"Practitioner/{_plain(one.staff_id)}", "display": one.name}


def _place(one: Writer) -> Json:
    return {"reference": f"Organization/cskcb-{one.facility_code}", "display": one.facility_name}


def _both(report: Report) -> list[Writer]:
    return list({one.staff_id: one for one in (report.requester, report.specialist)}.values())


def _plain(id_: str) -> str:
    return id_.replace("_", "-")


def _at(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
