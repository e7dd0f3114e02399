"""Every state against every act."""

from __future__ import annotations

import pytest

from consult_rooms.model import ConsultState, OfferState
from consult_rooms.transitions import CONSULT, OFFER, Act, after, before
from foundation.errors import Conflict

S, A = ConsultState, Act
LEADS = {
    (S.SCHEDULED, A.CANCEL): S.CANCELLED,
    (S.SCHEDULED, A.ASK): S.SCHEDULED,
    (S.SCHEDULED, A.IDENTIFY): S.SCHEDULED,
    (S.SCHEDULED, A.CONSENT): S.SCHEDULED,
    (S.SCHEDULED, A.RECORD): S.SCHEDULED,
    (S.SCHEDULED, A.MOVE): S.SCHEDULED,
    (S.SCHEDULED, A.MISS): S.CANCELLED,
    (S.SCHEDULED, A.OPEN): S.CLAIMED,
    (S.SCHEDULED, A.MEET): S.SCHEDULED,
    (S.RINGING, A.RING): S.RINGING,
    (S.RINGING, A.CLAIM): S.CLAIMED,
    (S.RINGING, A.CANCEL): S.CANCELLED,
    (S.RINGING, A.ASK): S.RINGING,
    (S.RINGING, A.IDENTIFY): S.RINGING,
    (S.RINGING, A.CONSENT): S.RINGING,
    (S.RINGING, A.RECORD): S.RINGING,
    (S.RINGING, A.CHARGE): S.RINGING,
    (S.WRITTEN, A.CHARGE): S.WRITTEN,
    (S.CLAIMED, A.LAPSE): S.RINGING,
    (S.CLAIMED, A.HAND_OVER): S.CLAIMED,
    (S.CLAIMED, A.IDENTIFY): S.CLAIMED,
    (S.CLAIMED, A.CONSENT): S.CLAIMED,
    (S.CLAIMED, A.RECORD): S.CLAIMED,
    (S.CLAIMED, A.MEET): S.CLAIMED,
    (S.CLAIMED, A.ADVISE): S.CLAIMED,
    (S.CLAIMED, A.READ_BACK): S.CLAIMED,
    (S.WRITTEN, A.READ_BACK): S.WRITTEN,
    (S.ENDED, A.READ_BACK): S.ENDED,
    (S.CLOSED, A.READ_BACK): S.CLOSED,
    (S.CLAIMED, A.END): S.ENDED,
    (S.CLAIMED, A.MISS): S.CANCELLED,
    (S.SCHEDULED, A.NOTE): S.SCHEDULED,
    (S.RINGING, A.NOTE): S.RINGING,
    (S.RINGING, A.WRITE): S.WRITTEN,
    (S.CLAIMED, A.NOTE): S.CLAIMED,
    (S.CLAIMED, A.WRITE): S.WRITTEN,
    (S.WRITTEN, A.TAKE): S.WRITTEN,
    (S.WRITTEN, A.RAISE): S.CLAIMED,
    (S.WRITTEN, A.RING_AGAIN): S.RINGING,
    (S.WRITTEN, A.CANCEL): S.CANCELLED,
    (S.WRITTEN, A.ASK): S.WRITTEN,
    (S.WRITTEN, A.IDENTIFY): S.WRITTEN,
    (S.WRITTEN, A.CONSENT): S.WRITTEN,
    (S.WRITTEN, A.RECORD): S.WRITTEN,
    (S.WRITTEN, A.NOTE): S.WRITTEN,
    (S.WRITTEN, A.ADVISE): S.WRITTEN,
    (S.WRITTEN, A.CLOSE): S.CLOSED,
    (S.ENDED, A.IDENTIFY): S.ENDED,
    (S.ENDED, A.CONSENT): S.ENDED,
    (S.ENDED, A.RECORD): S.ENDED,
    (S.ENDED, A.ADVISE): S.ENDED,
    (S.ENDED, A.CLOSE): S.CLOSED,
    (S.CLOSED, A.IDENTIFY): S.CLOSED,
}
CODES = {
    S.SCHEDULED: "consult.scheduled",
    S.RINGING: "consult.not_claimed",
    S.CLAIMED: "consult.claimed",
    S.WRITTEN: "consult.written",
    S.ENDED: "consult.ended",
    S.CLOSED: "consult.closed",
    S.CANCELLED: "consult.cancelled",
}


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("act", A)
def test_every_pair_leads_where_the_table_says_or_is_refused(state: ConsultState, act: Act) -> None:
    expected = LEADS.get((state, act))
    if expected is not None:
        assert after(state, act) is expected
    else:
        with pytest.raises(Conflict) as error:
            after(state, act)
        assert error.value.code == CODES[state]


def test_every_state_is_in_both_tables() -> None:
    assert set(CONSULT) == set(S)
    assert set(OFFER) == set(OfferState)
    assert OFFER[OfferState.ACCEPTED] == OFFER[OfferState.STOPPED] == {OfferState.RINGING}


def test_what_an_offer_can_come_from() -> None:
    answerable = {OfferState.RINGING, OfferState.LATER}
    said_no = {OfferState.DECLINED, OfferState.BUSY, OfferState.FORWARDED, OfferState.IN_CHARGE}
    assert set(before(OfferState.ACCEPTED)) == answerable | said_no
    assert set(before(OfferState.STOPPED)) == answerable
    assert all(set(before(answer)) == answerable for answer in said_no)
    assert set(before(OfferState.RINGING)) == {OfferState.LATER, OfferState.ACCEPTED, OfferState.STOPPED}
