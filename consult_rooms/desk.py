"""All that serves writing beside a call, as one part of the program."""

from __future__ import annotations

from dataclasses import dataclass

from consult_rooms.attachments import Attachments
from consult_rooms.drafts import Drafts
from consult_rooms.thread import Threads
from consult_rooms.uploads import Uploads
from consult_rooms.written import WrittenCases


@dataclass(frozen=True, slots=True)
class Desk:
    """The services of written cases."""

    written: WrittenCases
    threads: Threads
    uploads: Uploads
    attachments: Attachments
    drafts: Drafts

    async def tidy(self) -> None:
        """Let what was not finished in time expire, calls that everybody left go on in writing, and late cases be said.

        Any node may.
        """
        await self.written.run_left()
        await self.written.run_overdue()
        await self.uploads.expire()
        await self.drafts.expire()
