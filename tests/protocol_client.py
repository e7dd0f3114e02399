"""A client of docs/protocol.md, written from that page alone: plain HTTP, Socket.IO and aiortc's RTCPeerConnection.

It imports nothing of Hoichan. `hold_consult` joins a consult, sends a test picture and a tone, counts what it decodes
and leaves; `ProtocolClient` offers the same in steps.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import aioice.ice
import engineio.payload  # type: ignore[import-untyped]  # python-engineio has no type marker
import socketio  # type: ignore[import-untyped]  # python-socketio has no type marker
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, MediaStreamTrack, VideoStreamTrack
from av import AudioFrame, VideoFrame

engineio.payload.Payload.max_decode_packets = 1_000
"""As the page says of long polling: by itself the library hangs up on an answer of more than 16."""

BEAT_S = 10.0
WAIT_S = 15.0


class Refused(Exception):
    """An acknowledgement with an error; `code` is the stable one."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: str = error["code"]


@dataclass
class Heard:
    """What one participant's streams gave so far."""

    video_frames: int = 0
    audio_frames: int = 0
    audio_energy: float = 0.0
    """Sum of the squares of the samples, each from -1 to 1; every eighth is counted."""
    sizes: set[tuple[int, int]] = field(default_factory=set)


@dataclass
class Outcome:
    """What `hold_consult` saw."""

    consult_id: str
    participant_id: str
    heard: dict[str, Heard]
    """By participant id."""
    chat: list[str]
    kinds: list[str]
    """Kinds of the log entries, in order."""
    numbers: list[int]
    """Their numbers."""


class ProtocolClient:
    """One signed-in person with a connection and, in a room, two peer connections."""

    def __init__(self, base_url: str, *, loopback: bool = True, transport: str = "websocket") -> None:
        self.base_url = base_url.rstrip("/")
        self.transport = transport
        self.staff: dict[str, Any] = {}
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.entries: list[dict[str, Any]] = []
        self.chat: list[dict[str, Any]] = []
        self.heard: dict[str, Heard] = {}
        self.participant_id = ""
        self._cookie = ""
        self._tab_id = secrets.token_hex(8)
        self._socket = socketio.AsyncClient(reconnection=False)
        self._publishing: RTCPeerConnection | None = None
        self._receiving: RTCPeerConnection | None = None
        self._offer: dict[str, Any] | None = None
        self._by_mid: dict[str, str] = {}
        self._negotiating = asyncio.Lock()
        self._came = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._joined_at = 0.0
        self._consult_id = ""
        if loopback:  # aioice leaves 127.0.0.1 out of its candidates, where a server on this machine listens
            aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]

    # 1. Sign in

    async def sign_in(self, user_name: str, password: str) -> dict[str, Any]:
        """Get the session cookie. Raises Refused."""
        body = {"user_name": user_name, "password": password}
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self.base_url}/api/v1/session", json=body) as response,
        ):
            answer = await response.json(content_type=None)
            if response.status != 200:
                raise Refused({"code": answer["code"], "message": answer.get("title", "")})
            self._cookie = f"hoichan_session={response.cookies['hoichan_session'].value}"
        self.staff = answer["staff"]
        return self.staff

    # 2. Connect

    async def connect(self) -> None:
        """Open the WebSocket and beat. Raises Refused."""
        refusals: list[dict[str, Any]] = []
        self._socket.on("connect_error", refusals.append)
        self._socket.on("*", self._receive)
        try:
            await self._socket.connect(
                self.base_url, headers={"Cookie": self._cookie}, transports=[self.transport], wait_timeout=WAIT_S
            )
        except socketio.exceptions.ConnectionError as error:
            if refusals and "data" in refusals[0]:
                told = {"code": refusals[0]["data"]["code"], "message": refusals[0]["message"]}
                raise Refused(told) from error
            raise
        self._start(self._beat())

    def use(self, session: str) -> None:
        """Go on under a session that was begun elsewhere."""
        self._cookie = f"hoichan_session={session}"

    @property
    def session(self) -> str:
        """The session's secret, for `use`."""
        return self._cookie.partition("=")[2]

    @property
    def online(self) -> bool:
        """Whether the line holds."""
        return bool(self._socket.connected)

    async def drop(self) -> None:
        """Lose the line: no goodbye, and nothing that was on its way arrives. `connect` comes back, perhaps to
        another address of the server. A line that broke by itself is put away."""
        lost, self._socket = self._socket, socketio.AsyncClient(reconnection=False)
        lost.handlers.clear()
        if lost.connected:
            lost.eio.ws._response.connection.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def call(self, name: str, **payload: Any) -> dict[str, Any]:
        """Send an event and take its acknowledgement. Raises Refused."""
        answer: dict[str, Any] = await self._socket.call(name, payload, timeout=WAIT_S)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer

    async def wait_for(self, name: str, within_s: float = WAIT_S, **fields: Any) -> dict[str, Any]:
        """The first event of that name with those fields, perhaps received already."""
        async with asyncio.timeout(within_s):
            while True:
                self._came.clear()
                for event, payload in self.events:
                    if event == name and all(payload.get(key) == value for key, value in fields.items()):
                        return payload
                await self._came.wait()

    # 4. A consult

    async def accept(self, consult_id: str | None = None, within_s: float = WAIT_S) -> str:
        """Accept that ring, or the first that comes."""
        ring = await self.wait_for("ring", within_s, **({"consult_id": consult_id} if consult_id else {}))
        await self.call("accept_offer", consult_id=ring["consult_id"])
        return str(ring["consult_id"])

    async def join(self, consult_id: str) -> dict[str, Any]:
        """Enter the room, or come back to it."""
        after = self.entries[-1]["number"] if self.entries and self._consult_id == consult_id else 0
        self._consult_id = consult_id
        joined = await self.call("join_room", consult_id=consult_id, tab_id=self._tab_id, after=after)
        self._joined_at = time.monotonic()
        self.participant_id = joined["participant_id"]
        # Events may have come before this acknowledgement: by their numbers both find their places.
        self.entries = sorted([*self.entries, *joined["entries"]], key=lambda entry: int(entry["number"]))
        self._keep_lines(joined["chat"])
        return joined

    def _keep_lines(self, lines: list[dict[str, Any]]) -> None:
        """A line may come again: its number tells it apart."""
        by_number = {int(line["number"]): line for line in [*self.chat, *lines]}
        self.chat = [by_number[number] for number in sorted(by_number)]

    async def say(self, text: str) -> None:
        """Write into the chat."""
        await self.call("send_chat", consult_id=self._consult_id, text=text, client_id=secrets.token_hex(8))

    # 5. Media

    async def publish(self, *tracks: MediaStreamTrack) -> None:
        """Send these tracks, by default a test picture and silence."""
        await _close(self._publishing)
        connection = self._publishing = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        for track in tracks or (AudioStreamTrack(), VideoStreamTrack()):
            connection.addTransceiver(track, direction="sendonly")
        await connection.setLocalDescription(await connection.createOffer())
        usual = {"audio": "microphone", "video": "camera"}
        sources = {str(one.mid): usual[one.kind] for one in connection.getTransceivers()}
        answer = await self.call(
            "publish", consult_id=self._consult_id, sdp=connection.localDescription.sdp, sources=sources
        )
        await connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))

    async def subscribe(self) -> None:
        """Receive whatever the others send, now and later."""
        async with self._negotiating:
            await _close(self._receiving)
            self._offer = None
            self._receiving = RTCPeerConnection(RTCConfiguration(iceServers=[]))
            self._receiving.on("track", self._track)
            await self._answer(await self.call("subscribe", consult_id=self._consult_id))

    async def decoded(self, participant_id: str, *, video: int, audio: int, within_s: float = 30) -> Heard:
        """Wait until that many frames of this participant have been decoded."""
        async with asyncio.timeout(within_s):
            while True:
                heard = self.heard.get(participant_id, Heard())
                if heard.video_frames >= video and heard.audio_frames >= audio:
                    return heard
                await asyncio.sleep(0.05)

    async def leave(self) -> None:
        """Leave the room; the consult goes on."""
        await self.call("leave_room", consult_id=self._consult_id)
        await self._hang_up()

    async def close(self) -> None:
        """End everything."""
        await self._hang_up()
        await self._socket.disconnect()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _hang_up(self) -> None:
        async with self._negotiating:
            await _close(self._publishing)
            await _close(self._receiving)
            self._publishing = self._receiving = None

    async def _receive(self, name: str, payload: dict[str, Any] | None = None) -> None:
        payload = payload or {}
        self.events.append((name, payload))
        self._came.set()
        if payload.get("consult_id") != self._consult_id:
            return
        if name == "log":
            self.entries.extend(payload["entries"])
        elif name == "chat":
            self._keep_lines([payload])
        elif name == "subscribe_offer":
            self._start(self._renegotiate(payload))
        elif name == "media_lost":
            self._start(self._again())
        elif name in ("taken_over", "session_ended") or (name == "consult" and payload["state"] == "ended"):
            await self._hang_up()

    async def _renegotiate(self, offer: dict[str, Any]) -> None:
        async with self._negotiating:
            if self._receiving is not None:
                await self._answer(offer)

    async def _answer(self, offer: dict[str, Any]) -> None:
        assert self._receiving is not None
        if self._offer is not None and offer["revision"] <= self._offer["revision"]:
            return
        self._offer = offer
        self._by_mid = {track["mid"]: track["participant_id"] for track in offer["tracks"]}
        await self._receiving.setRemoteDescription(RTCSessionDescription(offer["sdp"], "offer"))
        await self._receiving.setLocalDescription(await self._receiving.createAnswer())
        with suppress_stale():
            await self.call(
                "answer",
                consult_id=self._consult_id,
                sdp=self._receiving.localDescription.sdp,
                revision=offer["revision"],
            )

    async def _again(self) -> None:
        """The media server is gone: both connections anew, as soon as there is another."""
        had_published = self._publishing is not None
        pause_s = 1.0
        while True:
            try:
                if had_published:
                    await self.publish()
                await self.subscribe()
            except Refused as refusal:
                if refusal.code != "media.unavailable":
                    raise
                await asyncio.sleep(pause_s)
                pause_s = min(15.0, pause_s * 2)
            else:
                return

    def _track(self, track: MediaStreamTrack) -> None:
        assert self._receiving is not None
        mid = next(str(one.mid) for one in self._receiving.getTransceivers() if one.receiver.track is track)
        self._start(self._read(track, mid))

    async def _read(self, track: MediaStreamTrack, mid: str) -> None:
        seen: set[str] = set()
        with suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                participant_id = self._by_mid.get(mid)
                if participant_id is None:
                    continue
                heard = self.heard.setdefault(participant_id, Heard())
                if isinstance(frame, VideoFrame):
                    heard.video_frames += 1
                    heard.sizes.add((frame.width, frame.height))
                elif isinstance(frame, AudioFrame):
                    heard.audio_frames += 1
                    heard.audio_energy += _energy(frame)
                if participant_id not in seen:
                    seen.add(participant_id)
                    after_ms = int((time.monotonic() - self._joined_at) * 1000)
                    self._start(self._report(participant_id, track.kind, after_ms))

    async def _report(self, participant_id: str, kind: str, after_ms: int) -> None:
        await self.call(
            "report_first_frame",
            consult_id=self._consult_id,
            participant_id=participant_id,
            kind=kind,
            after_ms=after_ms,
        )

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            await self.call("beat")

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class suppress_stale:  # noqa: N801 - reads as a verb, as contextlib's own do
    """Passes over `media.revision_stale`: a newer offer is on its way."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        return isinstance(error, Refused) and error.code == "media.revision_stale"


def _energy(frame: AudioFrame) -> float:
    samples = array("h", bytes(frame.planes[0]))[::8]
    return sum((sample / 32768) ** 2 for sample in samples)


async def _close(connection: RTCPeerConnection | None) -> None:
    if connection is not None:
        await connection.close()


@asynccontextmanager
async def connected(base_url: str, user_name: str, password: str) -> AsyncIterator[ProtocolClient]:
    """A client that is signed in and connected."""
    client = ProtocolClient(base_url)
    await client.sign_in(user_name, password)
    await client.connect()
    try:
        yield client
    finally:
        await client.close()


async def hold_consult(
    base_url: str,
    user_name: str,
    password: str,
    *,
    consult_id: str | None = None,
    accept: bool = False,
    video_frames: int = 60,
    audio_frames: int = 100,
    say: str | None = None,
    within_s: float = 40,
) -> Outcome:
    """Sign in, (accept the ring and) join, send and receive until somebody else's streams gave that many frames, leave.

    With `accept` the client is a specialist who takes `consult_id` or the first case that rings; else `consult_id` is
    a consult whose room it may enter.
    """
    async with connected(base_url, user_name, password) as client, asyncio.timeout(within_s):
        if accept:
            consult_id = await client.accept(consult_id, within_s)
        if consult_id is None:
            raise ValueError("a consult to join, or a ring to accept")
        await client.join(consult_id)
        await client.publish()
        await client.subscribe()
        if say is not None:
            await client.say(say)
        while not any(
            heard.video_frames >= video_frames and heard.audio_frames >= audio_frames for heard in client.heard.values()
        ):
            await asyncio.sleep(0.05)
        await client.leave()
        return Outcome(
            consult_id=consult_id,
            participant_id=client.participant_id,
            heard=client.heard,
            chat=[line["text"] for line in client.chat],
            kinds=[entry["kind"] for entry in client.entries],
            numbers=[entry["number"] for entry in client.entries],
        )
