"""Numbers of codecs, and where a decoder can begin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import codecs
from media.sdp import Codec


def test_viewers_numbers_are_one_a_codec() -> None:
    numbers = codecs.PayloadTypes()
    firefox_vp8, chromium_vp8 = Codec(120, "VP8", 90_000), Codec(96, "VP8", 90_000)
    high = Codec(96, "H264", 90_000, 1, "packetization-mode=1;profile-level-id=640c1f")
    baseline = Codec(126, "H264", 90_000, 1, "packetization-mode=1;profile-level-id=42e01f")
    given = [numbers.of(codec) for codec in (firefox_vp8, chromium_vp8, high, baseline)]
    assert [codec.payload_type for codec in given if codec] == [96, 96, 98, 102]
    assert numbers.of(high) == given[2]


def test_numbers_run_out_cleanly() -> None:
    numbers = codecs.PayloadTypes()
    wanted = [Codec(96, "H264", 90_000, 1, f"profile-level-id={n:02x}{n:02x}1f") for n in range(40)]
    given = [numbers.of(codec) for codec in wanted]
    used = [codec.payload_type for codec in given if codec is not None]
    assert len(set(used)) == len(used) == 27
    assert all(96 <= number < 128 for number in used)


@pytest.mark.parametrize(
    ("name", "payload", "starts"),
    [
        ("VP8", "10 00 00", True),
        ("VP8", "10 01 00", False),
        ("VP8", "00 00 00", False),  # not the start of the partition
        ("VP8", "11 00 00", False),  # partition 1
        ("VP8", "90 80 81 23 00 00", True),  # 15-bit picture id
        ("VP8", "90 80 12 00 00", True),  # 7-bit picture id
        ("VP8", "90 e0 81 23 04 20 01 00", False),  # picture id, TL0, TID; a delta frame
        ("VP8", "90 e0 81 23 04 20 00 00", True),
        ("H264", "67 42 e0 1f", True),
        ("H264", "65 88 84", True),
        ("H264", "41 9a 00", False),
        ("H264", "7c 85 88", True),  # first fragment of an IDR slice
        ("H264", "7c 05 88", False),  # a later one
        ("H264", "7c 81 88", False),  # first fragment of another slice
        ("H264", "78 00 04 67 42 e0 1f 00 02 68 ce", True),
        ("H264", "78 00 02 09 10 00 02 41 9a", False),
    ],
)
def test_key_frames_are_told_by_their_first_octets(name: str, payload: str, starts: bool) -> None:
    data = bytes.fromhex(payload)
    assert codecs.starts_key_frame(name, b"\xff" * 4 + data + b"\xff" * 4, 4, 4 + len(data)) is starts


@given(st.sampled_from(["VP8", "H264"]), st.binary(max_size=12))
def test_short_payloads_never_raise(name: str, payload: bytes) -> None:
    codecs.starts_key_frame(name, payload, 0, len(payload))
