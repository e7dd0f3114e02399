"""What a page needs of notices and calendars, in one hand."""

from __future__ import annotations

from dataclasses import dataclass

from consult_rooms.busy_calendars import BusyCalendars
from consult_rooms.calendar_feeds import CalendarFeeds
from consult_rooms.contact_desk import ContactDesk
from consult_rooms.dead_letters import DeadLetters
from notify.outbox import Outbox
from notify.wording import Wording


@dataclass(frozen=True, slots=True)
class Telling:
    """`outbox.channels` says which ways out this installation has."""

    outbox: Outbox
    wording: Wording
    contacts: ContactDesk
    dead_letters: DeadLetters
    feeds: CalendarFeeds
    busy: BusyCalendars
