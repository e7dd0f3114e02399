"""WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): publishing into a room and playing it over plain HTTP.

`POST /whip/ROOM` and `POST /whep/ROOM` with a bearer token (RFC 6750) and an offer begin a session; its address is
patched to trickle (read past: the worker is ICE-lite) or to restart ICE, and deleted to end it. Clauses below are those
of RFC 9725; the WHEP draft says the same in the same words. Wiring: `attach(app)`, then `start()` once the loop runs.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace

from aiohttp import hdrs, web

from foundation.bus import Bus
from foundation.errors import HoichanError, Invalid, SignInNeeded, TooMany, Unavailable
from foundation.i18n import N_, Languages
from foundation.tasks import Tasks
from media.api import ConnectionChanged, ConnectionState, MediaNodes, Relays, RoomLost
from signaling import sdp_fragment
from signaling.doors import Door, HttpSession, Way, unknown_session

log = logging.getLogger(__name__)

SDP = "application/sdp"
MAX_BODY = 65_536
WAIT_S = 8.0
"""The longest that a client waits for the media plane."""
LOOK_S = 5.0
"""A link that was revoked or has expired loses its session within this time; mostly at once, by a hint."""
RETRY_AFTER_S = 2
TOPIC = "devices"
"""Bus topic of hints that a link was revoked."""
_METHODS = "POST, PATCH, DELETE, OPTIONS"
_EXPOSED = "Location, ETag, Link, Accept-Patch, Retry-After, WWW-Authenticate"

Handler = Callable[[web.Request], Awaitable[web.Response]]


class Refused(Invalid):
    """What HTTP itself has a status for: 405, 412, 413, 415, 428."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code, message)
        self.status = status  # type: ignore[misc]  # one class for five statuses


class WhipEdge:
    """Serves both protocols through one `Door`. `origins` are those whose pages may call it; `*` for any."""

    def __init__(
        self,
        door: Door,
        media: MediaNodes,
        relays: Relays,
        languages: Languages,
        tasks: Tasks,
        bus: Bus | None = None,
        *,
        origins: Collection[str] = (),
    ) -> None:
        self._door = door
        self._media = media
        self._relays = relays
        self._languages = languages
        self._tasks = tasks
        self._bus = bus
        self._origins = frozenset(origins)

    def attach(self, app: web.Application) -> None:
        """Serve `/whip/ROOM`, `/whep/ROOM` and the sessions below them."""
        for way in Way:
            app.router.add_route("*", f"/{way}/{{room}}", self._handler(way, self._endpoint))
            app.router.add_route("*", f"/{way}/{{room}}/{{session}}", self._handler(way, self._session))

    def start(self) -> None:
        """Follow what becomes of sessions and links. The media plane's events are heard from now on."""
        self._tasks.start("whip: media events", self._listen())
        self._tasks.forever("whip: links that have ended", self._look, pause_s=LOOK_S)
        if self._bus is not None:
            self._tasks.forever("whip: hints of links", self._hints)

    def _handler(self, way: Way, handle: Callable[[Way, web.Request], Awaitable[web.Response]]) -> Handler:
        async def answer(request: web.Request) -> web.Response:
            try:
                response = await handle(way, request)
            except HoichanError as error:
                response = self._problem(request, error)
            except Exception:  # the root of a request: one fault must not take the server with it
                log.exception("a request of a device failed")
                response = self._problem(request, Unavailable("internal", FAULT))
            response.headers.update(self._cross_origin(request))
            return response

        return answer

    async def _endpoint(self, way: Way, request: web.Request) -> web.Response:
        """§4.2: a session begins. GET has no content, other methods are reserved (§4.1)."""
        if request.method == hdrs.METH_OPTIONS:
            return web.Response(headers={"Accept-Post": SDP, hdrs.ALLOW: _METHODS})
        if request.method in (hdrs.METH_GET, hdrs.METH_HEAD):
            return web.Response(status=204)
        if request.method != hdrs.METH_POST:
            raise Refused(405, "request.method", METHOD)
        admitted = await self._door.admit(way, request.match_info["room"], _token(request))
        offer = await _body(request, SDP)
        room_id, participant_id = admitted.room_id, admitted.participant_id
        sources = dict.fromkeys(sdp_fragment.mids(offer), admitted.source) if admitted.source else {}
        answer = await self._negotiate(way, room_id, participant_id, offer, sources)
        if way is Way.WHIP and re.search(r"(?m)^m=(audio|video) 0 ", answer):
            # §4.4.3: half a source would mislead whoever set the device up.
            await self._media.remove(room_id, participant_id)
            raise Invalid("media.section_refused", SECTION)
        session = HttpSession(
            secrets.token_urlsafe(18), room_id, participant_id, offer, sdp_fragment.origin(answer), _new_tag()
        )
        try:
            await self._door.begin(way, session, request.remote or "")
        except BaseException:
            await self._media.remove(room_id, participant_id)
            raise
        response = web.Response(status=201, text=answer, content_type=SDP)
        response.headers[hdrs.LOCATION] = f"{request.rel_url.raw_path.rstrip('/')}/{session.id}"
        response.headers[hdrs.ETAG] = session.tag
        response.headers["Accept-Patch"] = sdp_fragment.CONTENT_TYPE
        for server in self._relays.servers(participant_id):
            for url in server.urls:  # §4.6
                link = f'<{url}>; rel="ice-server"; username="{server.username}"; credential="{server.credential}"'
                response.headers.add(hdrs.LINK, f'{link}; credential-type="password"')
        return response

    async def _session(self, way: Way, request: web.Request) -> web.Response:
        if request.method == hdrs.METH_OPTIONS:
            return web.Response(headers={"Accept-Patch": sdp_fragment.CONTENT_TYPE, hdrs.ALLOW: _METHODS})
        if request.method in (hdrs.METH_GET, hdrs.METH_HEAD):
            return web.Response(status=204)
        if request.method not in (hdrs.METH_PATCH, hdrs.METH_DELETE):
            raise Refused(405, "request.method", METHOD)
        session = await self._door.session(
            way, request.match_info["room"], request.match_info["session"], _token(request)
        )
        if request.method == hdrs.METH_PATCH:
            return await self._patch(way, request, session)
        await self._media.remove(session.room_id, session.participant_id)
        await self._door.end(session.room_id, session.participant_id)
        return web.Response()

    async def _patch(self, way: Way, request: web.Request, session: HttpSession) -> web.Response:
        """§4.3: trickled candidates get 204, a restart of ICE the worker's new credentials and a new tag."""
        fragment = sdp_fragment.read(await _body(request, sdp_fragment.CONTENT_TYPE))
        expected = request.headers.get(hdrs.IF_MATCH, "").strip()
        if not expected:
            raise Refused(428, "session.tag_needed", TAG_NEEDED)
        if expected not in ("*", '"*"', session.tag):  # the examples of both documents quote the star
            raise Refused(412, "session.tag_old", TAG_OLD)
        current = sdp_fragment.credentials(session.offer)
        if fragment.ufrag in ("", current.ufrag):
            return web.Response(status=204)
        offer = sdp_fragment.restarted(session.offer, fragment)
        answer = await self._negotiate(way, session.room_id, session.participant_id, offer, {})
        if sdp_fragment.origin(answer) != session.origin:
            # The connection had gone, and what was just opened is not what the client restarts.
            await self._media.remove(session.room_id, session.participant_id)
            await self._door.end(session.room_id, session.participant_id)
            raise unknown_session()
        renewed = replace(session, offer=offer, tag=_new_tag())
        await self._door.renew(renewed)
        response = web.Response(text=sdp_fragment.of_answer(answer), content_type=sdp_fragment.CONTENT_TYPE)
        response.headers[hdrs.ETAG] = renewed.tag
        return response

    async def _negotiate(
        self, way: Way, room_id: str, participant_id: str, offer: str, sources: Mapping[str, str]
    ) -> str:
        try:
            async with asyncio.timeout(WAIT_S):
                if way is Way.WHIP:
                    return await self._media.publish(room_id, participant_id, offer, sources)
                return await self._media.view(room_id, participant_id, offer)
        except TimeoutError as error:
            raise Unavailable("media.unavailable", NO_ANSWER) from error

    async def _listen(self) -> None:
        """Forget sessions whose connections have ended, for ever."""
        async for event in self._media.events():
            try:
                match event:
                    case ConnectionChanged(state=ConnectionState.CLOSED):
                        await self._door.end(event.room_id, event.participant_id)
                    case RoomLost():
                        await self._door.lost(event.room_id)
            except HoichanError as error:  # such as a database that is down
                log.warning("the end of a device's session was not noted: %s", error.code)

    async def _look(self) -> None:
        for room_id, participant_id in await self._door.over():
            await self._media.remove(room_id, participant_id)
            await self._door.end(room_id, participant_id)

    async def _hints(self) -> None:
        if self._bus is None:
            return
        async with self._bus.subscribe(TOPIC) as hints:
            async for _ in hints:
                await self._look()

    def _cross_origin(self, request: web.Request) -> dict[str, str]:
        """CORS (Fetch standard, 3.2). No page can borrow a token: scripts send it, never the browser by itself."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or not self._origins & {"*", origin}:
            return {}
        return {
            hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*" if "*" in self._origins else origin,
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: _METHODS,
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "Authorization, Content-Type, If-Match",
            hdrs.ACCESS_CONTROL_EXPOSE_HEADERS: _EXPOSED,
            hdrs.ACCESS_CONTROL_MAX_AGE: "600",
            hdrs.VARY: hdrs.ORIGIN,
            "Cross-Origin-Resource-Policy": "cross-origin",
        }

    def _problem(self, request: web.Request, error: HoichanError) -> web.Response:
        """An error as problem+json (RFC 9457) in the language that the client takes."""
        language = self._languages.get(request.headers.get(hdrs.ACCEPT_LANGUAGE, "")[:2].lower())
        body = {
            "type": f"/problems/{error.code}",
            "title": language.error(error),
            "status": error.status,
            "code": error.code,
        }
        reason = error.parameters.get("reason")
        if isinstance(reason, str):
            body["reason"] = reason
        response = web.Response(
            text=json.dumps(body, ensure_ascii=False),
            status=error.status,
            content_type="application/problem+json",
            headers={hdrs.CACHE_CONTROL: "no-store"},
        )
        if isinstance(error, SignInNeeded):
            response.headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="hoichan"'
        if isinstance(error, TooMany):
            response.headers[hdrs.RETRY_AFTER] = str(error.retry_after_s)
        elif isinstance(error, Unavailable):
            response.headers[hdrs.RETRY_AFTER] = str(RETRY_AFTER_S)  # §4.5
        elif error.status == 405:
            response.headers[hdrs.ALLOW] = _METHODS
        elif error.status == 415:
            response.headers["Accept-Post" if request.method == hdrs.METH_POST else "Accept-Patch"] = (
                SDP if request.method == hdrs.METH_POST else sdp_fragment.CONTENT_TYPE
            )
        return response


def _token(request: web.Request) -> str:
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "bearer" or not re.fullmatch(r"[A-Za-z0-9._~+/=-]{1,256}", token.strip()):
        raise SignInNeeded("device.token_needed", TOKEN_NEEDED)
    return token.strip()


async def _body(request: web.Request, content_type: str) -> str:
    if request.content_type != content_type:
        raise Refused(415, "request.content_type", CONTENT_TYPE)
    if (request.content_length or 0) > MAX_BODY:
        raise Refused(413, "request.too_large", TOO_LARGE)
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > MAX_BODY:
            raise Refused(413, "request.too_large", TOO_LARGE)
    return body.decode("utf-8", "replace")


def _new_tag() -> str:
    return f'"{secrets.token_hex(8)}"'


FAULT = N_("Something went wrong here. Try again.")
METHOD = N_("This address does not take such a request.")
CONTENT_TYPE = N_("The content type is not the one that belongs here.")
TOO_LARGE = N_("What was sent is larger than what is taken here.")
TAG_NEEDED = N_("If-Match with the session's entity tag is needed.")
TAG_OLD = N_("The session's ICE has been restarted since; this entity tag is out of date.")
TOKEN_NEEDED = N_("A bearer token is needed.")
SECTION = N_("Video has to be H.264 or VP8, and sound Opus: a part of what is offered cannot be taken.")
NO_ANSWER = N_("The video service does not answer now. Please try again in a moment.")
