"""RTCP, checked against aiortc's independent reader and writer."""

import pytest
from aiortc import rtp
from hypothesis import given, settings
from hypothesis import strategies as st

from media import rtcp

NUMBERS = st.integers(0, 0xFFFF)
SSRCS = st.integers(0, 0xFFFFFFFF)


@given(SSRCS, SSRCS, st.sets(NUMBERS, min_size=1, max_size=60))
def test_a_nack_asks_for_exactly_its_numbers(sender: int, source: int, numbers: set[int]) -> None:
    data = rtcp.write_nack(sender, source, numbers)
    (packet,) = rtcp.walk(data, len(data))
    assert (packet.kind, packet.count) == (rtcp.TRANSPORT_FEEDBACK, rtcp.NACK)
    assert rtcp.media_source(data, packet) == source
    assert sorted(rtcp.missing(data, packet)) == sorted(numbers)
    (theirs,) = rtp.RtcpPacket.parse(data)
    assert isinstance(theirs, rtp.RtcpRtpfbPacket)
    assert (theirs.media_ssrc, set(theirs.lost)) == (source, numbers)


@given(SSRCS, st.integers(1, 1 << 40), st.lists(SSRCS, max_size=8))
def test_a_bitrate_limit_is_read_by_others(sender: int, bitrate: int, sources: list[int]) -> None:
    (theirs,) = rtp.RtcpPacket.parse(rtcp.write_bitrate_limit(sender, bitrate, sources))
    assert isinstance(theirs, rtp.RtcpPsfbPacket)
    read, ssrcs = rtp.unpack_remb_fci(theirs.fci)
    assert ssrcs == sources
    assert bitrate * (1 - 2**-17) <= read <= bitrate


def test_reports_and_names_are_read_by_others() -> None:
    block = rtcp.ReportBlock(7, 25, -3, 0x12345, 9, 0xAABBCCDD, 65536)
    data = (
        rtcp.write_receiver_report(1, [block])
        + rtcp.write_sender_report(rtcp.SenderReport(5, 1 << 63, 90_000, 10, 1_000))
        + rtcp.write_name(5, "a stream")
        + rtcp.write_picture_loss(1, 7)
    )
    receiver, sender, name, loss = rtp.RtcpPacket.parse(data)
    assert isinstance(receiver, rtp.RtcpRrPacket)
    assert receiver.reports == [rtp.RtcpReceiverInfo(7, 25, -3, 0x12345, 9, 0xAABBCCDD, 65536)]
    assert isinstance(sender, rtp.RtcpSrPacket)
    assert sender.sender_info == rtp.RtcpSenderInfo(1 << 63, 90_000, 10, 1_000)
    assert isinstance(name, rtp.RtcpSdesPacket)
    assert name.chunks[0].items == [(1, b"a stream")]
    assert isinstance(loss, rtp.RtcpPsfbPacket)
    assert (loss.fmt, loss.media_ssrc) == (rtcp.PICTURE_LOSS, 7)


def test_a_sender_report_of_others_is_read() -> None:
    data = bytes(rtp.RtcpSrPacket(ssrc=5, sender_info=rtp.RtcpSenderInfo(123 << 32, 456, 7, 8)))
    (packet,) = rtcp.walk(data, len(data))
    assert rtcp.sender_report(data, packet) == rtcp.SenderReport(5, 123 << 32, 456, 7, 8)


@pytest.mark.parametrize("length", range(1, 28))
def test_names_of_every_length_fill_whole_words(length: int) -> None:
    data = rtcp.write_name(1, "n" * length)
    assert len(data) % 4 == 0
    (theirs,) = rtp.RtcpPacket.parse(data)
    assert isinstance(theirs, rtp.RtcpSdesPacket)
    assert theirs.chunks[0].items == [(1, b"n" * length)]


def test_full_intra_requests_name_their_sources() -> None:
    body = (1).to_bytes(4, "big") + bytes(4) + (77).to_bytes(4, "big") + bytes(4) + (78).to_bytes(4, "big") + bytes(4)
    data = bytes((0x84, rtcp.PAYLOAD_FEEDBACK, 0, len(body) // 4)) + body
    (packet,) = rtcp.walk(data, len(data))
    assert rtcp.key_frame_sources(data, packet) == [77, 78]


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 31), st.sampled_from([200, 201, 202, 205, 206, 207]))
def test_any_octets_are_read_without_error(rest: bytes, count: int, kind: int) -> None:
    data = bytes((0x80 | count, kind, 0, min(255, len(rest) // 4))) + rest
    for packet in rtcp.walk(data, len(data)):
        assert packet.end <= len(data)
        rtcp.sender_report(data, packet)
        rtcp.media_source(data, packet)
        rtcp.missing(data, packet)
        rtcp.key_frame_sources(data, packet)
