"""Passive DTLS for SRTP keys (RFC 5763, RFC 5764) over memory, with pyOpenSSL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from secrets import token_hex

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from OpenSSL import SSL

from media.aiortc_seam import AES_128_CM_SHA1_80, AES_128_GCM, AES_256_GCM, SrtpSession
from media.certificates import self_signed

MTU = 1200
"""Bytes of one datagram that pass every path that WebRTC meets in practice."""
_RECORD_HEADER = 13
_MOST_TAKEN = 65_536
"""Octets that a handshake takes in at most; one of a browser has a few thousand, however often they are repeated."""
_HASHES = {"sha-256": hashes.SHA256(), "sha-384": hashes.SHA384(), "sha-512": hashes.SHA512()}
_CIPHERS = b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305"


@dataclass(frozen=True, slots=True)
class _Profile:
    """An SRTP protection profile (RFC 5764 §4.1.2, RFC 7714 §14.2); lengths in bytes."""

    name: bytes
    number: int
    key: int
    salt: int


# The order is our preference: 128-bit GCM costs least and is what browsers offer first.
_PROFILES = (
    _Profile(b"SRTP_AEAD_AES_128_GCM", AES_128_GCM, 16, 12),
    _Profile(b"SRTP_AEAD_AES_256_GCM", AES_256_GCM, 32, 12),
    _Profile(b"SRTP_AES128_CM_SHA1_80", AES_128_CM_SHA1_80, 16, 14),
)


def _fingerprint(certificate: x509.Certificate, name: str) -> str:
    return certificate.fingerprint(_HASHES[name]).hex(":").upper()


class Certificate:
    """The worker's own certificate: self-signed, made at start, known to peers by its fingerprint alone."""

    def __init__(self, now: datetime) -> None:
        # A short name, so that the first flight is within what a check and a ClientHello allow to be sent.
        certificate, key = self_signed(token_hex(4), now, timedelta(days=365))
        self.fingerprint = _fingerprint(certificate, "sha-256")
        """Its SHA-256 as descriptions write it."""
        self.context = SSL.Context(SSL.DTLS_METHOD)
        # Between records an association needs no buffers, and most of its life is between records.
        self.context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        self.context.set_session_cache_mode(SSL.SESS_CACHE_OFF)  # a browser never resumes one
        self.context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU)
        # Peers' certificates are self-signed: the fingerprint of the description is what is checked.
        self.context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        self.context.use_certificate(certificate)
        self.context.use_privatekey(key)
        self.context.set_cipher_list(_CIPHERS)
        self.context.set_tlsext_use_srtp(b":".join(profile.name for profile in _PROFILES))


class DtlsState(Enum):
    """Where the association stands."""

    HANDSHAKE = auto()
    ESTABLISHED = auto()
    SETTLED = auto()
    """Established, with nothing left to say but goodbye."""
    ENDED = auto()


class DtlsSession:
    """The server's end of one association. It has no socket: datagrams go in and come out."""

    def __init__(self, certificate: Certificate) -> None:
        self._connection: SSL.Connection | None = SSL.Connection(certificate.context)
        self._goodbye = b""
        self._taken = 0
        self._ssl.set_accept_state()
        self._ssl.set_ciphertext_mtu(MTU)
        self.state = DtlsState.HANDSHAKE

    @property
    def _ssl(self) -> SSL.Connection:
        if self._connection is None:
            raise RuntimeError("a settled association is asked for what it has let go")
        return self._connection

    def settle(self) -> None:
        """Let go of what a handshake needs, 80 kB. For an association that the peer has used already: it has our last
        flight then, and the keys are in the SRTP session. Goodbye is written now and sent by `end`."""
        if self.state is not DtlsState.ESTABLISHED:
            return
        with suppress(SSL.Error):
            self._ssl.shutdown()
            self._goodbye = self._ssl.bio_read(MTU)
        self._connection, self.state = None, DtlsState.SETTLED

    def receive(self, datagram: bytes) -> None:
        """Take a datagram. Also after the handshake: a lost last flight is repeated only if OpenSSL hears of it."""
        if self.state in (DtlsState.ENDED, DtlsState.SETTLED):
            return
        try:
            self._ssl.bio_write(datagram)
            if self.state is DtlsState.HANDSHAKE:
                self._taken += len(datagram)
                if self._taken > _MOST_TAKEN:
                    # Each message may claim 100 kB, and several be begun before any is whole.
                    self.state = DtlsState.ENDED
                    return
                self._ssl.do_handshake()
                self.state = DtlsState.ESTABLISHED
            else:
                while True:  # a datagram may hold many records, and what is not read stays in memory
                    self._ssl.recv(MTU)
        except SSL.WantReadError:
            return
        except SSL.Error:
            self.state = DtlsState.ENDED

    def tick(self) -> bool:
        """Repeat the last flight when its time has come (RFC 6347 §4.2.4). False when the handshake has failed."""
        if self.state is DtlsState.HANDSHAKE:
            try:
                self._ssl.DTLSv1_handle_timeout()
            except SSL.Error:
                self.state = DtlsState.ENDED
                return False
        return True

    def end(self) -> None:
        """Say goodbye, so that the other side need not wait for its consent to expire."""
        if self.state is DtlsState.ESTABLISHED:
            with suppress(SSL.Error):  # the other side may be gone already
                self._ssl.shutdown()
        self.state = DtlsState.ENDED

    def outgoing(self) -> Iterator[bytes]:
        """Datagrams to send now. The memory between keeps no borders, so records are packed anew."""
        if self._connection is None:
            goodbye, self._goodbye = (self._goodbye, b"") if self.state is DtlsState.ENDED else (b"", self._goodbye)
            if goodbye:
                yield goodbye
            return
        try:
            waiting = self._ssl.bio_read(65_536)
        except SSL.Error:
            return
        start = end = 0
        while end + _RECORD_HEADER <= len(waiting):
            after = end + _RECORD_HEADER + int.from_bytes(waiting[end + 11 : end + 13], "big")
            if after - start > MTU and end > start:
                yield waiting[start:end]
                start = end
            end = after
        yield waiting[start:]

    def is_peer(self, fingerprints: Mapping[str, str]) -> bool:
        """Whether the peer's certificate has the fingerprints of its description (RFC 8122 §5)."""
        certificate = self._ssl.get_peer_certificate(as_cryptography=True)
        known = fingerprints.keys() & _HASHES.keys()
        return (
            certificate is not None
            and bool(known)
            and all(_fingerprint(certificate, name) == fingerprints[name] for name in known)
        )

    def srtp(self) -> SrtpSession | None:
        """The keys of the established association, or None when no profile was agreed."""
        name = self._ssl.get_selected_srtp_profile()
        profile = next((profile for profile in _PROFILES if profile.name == name), None)
        if profile is None:
            return None
        key, salt = profile.key, profile.salt
        material = self._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
        client = material[:key] + material[2 * key : 2 * key + salt]
        server = material[key : 2 * key] + material[2 * key + salt :]
        return SrtpSession(profile.number, client, server)
