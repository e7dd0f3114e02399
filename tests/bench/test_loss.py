"""The report of bench.loss, and the description that leads a browser into its bad line."""

import pytest

from bench.call import reroute
from bench.loss import Outcome, figures

DESCRIPTION = (
    "m=audio 40000 UDP/TLS/RTP/SAVPF 111\r\n"
    "a=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host\r\n"
    "a=candidate:2 1 udp 2130706175 192.0.2.1 40000 typ host\r\n"
    "a=candidate:3 1 tcp 1671430143 127.0.0.1 40001 typ host tcptype passive\r\n"
    "a=end-of-candidates\r\n"
)


def test_the_line_is_the_only_way_to_the_server() -> None:
    rerouted, server = reroute(DESCRIPTION, 50_000)
    assert server == 40_000
    candidates = [line for line in rerouted.splitlines() if "candidate:" in line]
    assert candidates == ["a=candidate:1 1 udp 2130706431 127.0.0.1 50000 typ host"]


def test_a_server_that_is_not_on_loopback_is_refused() -> None:
    with pytest.raises(ValueError, match="no UDP candidate"):
        reroute(DESCRIPTION.replace("127.0.0.1", "192.0.2.2"), 50_000)


def test_the_worse_leg_counts_and_what_did_not_run_is_left_out() -> None:
    outcomes = {
        "5pct-uplink": Outcome(repaired=1.0, longest_freeze_ms=90.123456),
        "5pct-downlink": Outcome(repaired=0.99, longest_freeze_ms=80.0),
        "20pct-uplink": Outcome(concealed=0.01, adapts=True),
        "20pct-downlink": Outcome(concealed=0.02, adapts=False),
        "janus-ramp-uplink": Outcome(concealed=0.3, down_s=2.0, up_s=9.0),
    }
    assert figures(outcomes) == {
        "repaired_5pct": 0.99,
        "longest_freeze_5pct_ms": 90.1235,
        "audio_concealed_20pct": 0.02,
        "video_adapts_20pct": False,
    }
    assert figures(outcomes, "janus-") == {"janus_audio_loss_ramp": 0.3, "janus_down_s": 2.0, "janus_up_s": 9.0}
