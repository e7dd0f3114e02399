"""Reading descriptions: what browsers write, and what nobody should."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import Invalid
from media import codecs, sdp

FINGERPRINT = ":".join(["0A"] * 32)
CHROMIUM = "\r\n".join(
    [
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1 2",
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS s",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:abcdefghijklmnopqrstuv12",
        "a=ice-options:trickle",
        f"a=fingerprint:sha-256 {FINGERPRINT.lower()}",
        "a=setup:actpass",
        "a=mid:0",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=sendonly",
        "a=msid:s t1",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=rtpmap:111 opus/48000/2",
        "a=rtcp-fb:111 transport-cc",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:63 red/48000/2",
        "a=rtpmap:9 G722/8000",
        "a=ssrc:1001 cname:x",
        "m=video 0 UDP/TLS/RTP/SAVPF 96 97 102 103 104",
        "a=bundle-only",
        "a=mid:1",
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=sendonly",
        "a=rtcp-mux",
        "a=rtpmap:96 VP8/90000",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        "a=rtpmap:102 H264/90000",
        "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f",
        "a=rtpmap:104 H264/90000",
        "a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        "a=ssrc-group:FID 2002 2003",
        "a=ssrc:2002 cname:x",
        "a=ssrc:2003 cname:x",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "a=mid:2",
        "",
    ]
)


def test_a_chromium_offer_is_read() -> None:
    offer = sdp.parse(CHROMIUM)
    audio, video, data = offer.sections
    assert offer.session_id == "4611731400430051336"
    assert offer.transport is audio
    assert (audio.ufrag, audio.setup, audio.fingerprints) == ("abcd", "actpass", {"sha-256": FINGERPRINT})
    assert audio.extensions[sdp.MID_URI] == 4
    assert audio.codecs[111] == sdp.Codec(111, "OPUS", 48_000, 2, "minptime=10;useinbandfec=1")
    assert audio.sends
    assert not audio.receives
    assert video.sends  # port 0 with bundle-only is no rejection
    assert (video.media_ssrcs, video.repairs) == ([2002], {2003: 2002})
    assert data.kind == "application"


def test_the_first_codec_that_can_be_forwarded_is_chosen() -> None:
    audio, video, _ = sdp.parse(CHROMIUM).sections
    assert codecs.choose(audio) == audio.codecs[111]
    assert codecs.choose(video) == video.codecs[96]
    repair = codecs.repair_of(video, video.codecs[96])
    assert repair is not None
    assert repair.payload_type == 97
    h264_first = sdp.parse(CHROMIUM.replace("SAVPF 96 97 102 103 104", "SAVPF 102 104 96 97")).sections[1]
    assert codecs.choose(h264_first) == h264_first.codecs[104]  # the other one has packetization mode 0
    assert codecs.repair_of(h264_first, h264_first.codecs[104]) is None


def test_session_level_attributes_hold_for_all_sections() -> None:
    moved = CHROMIUM.replace(f"a=fingerprint:sha-256 {FINGERPRINT.lower()}\r\n", "").replace(
        "t=0 0\r\n", f"t=0 0\r\na=fingerprint:sha-256 {FINGERPRINT}\r\n"
    )
    assert sdp.parse(moved).transport.fingerprints == {"sha-256": FINGERPRINT}


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("v=0", "v=1"),
        ("a=mid:1", "a=mid:0"),
        ("a=mid:1", "a=mid:<script>"),
        ("a=mid:1", "a=mid:" + "1" * 17),
        ("a=mid:1\r\n", ""),
        ("a=group:BUNDLE 0 1 2\r\n", ""),
        ("a=ice-ufrag:abcd\r\n", ""),
        ("a=ice-ufrag:abcd", "a=ice-ufrag:a b"),
        ("a=ice-pwd:abcdefghijklmnopqrstuv12", "a=ice-pwd:short"),
        (FINGERPRINT.lower(), "0a:0b"),
        ("a=rtcp-mux\r\n", ""),
        ("m=audio 9", "m=audio 99999"),
        ("m=audio", "m=hologram"),
        ("t=0 0", "t"),
        ("t=0 0", "s=\x07"),
    ],
)
def test_what_cannot_be_used_is_refused(was: str, becomes: str) -> None:
    assert was in CHROMIUM
    with pytest.raises(Invalid) as refused:
        sdp.parse(CHROMIUM.replace(was, becomes))
    assert refused.value.code == "media.sdp_invalid"


def test_sections_and_length_are_bounded() -> None:
    section = CHROMIUM[CHROMIUM.index("m=application") :]
    many = CHROMIUM + "".join(section.replace("a=mid:2", f"a=mid:x{n}") for n in range(sdp.MAX_SECTIONS))
    for text in (many, CHROMIUM + "a=x:" + "y" * sdp.MAX_SDP_BYTES):
        with pytest.raises(Invalid):
            sdp.parse(text)


def test_numbers_of_many_digits_are_no_numbers() -> None:
    many = "9" * 5_000  # Python itself refuses to read that
    offer = sdp.parse(CHROMIUM + f"a=ssrc-group:FID {many} {many}\r\na=ssrc:{many} cname:x\r\na=mid:2\r\n")
    assert offer.sections[2].repairs == {}


@pytest.mark.parametrize(
    "line",
    [
        "a=ssrc-group:FID 1 2", "a=fingerprint:sha-256 " + FINGERPRINT, "a=extmap:1 " + "u" * 100, "a=rtcp-fb:96 nack",
        "a=rid:h send", "a=simulcast:send " + ";".join("abcdefgh"), "a=ssrc:7 " + "c" * 100, "a=" + "x" * 120, "b=AS:1",
    ],
)  # fmt: skip
def test_the_longest_description_is_read_in_time(line: str) -> None:
    """As many lines as fit, and one too many."""
    room = sdp.MAX_SDP_BYTES - len(CHROMIUM)
    text = CHROMIUM + (line + "\n") * (room // (len(line) + 1))
    began = time.process_time()
    sdp.parse(text)
    assert time.process_time() - began < 0.5
    with pytest.raises(Invalid):
        sdp.parse(text + "a=" + "y" * (len(line) + 1))
    with pytest.raises(Invalid):
        sdp.parse("v=0\r\n" + "a=" + "\u1ea1" * (sdp.MAX_SDP_BYTES // 2))  # letters are not octets


def test_payload_types_that_look_like_rtcp_are_passed_over() -> None:
    offer = sdp.parse(CHROMIUM.replace("SAVPF 111 63 9", "SAVPF 72 63 9").replace(":111 ", ":72 "))
    assert 72 not in offer.sections[0].codecs


LINES = CHROMIUM.split("\r\n")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mangled_offers_are_read_or_refused(data: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.integers(0, 3)):
            case 0:
                lines.pop(at)
            case 1:
                lines.insert(at, data.draw(st.sampled_from(LINES)))
            case 2:
                lines[at] = re.sub(r"\d+", str(data.draw(st.integers(-1, 1 << 70))), lines[at])
            case _:
                cut = data.draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:cut] + data.draw(st.text(max_size=20)) + lines[at][cut:]
        if not lines:
            break
    try:
        offer = sdp.parse("\r\n".join(lines))
    except Invalid:
        return
    for section in offer.sections:
        codecs.choose(section)
        assert all(0 < ssrc < 1 << 32 for ssrc in section.ssrcs)
        assert re.fullmatch(r"\S{1,16}", section.mid)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_refused_cleanly(text: str) -> None:
    with pytest.raises(Invalid):
        sdp.parse("v=0\r\n" + text)
