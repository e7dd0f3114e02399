"""Attachments in, resumable by the tus protocol 1.0.0 (core; creation, checksum, expiration, termination).

A line may break at any byte: what had arrived stays, and the client asks by HEAD where to go on. Metadata of the
creation: `client_id`, the sender's own id of the file, under which a second creation finds the first.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
from email.utils import format_datetime

from aiohttp import ClientError, StreamReader, hdrs, web

from consult_rooms.uploads import Upload
from foundation.errors import Conflict, HoichanError, Invalid, Unavailable
from foundation.files import BUSY
from foundation.i18n import N_
from foundation.ids import ConsultId, UploadId
from foundation.segments import SEGMENT
from web.admission import Handler
from web.errors import problem
from web.forms import MALFORMED
from web.security import address_of
from web.services import SERVICES

routes = web.RouteTableDef()

VERSION = "1.0.0"
EXTENSIONS = "creation,checksum,expiration,termination"
SILENT_S = 60.0
"""How long a sender may be silent within one request; what came until then is kept."""
ARRIVING = 64
"""Pieces that may arrive at the same time: with `SEGMENT` this bounds the memory of a process."""
_HASHES = {"sha1": hashlib.sha1, "sha256": hashlib.sha256}
_STREAM = "application/offset+octet-stream"


def tus(handler: Handler) -> Handler:
    """Check the protocol's version, and mark every answer with it, refusals too."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Tus-Resumable") != VERSION:
            return web.Response(status=412, headers={"Tus-Version": VERSION, "Tus-Resumable": VERSION})
        try:
            response = await handler(request)
        except HoichanError as error:
            response = problem(request, error)
            if error.code == "file.too_large":
                response.set_status(413)
        response.headers["Tus-Resumable"] = VERSION
        return response

    return answer


@routes.options("/consults/{consult_id}/uploads")
async def describe(_request: web.Request) -> web.StreamResponse:
    """What this server can do."""
    limits = _request.app[SERVICES].desk.uploads.limits
    headers = {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(limits.most_bytes),
        "Tus-Checksum-Algorithm": ",".join(_HASHES),
    }
    return web.Response(status=204, headers=headers)


@routes.post("/consults/{consult_id}/uploads")
@tus
async def create(request: web.Request) -> web.StreamResponse:
    """Begin an upload of `Upload-Length` bytes."""
    session, service = request["session"], request.app[SERVICES].desk.uploads
    upload = await service.create(
        session.staff,
        session,
        _consult_id(request),
        length=_whole(request, "Upload-Length"),
        client_id=_metadata(request).get("client_id", ""),
        address=address_of(request),
    )
    where = f"/consults/{upload.consult_id}/uploads/{upload.id}"
    return web.Response(status=201, headers={hdrs.LOCATION: where, **_state(upload)})


@routes.head("/consults/{consult_id}/uploads/{upload_id}")
@tus
async def tell(request: web.Request) -> web.StreamResponse:
    """Where to go on. A file whose last piece arrived while the answer was lost is put into the thread now."""
    session, services = request["session"], request.app[SERVICES]
    upload = await services.desk.uploads.find(session.staff, _consult_id(request), _upload_id(request))
    await _finished(request, upload)
    headers = {"Upload-Length": str(upload.length), hdrs.CACHE_CONTROL: "no-store", **_state(upload)}
    return web.Response(status=200, headers=headers)


@routes.patch("/consults/{consult_id}/uploads/{upload_id}")
@tus
async def take(request: web.Request) -> web.StreamResponse:
    """Bytes from `Upload-Offset` on, kept as they come; the last ones put the file into the thread."""
    session, services = request["session"], request.app[SERVICES]
    if request.content_type != _STREAM:
        return web.Response(status=415)
    upload = await services.desk.uploads.find(session.staff, _consult_id(request), _upload_id(request))
    start = _whole(request, "Upload-Offset")
    if start != upload.received:
        raise Conflict("upload.offset", OFFSET)
    wanted = _checksum(request)
    if request.app[SLOTS].locked():
        raise Unavailable("files.busy", BUSY)
    async with request.app[SLOTS]:
        found, upload = await _received(request, upload, wanted[0] if wanted else None)
    if wanted and not hmac.compare_digest(found, wanted[1]):
        upload = await services.desk.uploads.cut_back(upload, start)
        return web.Response(status=460, reason="Checksum Mismatch", headers=_state(upload))
    await _finished(request, upload)
    return web.Response(status=204, headers=_state(upload))


@routes.delete("/consults/{consult_id}/uploads/{upload_id}")
@tus
async def give_up(request: web.Request) -> web.StreamResponse:
    """Forget an upload and what has arrived of it."""
    session, service = request["session"], request.app[SERVICES].desk.uploads
    upload = await service.find(session.staff, _consult_id(request), _upload_id(request))
    await service.drop(session.staff, upload)
    return web.Response(status=204)


async def _received(request: web.Request, upload: Upload, algorithm: str | None) -> tuple[bytes, Upload]:
    """Keep what comes, a segment at a time, also of a body that breaks off; and its digest, when one is asked for."""
    session, service = request["session"], request.app[SERVICES].desk.uploads
    digest = _HASHES[algorithm]() if algorithm else None
    held = bytearray()
    try:
        while chunk := await _next(request.content):
            if digest is not None:
                digest.update(chunk)
            held += chunk
            if len(held) >= SEGMENT:
                part = bytes(held)
                held.clear()
                upload = await service.append(session.staff, upload, part)
    except (*MALFORMED, ConnectionError, ClientError, TimeoutError) as error:
        raise Invalid("upload.broken", BROKEN) from error
    finally:  # however it broke off
        if held:
            upload = await service.append(session.staff, upload, bytes(held))
    return (digest.digest() if digest else b""), upload


async def _next(content: StreamReader) -> bytes:
    async with asyncio.timeout(SILENT_S):
        return await content.read(64 * 1024)


async def _finished(request: web.Request, upload: Upload) -> None:
    if upload.received == upload.length:
        session, services = request["session"], request.app[SERVICES]
        await services.desk.attachments.finish(session.staff, session, upload, address=address_of(request))


def _state(upload: Upload) -> dict[str, str]:
    expires = format_datetime(upload.expires_at, usegmt=True)
    return {"Upload-Offset": str(upload.received), "Upload-Expires": expires}


def _metadata(request: web.Request) -> dict[str, str]:
    """`Upload-Metadata`: pairs of a key and its value in base64, divided by commas."""
    found = {}
    for pair in request.headers.get("Upload-Metadata", "")[:4096].split(","):
        key, _, value = pair.strip().partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise Invalid("request.malformed", UNREADABLE) from error
    return found


def _checksum(request: web.Request) -> tuple[str, bytes] | None:
    told = request.headers.get("Upload-Checksum")
    if told is None:
        return None
    algorithm, _, value = told.partition(" ")
    try:
        if algorithm in _HASHES:
            return algorithm, base64.b64decode(value, validate=True)
    except binascii.Error:
        pass
    raise Invalid("upload.checksum", CHECKSUM)


def _whole(request: web.Request, header: str) -> int:
    told = request.headers.get(header, "")
    if not (told.isascii() and told.isdecimal() and len(told) <= 15):
        raise Invalid("request.malformed", UNREADABLE)
    return int(told)


def _consult_id(request: web.Request) -> ConsultId:
    return ConsultId(request.match_info["consult_id"])


def _upload_id(request: web.Request) -> UploadId:
    return UploadId(request.match_info["upload_id"])


SLOTS: web.AppKey[asyncio.Semaphore] = web.AppKey("upload_slots", asyncio.Semaphore)

OFFSET = N_("The file stands at another place. Ask where, and go on from there.")
BROKEN = N_("The line broke off. What arrived is kept; send the rest.")
CHECKSUM = N_("This kind of checksum is not known here.")
UNREADABLE = N_("The request could not be read.")
