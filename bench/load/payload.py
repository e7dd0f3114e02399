"""Ten seconds of real VP8 in RTP payloads, encoded once and kept in the system's temporary folder."""

from __future__ import annotations

import json
import os
import random
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.video.codeccontext import VideoCodecContext

WIDTH, HEIGHT, RATE, BITRATE = 640, 480, 30, 1_150_000
_FRAMES = 300
_KEY_EVERY = 90
_LARGEST = 1_180
"""Bytes of a payload: with headers and SRTP's tag a datagram stays below 1,280."""
_DESCRIPTOR = bytes((0x80, 0x80, 0x80, 0))
"""VP8's payload descriptor (RFC 7741 §4.2) with a 15-bit picture id, which the engine fills in."""
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Payload:
    """`frames` holds each frame's RTP payloads, `keys` whether it is a key frame."""

    frames: list[list[bytes]]
    keys: list[bool]


def payload() -> Payload:
    """A moving, textured picture at about the bitrate that a webcam's would have."""
    kept = Path(tempfile.gettempdir()) / f"hoichan-bench-vp8-{os.getuid()}-{_VERSION}.json"
    if kept.exists():
        frames = [bytes.fromhex(frame) for frame in json.loads(kept.read_text())]
    else:
        frames = _encode()
        partial = kept.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps([frame.hex() for frame in frames]))
        partial.replace(kept)
    return Payload([_packets(frame) for frame in frames], [not frame[0] & 1 for frame in frames])


def _packets(frame: bytes) -> list[bytes]:
    count = -(-len(frame) // _LARGEST)
    size = -(-len(frame) // count)
    pieces = [frame[at : at + size] for at in range(0, len(frame), size)]
    # The S bit marks the start of the partition.
    return [bytes((0x90 if not k else 0x80,)) + _DESCRIPTOR[1:] + piece for k, piece in enumerate(pieces)]


def _encode() -> list[bytes]:
    codec = av.CodecContext.create("libvpx", "w")
    assert isinstance(codec, VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    codec.time_base = Fraction(1, RATE)
    codec.bit_rate = BITRATE
    codec.gop_size = _KEY_EVERY
    rate = str(BITRATE)
    codec.options = {
        "deadline": "realtime", "cpu_used": "-6", "lag-in-frames": "0", "auto-alt-ref": "0",
        "maxrate": rate, "minrate": rate, "bufsize": str(BITRATE // 2),
    }  # fmt: skip
    # A textured wall that moves past the camera.
    texture = random.Random(1).randbytes(2 * WIDTH * HEIGHT).translate(bytes(70 + value % 60 for value in range(256)))
    frames: list[bytes] = []
    for number in range(_FRAMES):
        at = number * 7 % WIDTH
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        frame.planes[0].update(
            b"".join(texture[2 * WIDTH * y + at : 2 * WIDTH * y + at + WIDTH] for y in range(HEIGHT))
        )
        for plane in frame.planes[1:]:
            plane.update(bytes((128,)) * plane.buffer_size)
        frame.pts = number
        frames += [bytes(packet) for packet in codec.encode(frame)]
    return frames
