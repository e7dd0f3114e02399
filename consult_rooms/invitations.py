"""Appointments as calendars know them: one VEVENT, the same in an invitation (RFC 5546) and in a subscription.

The UID is the appointment's id. The SEQUENCE follows its version, twice, so that taking a time away (a cancellation, an
emergency) lies between the invitation before and the one after. No patient, question or specialty stands in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from icalendar import Calendar, Event, vCalAddress, vText

from foundation.i18n import N_, Language, Languages
from notify.mail import CalendarPart
from notify.notice import Message, NoticeKind

PRODUCT = "-//Hoichan//Hoichan//VI"
REFRESH = timedelta(minutes=30)
"""How often a calendar program is asked to come for a subscription again (RFC 7986 §5.7)."""

_CANCELS = frozenset({NoticeKind.CANCELLED, NoticeKind.DISPLACED})
_INVITES = frozenset({NoticeKind.BOOKED, NoticeKind.MOVED})


@dataclass(frozen=True, slots=True)
class Entry:
    """An appointment in somebody's calendar."""

    appointment_id: str
    version: int
    code: str
    clinic: str
    hospital: str
    starts_at: datetime
    ends_at: datetime
    path: str
    stamped_at: datetime
    cancelled: bool = False

    @property
    def sequence(self) -> int:
        """The SEQUENCE (RFC 5545 §3.8.7.4)."""
        return 2 * self.version + (1 if self.cancelled else 0)


class Invitations:
    """Makes the calendar's part of mails. `organizer` is the installation's mail address, `site` its origin."""

    def __init__(self, languages: Languages, organizer: str, site: str) -> None:
        self._languages = languages
        self._organizer = organizer
        self._site = site

    def part(self, message: Message, address: str) -> CalendarPart | None:
        """For the attendee with that address; None for a message that is no invitation and takes none back."""
        if message.kind not in _CANCELS | _INVITES:
            return None
        cancels, values = message.kind in _CANCELS, message.values
        entry = Entry(
            message.about,
            message.version,
            values["code"],
            values["clinic"],
            values["hospital"],
            datetime.fromisoformat(values["starts_at"]),
            datetime.fromisoformat(values["ends_at"]),
            message.path,
            message.created_at,
            cancelled=cancels,
        )
        calendar = _calendar()
        method = "CANCEL" if cancels else "REQUEST"
        calendar.add("method", method)
        event = _event(entry, self._languages.get(message.language), self._site)
        event["organizer"] = vCalAddress(f"mailto:{self._organizer}")
        event["organizer"].params["CN"] = vText("Hoichan")
        attendee = vCalAddress(f"mailto:{address}")
        attendee.params |= {"ROLE": vText("REQ-PARTICIPANT"), "PARTSTAT": vText("ACCEPTED"), "RSVP": vText("FALSE")}
        event.add("attendee", attendee, encode=False)
        calendar.add_component(event)
        return CalendarPart(method, calendar.to_ical().decode())


def subscription(entries: Iterable[Entry], language: Language, site: str, name: str) -> bytes:
    """A whole calendar to subscribe to, of that name. The same entries give the same bytes."""
    calendar = _calendar()
    calendar.add("name", name)
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", f"PT{int(REFRESH.total_seconds() // 60)}M")
    for entry in entries:
        calendar.add_component(_event(entry, language, site))
    made: bytes = calendar.to_ical()
    return made


def _calendar() -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    return calendar


def _event(entry: Entry, language: Language, site: str) -> Event:
    event = Event()
    event.add("uid", f"{entry.appointment_id}@hoichan")
    event.add("sequence", entry.sequence)
    event.add("dtstamp", entry.stamped_at.astimezone(UTC).replace(microsecond=0))
    event.add("dtstart", entry.starts_at.astimezone(UTC))
    event.add("dtend", entry.ends_at.astimezone(UTC))
    event.add("summary", language.text(SUMMARY, code=entry.code))
    event.add("description", language.text(DESCRIPTION, clinic=entry.clinic, hospital=entry.hospital))
    event.add("url", site + entry.path)
    event.add("class", "PRIVATE")
    event.add("transp", "TRANSPARENT" if entry.cancelled else "OPAQUE")
    event.add("status", "CANCELLED" if entry.cancelled else "CONFIRMED")
    return event


SUMMARY = N_("Remote consult %(code)s")
DESCRIPTION = N_("%(clinic)s with %(hospital)s, in Hoichan")
