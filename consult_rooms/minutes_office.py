"""Everything about minutes in one hand, for those who wire and those who ask."""

from __future__ import annotations

from dataclasses import dataclass

from consult_rooms.minutes import Minutes
from consult_rooms.minutes_drafts import MinutesDrafts
from consult_rooms.minutes_signing import MinutesSigning
from consult_rooms.signing_keys import KeyRing
from consult_rooms.trust_list import TrustList


@dataclass(frozen=True, slots=True)
class MinutesOffice:
    """Minutes, what is typed into them, their signatures, the keys that sign, and the list by which others check."""

    minutes: Minutes
    drafts: MinutesDrafts
    signing: MinutesSigning
    keys: KeyRing
    trust: TrustList
