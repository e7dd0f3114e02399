"""A consult's thread by plain HTTP: read it, add a line, open an attachment. Spoken to by scripts, in JSON."""

from __future__ import annotations

import re

from aiohttp import hdrs, web

from consult_rooms.attachments import Attachment
from consult_rooms.drawings import Stroke
from consult_rooms.thread import ThreadEntry
from foundation.errors import Invalid
from foundation.files import FileKind
from foundation.i18n import N_
from foundation.ids import AttachmentId, ConsultId
from web.forms import Form
from web.security import address_of
from web.services import SERVICES

routes = web.RouteTableDef()

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


@routes.get("/consults/{consult_id}/thread")
async def show(request: web.Request) -> web.StreamResponse:
    """What came after the number `after`, in order."""
    session, services = request["session"], request.app[SERVICES]
    after = request.query.get("after", "0")
    number = int(after) if after.isascii() and after.isdecimal() and len(after) < 10 else 0
    found = await services.desk.threads.since(session.staff, ConsultId(request.match_info["consult_id"]), number)
    return web.json_response({"self": session.staff.id, "entries": [_entry(entry) for entry in found]})


@routes.post("/consults/{consult_id}/thread")
async def say(request: web.Request) -> web.StreamResponse:
    """Add a line; the same `client_id` is the same line, however often it is sent."""
    form, session, services = await Form.read(request), request["session"], request.app[SERVICES]
    consult_id = ConsultId(request.match_info["consult_id"])
    said = await services.desk.threads.say(session.staff, consult_id, form.value("text"), form.value("client_id"))
    return web.json_response({"number": said.number, "at": said.at.isoformat()}, status=201)


@routes.get("/consults/{consult_id}/attachments/{attachment_id}/strokes")
async def show_strokes(request: web.Request) -> web.StreamResponse:
    """What was drawn on a picture and not taken back, in order."""
    session, services = request["session"], request.app[SERVICES]
    found = await services.shared.drawings.each(
        session.staff,
        ConsultId(request.match_info["consult_id"]),
        AttachmentId(request.match_info["attachment_id"][:64]),
    )
    told = [_stroke(stroke) for stroke in found if not stroke.undone]
    return web.json_response({"self": session.staff.id, "strokes": told})


@routes.get("/consults/{consult_id}/attachments/{attachment_id}", allow_head=False)
async def give(request: web.Request) -> web.StreamResponse:
    """The file, or with `small` a picture's small twin, or the part that `Range` asks for (RFC 9110, 14.2)."""
    session, service = request["session"], request.app[SERVICES].desk.attachments
    found = await service.opened(
        session.staff,
        session,
        ConsultId(request.match_info["consult_id"]),
        AttachmentId(request.match_info["attachment_id"][:64]),
        address=address_of(request),
    )
    if "small" in request.query:
        body = await service.small(found)
        return web.Response(body=body, content_type=FileKind.JPEG.value, headers=_headers(found, FileKind.JPEG))
    start, stop, is_part = _asked(request, found.size)
    headers = _headers(found, found.kind) | {hdrs.ACCEPT_RANGES: "bytes", hdrs.CONTENT_LENGTH: str(stop - start)}
    if is_part:
        headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{stop - 1}/{found.size}"
    response = web.StreamResponse(status=206 if is_part else 200, headers=headers)
    response.content_type = found.kind.value
    await response.prepare(request)
    async for part in service.content(found, start, stop):
        await response.write(part)
    await response.write_eof()
    return response


def _asked(request: web.Request, size: int) -> tuple[int, int, bool]:
    """The bytes that are wanted, and whether they are a part; several ranges, or none that can be read, mean all."""
    match = _RANGE.fullmatch(request.headers.get(hdrs.RANGE, ""))
    if match is None or match.groups() == ("", ""):
        return 0, size, False
    first, last = match.groups()
    if first == "":
        start, stop = max(size - int(last), 0), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    if start >= stop:
        raise RangeMissing("file.range", NO_RANGE)
    return start, stop, True


class RangeMissing(Invalid):
    """The file does not reach so far (RFC 9110, 15.5.17)."""

    status = 416


def _entry(entry: ThreadEntry) -> dict[str, object]:
    shown: dict[str, object] = {
        "number": entry.number,
        "at": entry.at.isoformat(),
        "sender_id": entry.sender_id,
        "sender_name": entry.sender_name,
        "client_id": entry.client_id,
        "text": entry.text,
    }
    if entry.attachment is not None:
        file = entry.attachment
        shown["attachment"] = {
            "id": file.id,
            "kind": file.kind.value,
            "size": file.size,
            "width": file.width,
            "height": file.height,
        }
    return shown


def _headers(found: Attachment, kind: FileKind) -> dict[str, str]:
    return {
        # Opened by itself it is saved and runs nothing; a picture and a voice clip are shown by the page all the same.
        hdrs.CONTENT_DISPOSITION: f'attachment; filename="hoichan-{found.id[-8:]}.{kind.ending}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        hdrs.CACHE_CONTROL: "no-store",
    }


NO_RANGE = N_("The file does not reach so far.")


def _stroke(stroke: Stroke) -> dict[str, object]:
    """As the event `strokes` of the protocol has it."""
    return {
        "attachment_id": stroke.attachment_id,
        "number": stroke.number,
        "author_id": stroke.author_id,
        "author_name": stroke.author_name,
        "client_id": stroke.client_id,
        "kind": stroke.shape.kind.value,
        "points": stroke.shape.points,
        "text": stroke.shape.text,
        "at": stroke.at.isoformat(),
        "undone": stroke.undone,
    }
