"""What is added to the book from the room: forms and files in, files out. Spoken to by the room's script, in JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from zoneinfo import ZoneInfo

from aiohttp import BodyPartReader, hdrs, web

from foundation.errors import Conflict, Invalid
from foundation.files import FileKind, too_large
from foundation.i18n import N_
from foundation.ids import AdditionId, ConsultId, FileId
from records_panel.bedside import DESCRIPTION, lab_result, signs
from records_panel.grants import Ground
from web.forms import MALFORMED, Form
from web.security import address_of
from web.services import SERVICES
from web.views.addition_words import AdditionWords
from web.views.book import place_of

routes = web.RouteTableDef()

CHUNK = 64 * 1024
_AROUND = 64 * 1024
"""Bytes of a posted file's body beside the file: its fields and boundaries."""


@routes.post("/consults/{consult_id}/additions")
async def add(request: web.Request) -> web.StreamResponse:
    """Vital signs (`kind` = `vitals`) or a laboratory result (`kind` = `result`), under the client's own `key`.

    Unusual signs are a Conflict `addition.unusual` unless `confirmed` comes with them.
    """
    form, session, service = await Form.read(request), request["session"], request.app[SERVICES].additions
    consult_id, key, taken_at = _consult_id(request), form.value("key"), _taken_at(form.value("taken_at"))
    if form.value("kind") == "result":
        result = lab_result(*(form.value(name) for name in ("test", "value", "unit", "low", "high")))
        added = await service.add_result(
            session.staff, session, consult_id, result, key=key, taken_at=taken_at, address=address_of(request)
        )
        return _added(added)
    found = signs({name: form.value(name) for name in form.names}, form.value("device"))
    if found.unusual and not form.value("confirmed"):
        zone, now = ZoneInfo(request.app[SERVICES].settings.zone), request.app[SERVICES].clock.now()
        words = AdditionWords(request["language"], zone, now, session.staff.id)
        raise Conflict("addition.unusual", UNUSUAL, values=words.unusual(dict(found.values), found.unusual))
    added = await service.add_signs(
        session.staff, session, consult_id, found, key=key, taken_at=taken_at, address=address_of(request)
    )
    return _added(added)


@routes.post("/consults/{consult_id}/additions/file")
async def add_file(request: web.Request) -> web.StreamResponse:
    """A photograph or document as multipart/form-data: `key`, `description`, `taken_at`, and `file` as the last part.

    The file is read as it comes, and no further than its limit; the usual limit of bodies holds only for what is read
    as a form.
    """
    session, services = request["session"], request.app[SERVICES]
    most = services.settings.file_megabytes * 1024 * 1024
    if request.content_length is not None and request.content_length > most + _AROUND:
        raise too_large(most)
    if not request.content_type.startswith("multipart/"):
        raise Invalid("request.malformed", UNREADABLE)
    fields: dict[str, str] = {}
    try:
        reader = await request.multipart()
        part = await reader.next()
        while isinstance(part, BodyPartReader) and part.name != "file":
            fields[part.name or ""] = (await _short(part)).decode("utf-8", "replace")
            part = await reader.next()
    except MALFORMED as error:
        raise Invalid("request.malformed", UNREADABLE) from error
    if not isinstance(part, BodyPartReader):
        raise Invalid("file.empty", N_("The file is empty."), field="file")
    added = await services.additions.add_file(
        session.staff,
        session,
        _consult_id(request),
        _chunks(part),
        words=fields.get("description", ""),
        key=fields.get("key", ""),
        taken_at=_taken_at(fields.get("taken_at", "")),
        address=address_of(request),
    )
    return _added(added)


@routes.post("/consults/{consult_id}/additions/{addition_id}/withdraw")
async def withdraw(request: web.Request) -> web.StreamResponse:
    """Take back what one entered in error."""
    session, addition_id = request["session"], AdditionId(request.match_info["addition_id"][:64])
    await request.app[SERVICES].additions.withdraw(
        session.staff, session, _consult_id(request), addition_id, address=address_of(request)
    )
    return web.json_response({"id": addition_id})


@routes.get("/consults/{consult_id}/files/{file_id}")
@routes.get("/emergency/books/{glass_id}/files/{file_id}")
async def give_file(request: web.Request) -> web.StreamResponse:
    """A file to whom its book is open: never shown as a page, never kept by the browser."""
    session, file_id = request["session"], FileId(request.match_info["file_id"][:64])
    services, address = request.app[SERVICES], address_of(request)
    place = await place_of(request)
    consult, access = place.consult, services.panel.access(session.staff, session, place)
    by_book = consult is None or access.pending or (access.opens and access.ground is not Ground.CONSULT)
    if by_book and place.patient_id is not None:
        # Not the consult, but an emergency or a Consent opens it: then what stands in the book as it is open.
        opened = await services.panel.open_book(session.staff, session, place, whole=True, address=address)
        consult_id = consult.id if consult else None
        kind, content = await services.additions.file_of_open_book(
            session.staff, session, consult_id, place.patient_id, opened, file_id, address=address
        )
    else:
        kind, content = await services.additions.file(
            session.staff, session, _consult_id(request), file_id, address=address
        )
    return web.Response(body=content, content_type=kind.value, headers=_headers(kind, file_id))


def _headers(kind: FileKind, file_id: FileId) -> dict[str, str]:
    name = f"hoichan-{file_id[-8:]}.{kind.ending}"
    return {
        # An <img> shows it all the same; opened by itself it is saved and runs nothing (RFC 6266; CSP 3, sandbox).
        hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        hdrs.CACHE_CONTROL: "no-store",
    }


async def _short(part: BodyPartReader) -> bytes:
    """A field beside the file; what is longer than any field may be is refused before it fills the memory."""
    value = bytearray()
    while chunk := await part.read_chunk(CHUNK):
        value += chunk
        if len(value) > 16 * DESCRIPTION:
            raise Invalid("request.malformed", UNREADABLE)
    return bytes(value)


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    try:
        while chunk := await part.read_chunk(CHUNK):
            yield chunk
    except MALFORMED as error:
        raise Invalid("request.malformed", UNREADABLE) from error


def _consult_id(request: web.Request) -> ConsultId:
    return ConsultId(request.match_info["consult_id"])


def _taken_at(text: str) -> datetime | None:
    """The client's instant, when it is one; a clock that says nothing usable counts as none."""
    try:
        taken = datetime.fromisoformat(text)
    except ValueError:
        return None
    return taken if taken.tzinfo is not None else None


def _added(addition_id: AdditionId) -> web.Response:
    return web.json_response({"id": addition_id}, status=201)


UNUSUAL = N_("Unusual: %(values)s. Look once more; if it is right, save it.")
UNREADABLE = N_("The request could not be read.")
