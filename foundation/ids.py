"""Typed, opaque identifiers: a short prefix that names the noun, then a UUID of version 7 (RFC 9562)."""

from __future__ import annotations

import re
from typing import NewType

import uuid_utils

FacilityId = NewType("FacilityId", str)
DepartmentId = NewType("DepartmentId", str)
SpecialtyId = NewType("SpecialtyId", str)
StaffId = NewType("StaffId", str)
TerminalId = NewType("TerminalId", str)
SessionId = NewType("SessionId", str)
PatientId = NewType("PatientId", str)
ConsultId = NewType("ConsultId", str)
SlotId = NewType("SlotId", str)
AppointmentId = NewType("AppointmentId", str)
ParticipantId = NewType("ParticipantId", str)
TokenId = NewType("TokenId", str)
DeviceId = NewType("DeviceId", str)
GlassId = NewType("GlassId", str)
"""Of an emergency opening of a book."""
FileId = NewType("FileId", str)
AdditionId = NewType("AdditionId", str)
AttachmentId = NewType("AttachmentId", str)
UploadId = NewType("UploadId", str)
DraftId = NewType("DraftId", str)
AdviceId = NewType("AdviceId", str)
"""Of an item of advice."""
InquiryId = NewType("InquiryId", str)
HandoverId = NewType("HandoverId", str)
TemplateId = NewType("TemplateId", str)
"""Of an availability template."""
ExceptionId = NewType("ExceptionId", str)
"""Of a leave, or of a day that a hospital closes or opens."""
ConferenceId = NewType("ConferenceId", str)
ResourceId = NewType("ResourceId", str)
WaitingId = NewType("WaitingId", str)
EnrolmentId = NewType("EnrolmentId", str)
"""Of a patient's long-term follow-up at a clinic."""
NoticeId = NewType("NoticeId", str)
FeedId = NewType("FeedId", str)
BusyCalendarId = NewType("BusyCalendarId", str)
ImportRunId = NewType("ImportRunId", str)
"""Of one run of `hoichan book import`."""

_ID = re.compile(r"[a-z]{3}_[0-9a-f]{32}")


def new_id(prefix: str) -> str:
    """A fresh identifier such as `con_0192…`; `prefix` is three lower-case letters.

    Ids sort by the millisecond in which they were made, which keeps index pages warm; 74 bits of each are random.
    """
    return f"{prefix}_{uuid_utils.uuid7().hex}"


def is_id(text: object, prefix: str) -> bool:
    """Whether `text` has the form of an identifier of that noun. Says nothing about its existence."""
    return isinstance(text, str) and text.startswith(prefix + "_") and _ID.fullmatch(text) is not None
