"""The small parts under a source: its settings' file, its breaker, what it keeps by ETag. Pure, or a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.clock import FakeClock
from records_panel.breaker import Breaker
from records_panel.etags import Etags
from records_panel.source_settings import read_sources

GOOD = """
[[source]]
id = "songtra"
name = "BV Sông Trà"
base = "https://fhir.songtra.example.vn/R4/"
cccd_systems = ["urn:his:cccd"]

[source.auth]
client_id = "hoichan"
key_file = "/run/secrets/songtra.jwk"

[[source]]
id = "tinh"
name = "Sổ sức khỏe tỉnh"
base = "https://fhir.tinh.example.vn"
"""


def test_sources_are_read_from_their_file(tmp_path: Path) -> None:
    file = tmp_path / "sources.toml"
    file.write_text(GOOD, encoding="utf-8")
    first, second = read_sources(file)
    assert (first.id, first.name, first.base) == ("songtra", "BV Sông Trà", "https://fhir.songtra.example.vn/R4")
    assert first.auth is not None
    assert (first.auth.algorithm, first.auth.scope) == ("ES384", "system/*.rs")
    assert first.systems.cccd == ("urn:his:cccd",)
    assert second.auth is None
    assert len(second.systems.cccd) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[source]\n", "is no TOML"),
        ('[[source]]\nid = "a"\nname = "A"\n', "source.0.base"),
        ('[[source]]\nid = "A b"\nname = "A"\nbase = "https://a.vn"\n', "source.0.id"),
        ('[[source]]\nid = "embedded"\nname = "A"\nbase = "https://a.vn"\n', "own book"),
        ('[[source]]\nid = "a"\nname = "A"\nbase = "ftp://a.vn"\n', "source.0.base"),
        ('[[source]]\nid = "a"\nname = "A"\nbase = "https://a.vn?x=1"\n', "source.0.base"),
        ('[[source]]\nid = "a"\nname = "A"\nbase = "https://a.vn"\nsecret = "x"\n', "source.0.secret"),
        ('[[source]]\nid = "a"\nname = "A"\nbase = "https://a.vn"\ncccd_systems = ["a|b"]\n', "cccd_systems"),
        ('[[source]]\nid = "a"\nname = "A"\nbase = "https://a.vn"\n' * 2, "same id"),
        ('[[source]]\nid = "a"\nname = "A"\nbase = "https://a.vn"\n[source.auth]\nalgorithm = "none"\n', "algorithm"),
    ],
)
def test_a_mistake_is_told_by_its_place(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "sources.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=told):
        read_sources(file)


def test_a_breaker_opens_after_failures_in_a_row_and_lets_one_try(clock: FakeClock) -> None:
    breaker = Breaker(clock, most_failures=3, rest_s=30)
    for _ in range(2):
        breaker.failed()
    breaker.succeeded()
    for _ in range(2):
        breaker.failed()
    assert breaker.admits()
    breaker.failed()
    assert breaker.is_open
    assert not breaker.admits()
    clock.advance(31)
    assert [breaker.admits(), breaker.admits()] == [True, False]  # one tries, the others wait for its outcome
    breaker.failed()
    clock.advance(29)
    assert not breaker.admits()
    clock.advance(2)
    assert breaker.admits()
    breaker.succeeded()
    assert breaker.admits()


def test_what_is_kept_is_bounded_and_forgotten(clock: FakeClock) -> None:
    etags = Etags(clock, most_bytes=1000, idle_s=60)
    for name in "abcdefghijk":
        etags.keep(name, f'"{name}"', b"x" * 100)
    assert etags.etag("a") is None
    assert etags.etag("b") == '"b"'
    assert etags.confirmed("b") == b"x" * 100
    etags.keep("new", '"n"', b"y" * 100)
    assert etags.confirmed("b") is not None  # it was used, and so others went first
    assert etags.etag("c") is None
    etags.keep("large", '"l"', b"z" * 500)
    assert etags.etag("large") is None
    clock.advance(61)
    assert etags.etag("b") is None
    assert len(etags) == 0
    etags.keep("b", '"b"', b"x")
    etags.clear()
    assert etags.confirmed("b") is None
