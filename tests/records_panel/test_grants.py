"""The one function that decides what of a book is open to whom: a table of cases, without a store."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from consult_rooms.model import Consent, ConsentBy, ConsultState, IdentityState, ParticipantRole
from foundation.ids import ConsultId, FacilityId, GlassId, PatientId, StaffId
from identity.model import Role, Sensitivity
from records_panel.consents import directives
from records_panel.glass import Glass, GlassReason
from records_panel.grants import Asked, Decision, Ground, Limits, Purpose, Why, decide
from tests.consult_rooms.conftest import PATIENT, UNKNOWN_WOMAN
from tests.consult_rooms.test_access import BOOKED, CLAIMED, CLINIC, HUB, MINUTE, NOW, OBSERVER, PLACE, RINGING, member
from tests.records_panel.directives import DENY, DENY_EMERGENCY, DENY_LABORATORY, PERMIT_HUB, consent

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
LIMITS = Limits()
FOREIGN = FacilityId("foreign")
LINKED = FacilityId("linked")
REFUSED = Consent(consult=True, record_view=False, by=ConsentBy.SELF)
UNASKED = Consent(consult=False, record_view=False, by=ConsentBy.NOT_POSSIBLE)
HA = replace(member("ha"), licence_expires=date(2030, 1, 1))
LAN = replace(member("lan", CLINIC, Role.RURAL_DOCTOR), licence_number=None)
THERE = replace(PLACE, staff_id=LAN.id, role=ParticipantRole.REQUESTER)
INVITED = replace(PLACE, role=ParticipantRole.INVITED)
WITH_BOOK = replace(OBSERVER, sees_book=True)
CLOSED = replace(CLAIMED, state=ConsultState.CLOSED)
CANCELLED = replace(CLAIMED, state=ConsultState.CANCELLED)
HIV, PSY, VERY = Sensitivity.HIV, Sensitivity.PSYCHIATRIC, Sensitivity.VERY_RESTRICTED
ALL = frozenset(Sensitivity)


def glass(reason: GlassReason = GlassReason.DANGER, **changes: Any) -> Glass:
    assert PATIENT.patient_id is not None
    at = NOW + MINUTE
    made = Glass(
        GlassId("gls_1"), HA.id, PATIENT.patient_id, CLAIMED.id, HUB, reason, at, at + LIMITS.glass, at + LIMITS.review
    )
    return replace(made, **changes)


OUTSIDE: dict[str, Any] = {
    "consult": None,
    "participant": None,
    "hub_ids": frozenset(),
    "outside": PATIENT.patient_id,
}


def asked(**changes: Any) -> Asked:
    """The specialist of a case taken a minute ago, with a book that says nothing of consents."""
    usual = Asked(HA, CLAIMED, PLACE, frozenset({HUB, LINKED}), NOW + MINUTE, date(2026, 11, 23), directives=())
    return replace(usual, **changes)


def book(*consents: dict[str, Any]) -> dict[str, Any]:
    """Changes of `asked`: the Consents that the book holds, and who reads as they name people."""
    bundle = {"resourceType": "Bundle", "entry": [{"resource": one} for one in consents]}
    return {"directives": directives(bundle, ZONE), "facility_code": "51001"}


OPEN_BY_CONSULT = [
    ("the specialist, from the claim", {"now": NOW}),
    ("until a day has passed", {"now": NOW + DAY - MINUTE}),
    ("the requester", {"person": LAN, "participant": THERE}),
    ("an invited doctor of a linked hospital", {"person": replace(HA, facility_id=LINKED), "participant": INVITED}),
    ("an observer who was given the book", {"participant": WITH_BOOK}),
    ("a coordinator who took the case", {"person": replace(HA, roles=frozenset({Role.COORDINATOR}))}),
    ("after the call, before the opinion is closed", {"consult": replace(CLAIMED, state=ConsultState.ENDED)}),
    ("in writing, once a specialist has taken the case", {"consult": replace(CLAIMED, state=ConsultState.WRITTEN)}),
    ("when nobody could be asked for consent", {"consult": replace(CLAIMED, consent=UNASKED)}),
    ("half an hour before a booked time", {"consult": BOOKED, "now": NOW - 30 * MINUTE}),
    ("a day after a booked time, less a minute", {"consult": BOOKED, "now": NOW + DAY - MINUTE}),
    ("where the book permits it besides", book(PERMIT_HUB)),
    ("where a consent denies another facility", book(consent("deny", facility="79999"))),
    ("where a denial has run out", book(consent("deny", period={"end": "2026-11-22"}))),
    ("where a denial is about research", book(consent("deny", purpose=["HRESCH"]))),
    ("where a denial is not in force", book(consent("deny", status="inactive"))),
    ("where an advance directive denies a treatment", book(consent("deny", scope="adr", category="acd"))),
]
CLOSED_CASES = [
    ("a temporary identity", {"consult": replace(CLAIMED, patient=UNKNOWN_WOMAN)}, Why.NOT_ESTABLISHED),
    (
        "a temporary identity with a book",
        {"consult": replace(CLAIMED, patient=replace(PATIENT, identity=IdentityState.TEMPORARY))},
        Why.NOT_ESTABLISHED,
    ),
    ("no book", {"consult": replace(CLAIMED, patient=replace(PATIENT, patient_id=None))}, Why.NOT_ESTABLISHED),
    ("an account out of use", {"person": replace(HA, active=False)}, Why.ROLE),
    ("a first password that stands", {"person": replace(HA, must_change_password=True)}, Why.ROLE),
    ("an administrator", {"person": replace(HA, roles=frozenset({Role.ADMINISTRATOR}))}, Why.ROLE),
    ("an officer", {"person": replace(HA, roles=frozenset({Role.DATA_PROTECTION_OFFICER}))}, Why.ROLE),
    *(("another purpose", {"purpose": one}, Why.PURPOSE) for one in Purpose if one is not Purpose.TREATMENT),
    ("no place in the consult", {"participant": None}, Why.NO_PLACE),
    ("another person's place", {"person": LAN}, Why.NO_PLACE),
    ("a place in another consult", {"participant": replace(PLACE, consult_id=ConsultId("x"))}, Why.NO_PLACE),
    ("an observer without the book", {"participant": OBSERVER}, Why.NO_PLACE),
    ("a facility that is not of the consult", {"person": replace(HA, facility_id=FOREIGN)}, Why.FACILITY),
    ("a refusal", {"consult": replace(CLAIMED, consent=REFUSED)}, Why.REFUSED),
    ("before the claim", {"now": NOW - MINUTE}, Why.NOT_YET),
    ("while it rings", {"consult": RINGING}, Why.NOT_YET),
    ("in writing, while nobody has taken it", {"consult": replace(RINGING, state=ConsultState.WRITTEN)}, Why.NOT_YET),
    ("31 minutes before a booked time", {"consult": BOOKED, "now": NOW - 31 * MINUTE}, Why.NOT_YET),
    (
        "a booked one that was taken early",
        {"consult": replace(BOOKED, state=ConsultState.CLAIMED, claimed_at=NOW), "now": NOW - 40 * MINUTE},
        Why.NOT_YET,
    ),
    ("a closed opinion", {"consult": CLOSED}, Why.OVER),
    ("a cancelled case", {"consult": CANCELLED}, Why.OVER),
    ("a day after the claim", {"now": NOW + DAY}, Why.EXPIRED),
    ("a day after a booked time", {"consult": BOOKED, "now": NOW + DAY}, Why.EXPIRED),
    ("the book denies it to all", book(DENY), Why.DENIED),
    ("the book denies it to this hospital", book(consent("deny", facility="51001")), Why.DENIED),
    ("the book denies it to whoever cannot be told", book(consent("deny", actor="Organization/gone")), Why.DENIED),
    ("a denial outweighs a permission", book(PERMIT_HUB, DENY), Why.DENIED),
    ("opted out, but for another", book(consent(None, policy="OPTOUT", facility="79999")), Why.DENIED),
    ("opted in, but for this one", book(consent(None, policy="OPTIN", facility="51001")), Why.DENIED),
    (
        "the refusal at the bedside outweighs",
        {"consult": replace(CLAIMED, consent=REFUSED)} | book(PERMIT_HUB),
        Why.REFUSED,
    ),
    ("permitted, but to another", {"consult": CLOSED} | book(consent("permit", facility="79999")), Why.OVER),
    ("permitted, to nobody in particular", {"consult": CLOSED} | book(consent("permit")), Why.OVER),
    ("permitted, for a part", {"consult": CLOSED} | book(consent("permit", facility="51001", label="HIV")), Why.OVER),
    (
        "permitted, for a span of the data",
        {"consult": CLOSED} | book(consent("permit", facility="51001", dataPeriod={"start": "2020"})),
        Why.OVER,
    ),
    ("permitted, but an observer", {"consult": CLOSED, "participant": WITH_BOOK} | book(PERMIT_HUB), Why.OVER),
    (
        "permitted until yesterday",
        {"consult": CLOSED} | book(consent("permit", facility="51001", period={"end": "2026-11-22"})),
        Why.OVER,
    ),
]


def ids(cases: list[Any]) -> list[str]:
    return [case[0] for case in cases]


@pytest.mark.parametrize(("case", "changes"), OPEN_BY_CONSULT, ids=ids(OPEN_BY_CONSULT))
def test_open_by_the_consult(case: str, changes: dict[str, Any]) -> None:
    decision = decide(asked(**changes), LIMITS)
    assert (decision.why, decision.ground, decision.glass) == (Why.OPEN, Ground.CONSULT, None), case
    assert decision.until == NOW + DAY
    assert decision.kinds == frozenset()
    assert decision.withheld == ALL


@pytest.mark.parametrize(("case", "changes", "why"), CLOSED_CASES, ids=ids(CLOSED_CASES))
def test_closed(case: str, changes: dict[str, Any], why: Why) -> None:
    decision = decide(asked(**changes), LIMITS)
    assert decision.why is why, case
    assert not decision.opens
    assert (decision.ground, decision.until, decision.kinds, decision.glass) == (None, None, frozenset(), None)
    assert not decision.pending


def test_limits_are_settings() -> None:
    shorter = Limits(grant=3 * HOUR, before=5 * MINUTE)
    assert decide(asked(now=NOW + 3 * HOUR - MINUTE), shorter).opens
    assert decide(asked(now=NOW + 3 * HOUR), shorter).why is Why.EXPIRED
    assert decide(asked(consult=BOOKED, now=NOW - 6 * MINUTE), shorter).why is Why.NOT_YET
    assert decide(asked(consult=BOOKED, now=NOW - 5 * MINUTE), shorter).opens


@pytest.mark.parametrize("changes", [{"consult": CLOSED}, {"now": NOW + DAY}, {"consult": CANCELLED}])
def test_what_is_over_waits_for_the_books_consents(changes: dict[str, Any]) -> None:
    assert decide(asked(**changes, directives=None), LIMITS).pending
    decision = decide(asked(**changes | book(PERMIT_HUB)), LIMITS)
    assert (decision.why, decision.ground) == (Why.OPEN, Ground.CONSENT)
    assert decision.until is not None
    assert decision.until.astimezone(ZONE).date() == date(2027, 1, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"participant": None},
        {"participant": OBSERVER},
        {"consult": RINGING},
        {"consult": replace(CLAIMED, consent=REFUSED)},
        {"consult": CLOSED, "participant": WITH_BOOK},
        {"person": replace(HA, facility_id=FOREIGN)},
    ],
)
def test_no_consent_opens_what_was_never_theirs(changes: dict[str, Any]) -> None:
    assert not decide(asked(**changes, directives=None), LIMITS).pending
    assert not decide(asked(**changes | book(PERMIT_HUB)), LIMITS).opens


GLASS_OPENS = [
    ("a closed consult", {"consult": CLOSED}),
    ("a day later", {"now": NOW + DAY, "glass": glass(at=NOW + DAY, until=NOW + DAY + 4 * HOUR)}),
    ("until the last minute", {"consult": CLOSED, "now": NOW + 4 * HOUR}),
    ("a refusal at the bedside", {"consult": replace(CLAIMED, consent=REFUSED)}),
    ("a denial in the book", book(DENY)),
    ("an observer who is a doctor", {"participant": OBSERVER}),
    ("a colleague at the hospital, in no place", {"participant": None}),
    ("while it rings, at the requesting clinic", {"consult": RINGING, "person": replace(HA, facility_id=CLINIC)}),
    ("an invited doctor of a linked hospital", {"person": replace(HA, facility_id=LINKED), "participant": OBSERVER}),
    ("outside any consult", OUTSIDE),
    ("outside any consult, whatever the facility", OUTSIDE | {"person": replace(HA, facility_id=FOREIGN)}),
]
GLASS_DOES_NOT = [
    ("outside any consult, a coordinator", OUTSIDE | {"person": replace(HA, roles=frozenset({Role.COORDINATOR}))}),
    ("outside any consult, without a licence", OUTSIDE | {"person": replace(HA, licence_number=None)}),
    ("outside any consult, another patient", OUTSIDE | {"outside": PatientId("pat_x")}),
    ("outside any consult, nobody", OUTSIDE | {"outside": None}),
    ("outside any consult, run out", OUTSIDE | {"now": NOW + MINUTE + 4 * HOUR}),
    ("a temporary identity", {"consult": replace(CLOSED, patient=UNKNOWN_WOMAN)}),
    ("another patient", {"glass": glass(patient_id=PatientId("pat_x"))}),
    ("another person's", {"glass": glass(staff_id=StaffId("x"))}),
    ("run out", {"now": NOW + MINUTE + 4 * HOUR}),
    ("not begun", {"now": NOW}),
    ("a coordinator", {"person": replace(HA, roles=frozenset({Role.COORDINATOR}))}),
    ("an administrator", {"person": replace(HA, roles=frozenset({Role.ADMINISTRATOR}))}),
    ("an account out of use", {"person": replace(HA, active=False)}),
    ("a licence that has run out", {"person": replace(HA, licence_expires=date(2026, 11, 22))}),
    ("a specialist without a licence", {"person": replace(HA, licence_number=None)}),
    ("a clinician of elsewhere", {"person": replace(HA, facility_id=FOREIGN)}),
    ("a clinician of a linked hospital, in no place", {"person": replace(HA, facility_id=LINKED), "participant": None}),
    ("for research", {"purpose": Purpose.RESEARCH}),
    ("a denial that speaks of emergencies", book(DENY_EMERGENCY)),
]


@pytest.mark.parametrize(("case", "changes"), GLASS_OPENS, ids=ids(GLASS_OPENS))
def test_breaking_the_glass_opens(case: str, changes: dict[str, Any]) -> None:
    closed = decide(asked(**changes), LIMITS) if "glass" not in changes else None
    decision = decide(asked(**{"consult": CLOSED, "glass": glass()} | changes), LIMITS)
    assert (decision.why, decision.ground, decision.purpose) == (
        Why.OPEN,
        Ground.BREAK_GLASS,
        Purpose.BREAK_THE_GLASS,
    ), case
    assert decision.glass is not None
    assert decision.until == decision.glass.until
    assert decision.kinds == frozenset()
    if closed is not None:
        assert closed.breakable
        assert not closed.opens


@pytest.mark.parametrize(("case", "changes"), GLASS_DOES_NOT, ids=ids(GLASS_DOES_NOT))
def test_breaking_the_glass_does_not_open(case: str, changes: dict[str, Any]) -> None:
    decision = decide(asked(**{"consult": CLOSED, "glass": glass()} | changes), LIMITS)
    assert not decision.opens, case
    assert decision.glass is None


def shown(**changes: Any) -> Decision:
    return decide(asked(**changes), LIMITS)


def test_scopes_open_their_kinds_and_nothing_else() -> None:
    assert shown(person=replace(HA, sensitivities=frozenset({HIV}))).kinds == {HIV}
    assert shown(person=replace(HA, sensitivities=frozenset({HIV}))).withheld == ALL - {HIV}
    assert shown(person=replace(HA, sensitivities=ALL)).withheld == frozenset()
    # A scope opens no book.
    assert shown(person=replace(HA, sensitivities=ALL), consult=CLOSED).kinds == frozenset()


def test_an_emergency_opens_restricted_entries_only_by_the_reason_that_says_so() -> None:
    scoped = replace(HA, sensitivities=frozenset({PSY}))
    for reason in GlassReason:
        opened = shown(person=scoped, consult=CLOSED, glass=glass(reason))
        assert opened.kinds == (ALL - {VERY} if reason is GlassReason.RESTRICTED else {PSY})
    # Very restricted ones take the scope, whatever the reason.
    with_scope = replace(HA, sensitivities=frozenset({VERY}))
    assert shown(person=with_scope, consult=CLOSED, glass=glass(GlassReason.RESTRICTED)).kinds == ALL


def test_in_an_open_book_an_emergency_counts_only_where_it_adds_something() -> None:
    plain = shown(glass=glass(GlassReason.DANGER))
    assert (plain.ground, plain.glass, plain.purpose) == (Ground.CONSULT, None, Purpose.TREATMENT)
    more = shown(glass=glass(GlassReason.RESTRICTED))
    assert (more.ground, more.kinds, more.purpose) == (Ground.CONSULT, ALL - {VERY}, Purpose.BREAK_THE_GLASS)
    assert shown().breakable
    assert not shown(person=replace(HA, sensitivities=ALL)).breakable


def test_a_consent_withholds_a_part_also_in_an_emergency() -> None:
    (portion,) = shown(**book(DENY_LABORATORY)).portions
    assert portion.types == {"DiagnosticReport"}
    assert shown(**{"consult": CLOSED, "glass": glass()} | book(DENY_LABORATORY)).portions == (portion,)


def test_nobody_reads_by_a_right_that_no_rule_names() -> None:
    """Every combination of role, place and state; open only where a participant with the book is in an open consult."""
    for role in Role:
        for participant in (None, PLACE, OBSERVER, WITH_BOOK, INVITED):
            for state in ConsultState:
                person = replace(HA, roles=frozenset({role}))
                consult = replace(CLAIMED, state=state)
                decision = shown(person=person, participant=participant, consult=consult)
                clinical = role in (Role.RURAL_DOCTOR, Role.SPECIALIST, Role.COORDINATOR)
                placed = participant is not None and participant.sees_book
                # A written case that somebody took is one too; what nobody took opens nothing, whatever its state.
                taken = (ConsultState.CLAIMED, ConsultState.WRITTEN, ConsultState.ENDED, ConsultState.SCHEDULED)
                assert decision.opens is (clinical and placed and state in taken)
                untaken = replace(consult, specialist_id=None, specialist_facility_id=None, claimed_at=None)
                assert not shown(person=person, participant=participant, consult=untaken).opens
