"""Parsers and the forwarder under inputs that nobody should send: the corpus, then valid messages tampered with.

Every run tries some thousand inputs within half a minute; `make chaos` goes on for longer. What hypothesis finds
belongs into `corpus/` as a file of its own, with the fault mended.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.media import replay
from tests.media.corpus_packets import packets
from tests.media.hostile_line import HostileLine
from tests.media.mutations import CORPUS, seeds, tampered
from tests.media.parsers import PARSERS, parse_all
from tests.media.test_forwarding import given_loop

fan_out = pytest.fixture(params=["python", "c"])(given_loop)
_QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example, HealthCheck.filter_too_much]
QUICK = settings(max_examples=250, deadline=None, suppress_health_check=_QUIET)
SESSIONS = settings(max_examples=40, deadline=None, suppress_health_check=_QUIET)
THOROUGH = settings(max_examples=20_000, deadline=None, suppress_health_check=_QUIET)

KINDS = {
    "description": ".sdp", "control": ".rtcp", "feedback": ".feedback", "payload": ".payload", "extensions": ".rtp",
    "check": ".stun", "line": ".line",
}  # fmt: skip
RTP, RTCP = seeds(".rtp"), seeds(".rtcp")
_BLANK = [b"", bytes(12), bytes(64), b"\xff" * 64]


@pytest.mark.parametrize("path", sorted(CORPUS.iterdir()), ids=lambda path: path.name)
def test_the_corpus_is_read(path: Path) -> None:
    parse_all(path.read_bytes())


def test_the_corpus_is_what_its_code_writes() -> None:
    for name, data in packets():
        assert (CORPUS / name).read_bytes() == data, f"{name}: run python -m tests.media.corpus_packets"


def test_folders_of_others_can_be_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "one").write_bytes(b"\x80" * 40)
    (tmp_path / "other").write_bytes(b"v=0\n" * 100_000)
    assert replay.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == "2 files replayed, 0 failed\n"


def test_a_fault_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(data: bytes) -> None:
        raise ValueError(len(data))

    monkeypatch.setitem(PARSERS, "control", raising)
    (tmp_path / "one").write_bytes(b"\x80" * 7)
    assert replay.main([str(tmp_path)]) == 1
    assert "one: control: ValueError: 7 (test_fuzz.py" in capsys.readouterr().out


def fuzz(name: str, given_by: settings) -> None:
    """Give a parser tampered messages of its own kind, and now and then of another."""
    own = seeds(KINDS[name])

    @given_by
    @given(tampered([*own, *_BLANK]) | tampered(seeds()) | st.binary(max_size=300))
    def parse(data: bytes) -> None:
        PARSERS[name](data)

    parse()


@pytest.mark.parametrize("name", KINDS)
def test_tampered_messages_are_read_or_refused(name: str) -> None:
    fuzz(name, QUICK)


STEP = st.one_of(
    st.tuples(st.just("media"), tampered(RTP)),
    st.tuples(st.just("control"), tampered(RTCP)),
    st.tuples(st.just("leap"), st.integers(0, 20) | st.integers(0, 0xFFFF), st.integers(1, 31)),
    st.tuples(st.just("again"), st.lists(st.integers(-20, 20) | st.integers(-300, 300), max_size=30)),
    st.tuples(st.just("switch"), st.integers(0, 1)),
    st.tuples(st.just("time"), st.floats(0, 3)),
)


AN_OLD_LAYER_AHEAD: list[tuple[object, ...]] = [
    ("leap", 5, 4), ("switch", 1), ("leap", 7, 8), *(("leap", number, 4) for number in range(8, 12)),
    ("again", [-1, -2]), ("leap", 8, 8), ("leap", 9, 8),
]  # fmt: skip
"""A viewer has gone to another layer, the one that it left is ahead, and it asks for what is yet to come."""


def sessions(given_by: settings) -> None:
    """Whole sequences of authentic datagrams: numbers that leap, repairs, layers that change, and nonsense between."""

    @given_by
    @given(st.lists(STEP, max_size=25))
    @example(AN_OLD_LAYER_AHEAD)
    def play(steps: list[tuple[object, ...]]) -> None:
        line = HostileLine()
        for step in steps:
            match step:
                case ("media", bytes(data)):
                    line.media(data[:1_800])
                case ("control", bytes(data)):
                    line.control(data[:1_800])
                case ("leap", int(number), int(streams)):
                    line.leap(number, streams)
                case ("again", list(numbers)):
                    line.ask_again(numbers)
                case ("switch", int(layer)):
                    line.switch(layer)
                case ("time", float(seconds)):
                    line.pass_time(seconds)
        line.still_forwards()

    play()


@pytest.mark.usefixtures("fan_out")
def test_the_hostile_line_forwards_at_all() -> None:
    """Or nothing would be tried by what follows."""
    line = HostileLine()
    line.leap(1)
    line.leap(2)
    assert len({(viewer, ssrc) for viewer, ssrc, _ in line.sealed}) == 6
    before = len(line.sealed)
    line.ask_again([0])
    assert len(line.sealed) == before + 1  # by RTX; what is repeated without it is the very same
    line.switch(1)
    line.leap(3)
    assert len(line.sealed) == before + 9


@pytest.mark.usefixtures("fan_out")
def test_authentic_nonsense_harms_nobody_else() -> None:
    sessions(SESSIONS)


@pytest.mark.chaos
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("name", KINDS)
def test_tampered_messages_for_long(name: str) -> None:
    fuzz(name, THOROUGH)


@pytest.mark.chaos
@pytest.mark.timeout(3_000)
@pytest.mark.usefixtures("fan_out")
def test_authentic_nonsense_for_long() -> None:
    sessions(settings(THOROUGH, max_examples=5_000))


@pytest.mark.chaos
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("name", [*KINDS, "datagrams"])
def test_what_the_coverage_guides(name: str, tmp_path: Path) -> None:
    """A minute each by atheris, which watches which branches an input reaches: `pip install atheris`, for Linux."""
    pytest.importorskip("atheris")
    (tmp_path / "found").mkdir()
    command = [sys.executable, "-m", "tests.media.guided", name, "-max_total_time=60", "-rss_limit_mb=1024"]
    done = subprocess.run([*command, str(tmp_path / "found"), str(CORPUS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4_000:]
