"""E-mail: a text and, for appointments, the calendar's part (RFC 6047), handed to the installation's SMTP server.

The Message-ID is made of the notice's id and the Date is that of the notice, so that a message that was sent twice is
one message: half a delivery (the server took it and the line broke before it said so) is repeated as the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from typing import Literal

import aiosmtplib

from notify.carrier import NOWHERE, TAKEN, Carrier, Receipt, Verdict
from notify.contacts import Contacts
from notify.notice import Message

TIMEOUT_S = 20.0
"""Of each step of the conversation; `notify.delivery` bounds the whole."""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail goes. `tls`: `starttls` (RFC 3207), `tls` from the first byte (RFC 8314), or `none` on an own net."""

    host: str
    port: int
    sender: str
    """The address that mail comes from."""
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: str = ""

    @property
    def domain(self) -> str:
        """Of the sender."""
        return self.sender.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class CalendarPart:
    """An iCalendar object and its METHOD (RFC 5546), such as REQUEST."""

    method: str
    text: str


MakeCalendar = Callable[[Message, str], CalendarPart | None]
"""The calendar's part of a message for the attendee with that address; None: it has none."""


class Mailer(Carrier):
    """Sends mail. `calendar_of` makes the calendar's part; `site` is this installation's origin, for links."""

    def __init__(self, server: SmtpServer, contacts: Contacts, calendar_of: MakeCalendar, site: str) -> None:
        self._server = server
        self._contacts = contacts
        self._calendar_of = calendar_of
        self._site = site

    async def carry(self, message: Message) -> Receipt:
        address = (await self._contacts.of(message.staff_id)).mail
        if address is None:
            return NOWHERE
        server = self._server
        try:
            await aiosmtplib.send(
                self._made(message, address),
                hostname=server.host,
                port=server.port,
                username=server.user or None,
                password=server.password or None,
                use_tls=server.tls == "tls",
                start_tls=server.tls == "starttls",
                timeout=TIMEOUT_S,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _answered(max((one.code for one in error.recipients), default=450))
        except aiosmtplib.SMTPDataError as error:
            return _answered(error.code)
        except aiosmtplib.SMTPResponseException as error:
            # Greeting, sign-in and sender are this installation's own matter: somebody will mend that, so try again.
            return Receipt(Verdict.FAILED, f"smtp.{error.code}")
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            return Receipt(Verdict.FAILED, "smtp.timeout" if isinstance(error, TimeoutError) else "smtp.connection")
        return TAKEN

    def _made(self, message: Message, address: str) -> EmailMessage:
        mail = EmailMessage(policy=SMTP)
        mail["From"] = f"Hoichan <{self._server.sender}>"
        mail["To"] = address
        mail["Subject"] = message.title
        mail["Date"] = message.created_at
        mail["Message-ID"] = f"<{message.id}@{self._server.domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        mail["Content-Language"] = message.language
        mail.set_content(f"{message.body}\n\n{self._site}{message.path}\n")
        if (calendar := self._calendar_of(message, address)) is not None:
            mail.add_alternative(calendar.text, subtype="calendar", params={"method": calendar.method})
        return mail


def _answered(code: int) -> Receipt:
    return Receipt(Verdict.REFUSED if 500 <= code < 600 else Verdict.FAILED, f"smtp.{code}")
