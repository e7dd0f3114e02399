"""What is relied on in aioice and pylibsrtp beyond their documentation."""

import struct
from importlib.metadata import version

import pytest
from aioice import stun
from hypothesis import given, settings
from hypothesis import strategies as st
from pylibsrtp import Policy, Session

from media.aiortc_seam import AES_128_CM_SHA1_80, AES_128_GCM, AES_256_GCM, BindingRequest, PacketBuffer, SrtpSession

PASSWORD = "p" * 24


def check(username: str = "ours:theirs", *, nominate: bool = False, password: str = PASSWORD) -> bytes:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = username
    message.attributes["PRIORITY"] = 1
    if nominate:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(password.encode())
    return bytes(message)


def test_the_pinned_releases_are_installed() -> None:
    """Another minor release may rename what the seam touches: read it anew before this line is changed."""
    assert version("aioice").startswith("0.13.")
    assert version("pylibsrtp").startswith("1.0.")


@pytest.mark.parametrize("nominate", [True, False])
def test_a_check_is_read_and_answered(nominate: bool) -> None:
    request = BindingRequest.parse(check(nominate=nominate))
    assert request is not None
    assert (request.username, request.nominates) == ("ours:theirs", nominate)
    assert request.is_from_holder_of(PASSWORD)
    assert not request.is_from_holder_of("q" * 24)
    response = stun.parse_message(request.response("192.0.2.1", 32853, PASSWORD))
    assert response.message_class == stun.Class.RESPONSE
    assert response.attributes["XOR-MAPPED-ADDRESS"] == ("192.0.2.1", 32853)
    assert response.check_message_integrity(PASSWORD.encode())


def test_an_ipv6_zone_is_left_out_of_the_answer() -> None:
    request = BindingRequest.parse(check())
    assert request is not None
    response = stun.parse_message(request.response("fe80::1%eth0", 1000, PASSWORD))
    assert response.attributes["XOR-MAPPED-ADDRESS"] == ("fe80::1", 1000)


def test_a_check_without_integrity_is_of_nobody() -> None:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = "ours:theirs"
    request = BindingRequest.parse(bytes(message))
    assert request is not None
    assert not request.is_from_holder_of(PASSWORD)


def test_other_messages_are_no_checks() -> None:
    for kind in (stun.Class.RESPONSE, stun.Class.INDICATION, stun.Class.ERROR):
        assert BindingRequest.parse(bytes(stun.Message(stun.Method.BINDING, kind))) is None
    assert BindingRequest.parse(bytes(stun.Message(stun.Method.ALLOCATE, stun.Class.REQUEST))) is None


def test_rtp_is_not_taken_for_stun() -> None:
    """aioice alone would parse this packet: its sequence number equals its length less 20."""
    packet = struct.pack("!BBHLL", 0x80, 96, 40, 1, 2) + bytes(48)
    assert BindingRequest.parse(packet) is None
    no_cookie = b"\x00\x01" + packet[2:]
    assert BindingRequest.parse(no_cookie) is None


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 200), st.binary(min_size=1, max_size=8), st.integers(0, 220))
def test_mangled_checks_never_raise(at: int, junk: bytes, cut: int) -> None:
    data = check()
    mangled = (data[:at] + junk + data[at + len(junk) :])[: max(cut, 20)]
    request = BindingRequest.parse(mangled)
    if request is not None:
        request.is_from_holder_of(PASSWORD)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_attributes_of_any_content_never_raise(attributes: bytes) -> None:
    header = struct.pack("!HHL12s", 1, len(attributes), 0x2112A442, b"t" * 12)
    request = BindingRequest.parse(header + attributes)
    if request is not None:
        request.is_from_holder_of(PASSWORD)


@pytest.mark.parametrize(("profile", "key_length"), [(AES_128_GCM, 28), (AES_256_GCM, 44), (AES_128_CM_SHA1_80, 30)])
def test_packets_sealed_in_place_are_opened_by_the_documented_session(profile: int, key_length: int) -> None:
    ours, theirs = bytes(range(key_length)), bytes(range(1, key_length + 1))
    session = SrtpSession(profile, theirs, ours)
    reader = Session(Policy(key=ours, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
    writer = Session(Policy(key=theirs, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
    buffer = PacketBuffer()
    media = struct.pack("!BBHLL", 0x80, 96, 1, 2, 3) + b"payload"
    report = struct.pack("!BBHL", 0x80, 201, 1, 3)

    buffer.put(0, media)
    sealed = session.seal_rtp(buffer, len(media))
    assert reader.unprotect(bytes(buffer.view[:sealed])) == media
    buffer.put(0, report)
    sealed = session.seal_rtcp(buffer, len(report))
    assert reader.unprotect_rtcp(bytes(buffer.view[:sealed])) == report

    for plain, protected, opened in (
        (media, writer.protect(media), session.open_rtp),
        (report, writer.protect_rtcp(report), session.open_rtcp),
    ):
        buffer.put(0, protected)
        length = opened(buffer, len(protected))
        assert bytes(buffer.view[:length]) == plain
        buffer.put(0, protected)
        assert opened(buffer, len(protected)) == 0  # a replay
        buffer.put(0, protected[:-1] + bytes((protected[-1] ^ 1,)))
        assert opened(buffer, len(protected)) == 0  # a forgery
    for length in range(12):
        assert session.open_rtp(buffer, length) == 0


def test_copies_between_buffers() -> None:
    source, target = PacketBuffer(), PacketBuffer()
    source.put(0, b"0123456789")
    target.copy(2, source, 5, 3)
    assert bytes(target.view[:6]) == b"\0\x00567\0"


def test_an_ssrc_that_is_forgotten_may_begin_again() -> None:
    key = bytes(28)
    session = SrtpSession(AES_128_GCM, key, key)
    session.forget_sent(99)  # never sent: ignored
    buffer = PacketBuffer()
    packet = struct.pack("!BBHLL", 0x80, 96, 1, 2, 3) + b"payload"
    buffer.put(0, packet)
    assert session.seal_rtp(buffer, len(packet)) > 0
    session.forget_sent(3)
    buffer.put(0, packet)
    assert session.seal_rtp(buffer, len(packet)) > 0
