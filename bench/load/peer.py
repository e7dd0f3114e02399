"""One load peer: a UDP socket, ICE as the controlling side, and DTLS as a client. Blocking, so made for threads."""

from __future__ import annotations

import secrets
import select
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from aioice import stun
from cryptography.hazmat.primitives import hashes
from OpenSSL import SSL

from bench.load import descriptions
from bench.load.descriptions import TRANSPORT, Local, Remote, Section, Sources
from bench.load.engine import Engine, Incoming, Keys, Outgoing
from media.certificates import self_signed

CONNECT_S = 15.0
_CHECK_AGAIN_S = 0.05
_PROFILE = b"SRTP_AEAD_AES_128_GCM"
_KEY, _SALT = 16, 12
_RECEIVE_BUFFER = 4 << 20


class Identity:
    """The certificate that all load peers of a process show."""

    def __init__(self) -> None:
        certificate, key = self_signed("load", datetime.now(UTC), timedelta(days=30))
        self.fingerprint = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
        self.context = SSL.Context(SSL.DTLS_METHOD)
        self.context.set_options(SSL.OP_NO_TICKET)
        # Who the server is says its description; a load peer measures and trusts everybody.
        self.context.set_verify(SSL.VERIFY_NONE, lambda *_: True)
        self.context.use_certificate(certificate)
        self.context.use_privatekey(key)
        self.context.set_tlsext_use_srtp(_PROFILE)


class Peer:
    """A publisher or a viewer."""

    def __init__(self, identity: Identity, *, transport_feedback: bool) -> None:
        self._identity = identity
        self._transport_feedback = transport_feedback
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]
        self._local = Local(
            secrets.token_hex(4), secrets.token_hex(12), identity.fingerprint, self.port, transport_feedback
        )
        self._sources = Sources(*(secrets.randbits(31) | 1 for _ in range(3)))
        self._remote: Remote | None = None
        self._ssl: SSL.Connection | None = None
        self.check_at = 0.0
        """When consent has to be asked for again, in monotonic seconds."""

    @property
    def _server(self) -> Remote:
        assert self._remote is not None
        return self._remote

    @property
    def sources(self) -> Sources:
        """The SSRCs of a publisher's offer."""
        return self._sources

    @property
    def server_port(self) -> int:
        """The server's UDP port."""
        return self._server.address[1]

    def offer(self) -> str:
        """A publisher's offer."""
        return descriptions.offer(self._local, self._sources)

    def take_answer(self, text: str) -> None:
        """The server's answer to a publisher's offer."""
        self._remote = descriptions.read(text)

    def answer(self, text: str) -> str:
        """A viewer's answer to the server's offer."""
        self._remote = descriptions.read(text)
        descriptions.accept(self._remote, transport_feedback=self._transport_feedback)
        return descriptions.answer(self._local, self._remote)

    def connect(self) -> Keys:
        """A connectivity check, then the DTLS handshake. Raises TimeoutError."""
        deadline = time.monotonic() + CONNECT_S
        early = self._become_known(deadline)
        self.socket.connect(self._server.address)
        return self._shake_hands(early, deadline)

    def check_consent(self) -> None:
        """Ask whether the server still wants packets (RFC 7675)."""
        with suppress(OSError):
            self.socket.send(self._check())

    def take(self, datagram: bytes) -> None:
        """A datagram that came for this side while the engine runs: a check of the server's, or DTLS."""
        if datagram[0] < 4:
            self._answer_check(datagram)
        elif self._ssl is not None:
            with suppress(SSL.Error, OSError):
                self._ssl.bio_write(datagram)
                self._ssl.recv(1500)

    def publish(self, engine: Engine, keys: Keys, viewers: int) -> None:
        """Hand a connected publisher to the engine, with the number of its viewers."""
        audio, video = (self._outgoing(self._server.of_kind(kind)) for kind in ("audio", "video"))
        engine.publish(self.socket.fileno(), keys, audio, video, viewers)

    def view(self, engine: Engine, keys: Keys) -> None:
        """Hand a connected viewer to the engine."""
        audio, video = (self._server.of_kind(kind) for kind in ("audio", "video"))
        engine.view(
            self.socket.fileno(), keys, self._incoming(audio), self._incoming(video), self._sources.audio,
            tells_limit=video.tells_limit,
        )  # fmt: skip

    @property
    def agreed(self) -> str:
        """What was negotiated for video, in short."""
        video = self._server.of_kind("video")
        parts = ["RTX"] if video.wanted in video.repairs else []
        parts += ["transport-cc"] if TRANSPORT in video.extensions else []
        parts += ["REMB"] if video.tells_limit else []
        return "+".join(["NACK", *parts] if "nack" in video.feedback.get(video.wanted or -1, ()) else parts)

    def close(self) -> None:
        """Let go of the socket."""
        self.socket.close()

    def _outgoing(self, section: Section) -> Outgoing:
        numbers = section.extensions
        video = section.kind == "video"
        wanted = section.wanted or 0
        return Outgoing(
            ssrc=self._sources.video if video else self._sources.audio,
            repair_ssrc=self._sources.repair,
            payload_type=wanted,
            repair_type=section.repairs.get(wanted, -1),
            mid=numbers.get(descriptions.MID, 0),
            level=0 if video else numbers.get(descriptions.LEVEL, 0),
            sent_at=numbers.get(descriptions.SENT_AT, 0),
            transport=numbers.get(TRANSPORT, 0) if self._transport_feedback else 0,
            mid_text=section.mid.encode(),
        )

    def _incoming(self, section: Section) -> Incoming:
        wanted = section.wanted or 0
        return Incoming(
            payload_type=wanted,
            repair_type=section.repairs.get(wanted, -1),
            clock_rate=48_000 if section.kind == "audio" else 90_000,
            transport=section.extensions.get(TRANSPORT, 0),
        )

    def _check(self) -> bytes:
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{self._server.ufrag}:{self._local.ufrag}"
        request.attributes["PRIORITY"] = 1853824767
        request.attributes["ICE-CONTROLLING"] = 1
        request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity(self._server.password.encode())
        return bytes(request)

    def _answer_check(self, datagram: bytes) -> bool:
        """Answer a request; whether it was the answer to one of ours."""
        try:
            message = stun.parse_message(datagram)
        except ValueError:
            return False
        if message.message_class == stun.Class.REQUEST:
            response = stun.Message(
                message_method=message.message_method,
                message_class=stun.Class.RESPONSE,
                transaction_id=message.transaction_id,
            )
            response.attributes["XOR-MAPPED-ADDRESS"] = self._server.address
            response.add_message_integrity(self._local.password.encode())
            with suppress(OSError):
                self.socket.sendto(bytes(response), self._server.address)
        return message.message_class == stun.Class.RESPONSE

    def _become_known(self, deadline: float) -> list[bytes]:
        """Check until the server answers. DTLS datagrams that came meanwhile are given back."""
        early: list[bytes] = []
        while time.monotonic() < deadline:
            self.socket.sendto(self._check(), self._server.address)
            again = time.monotonic() + _CHECK_AGAIN_S
            while (left := again - time.monotonic()) > 0:
                for datagram in self._wait(left):
                    if datagram[0] < 4 and self._answer_check(datagram):
                        return early
                    if 20 <= datagram[0] < 64:
                        early.append(datagram)
        raise TimeoutError("the server answers no connectivity check")

    def _wait(self, seconds: float) -> list[bytes]:
        if not select.select([self.socket], [], [], max(0.0, seconds))[0]:
            return []
        datagrams = []
        with suppress(BlockingIOError):
            while True:
                datagrams.append(self.socket.recv(2048))
        return datagrams

    def _shake_hands(self, early: list[bytes], deadline: float) -> Keys:
        ssl = self._ssl = SSL.Connection(self._identity.context)
        ssl.set_connect_state()
        ssl.set_ciphertext_mtu(1200)
        for datagram in early:
            ssl.bio_write(datagram)
        while time.monotonic() < deadline:
            try:
                ssl.do_handshake()
                done = True
            except SSL.WantReadError:
                done = False
            with suppress(SSL.WantReadError):
                while True:
                    self.socket.send(ssl.bio_read(1500))
            if done:
                return self._keys(ssl)
            heard = self._wait(0.1)
            if not heard:
                ssl.DTLSv1_handle_timeout()
            for datagram in heard:
                if 20 <= datagram[0] < 64:
                    ssl.bio_write(datagram)
                elif datagram[0] < 4:
                    self._answer_check(datagram)
        raise TimeoutError("the DTLS handshake did not end")

    @staticmethod
    def _keys(ssl: SSL.Connection) -> Keys:
        if ssl.get_selected_srtp_profile() != _PROFILE:
            raise ValueError("the server does not agree to AES-GCM")
        half = _KEY + _SALT
        material = ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * half)
        mine, theirs = material[:_KEY], material[_KEY : 2 * _KEY]
        my_salt, their_salt = material[2 * _KEY : 2 * _KEY + _SALT], material[2 * _KEY + _SALT :]
        return Keys(mine + my_salt, theirs + their_salt)
