"""Text forms, sealed values, languages, ids, tasks, settings."""

from __future__ import annotations

import asyncio
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import Conflict, Unavailable
from foundation.i18n import Language, Languages
from foundation.ids import is_id, new_id
from foundation.sealing import Sealer
from foundation.settings import Settings
from foundation.tasks import Tasks
from foundation.text import clean_line, clean_text, fold


def test_folding_maps_every_spelling_of_a_name_to_one() -> None:
    spellings = ["Đặng Thị Ngọc Mơ", "dang thi ngoc mo", unicodedata.normalize("NFD", "ĐẶNG  THỊ NGỌC MƠ ")]
    assert {fold(name) for name in spellings} == {"dang thi ngoc mo"}


@given(st.text())
def test_clean_text_is_composed_and_stable(text: str) -> None:
    line = clean_line(text)
    assert line == clean_line(line) == unicodedata.normalize("NFC", line)
    assert clean_text(clean_text(text)) == clean_text(text)


@given(st.text(alphabet="aĐắ e\u0301\u0308\u00a0\u2009\u200b\u202e\t\n\x7f  "))
def test_the_quick_way_of_a_clean_line_is_the_slow_ones(text: str) -> None:
    assert clean_line(text) == clean_line("\x00" + text), "a control character forces the slow way"


def test_direction_overrides_and_control_characters_go() -> None:
    assert clean_line("a\u202eb\x00c\td") == "abc d"


def test_a_sealed_value_opens_only_in_its_place(sealer: Sealer) -> None:
    sealed = sealer.seal_text("Nguyễn Văn Lành", "patients:pat_1")
    assert "Lành".encode() not in sealed
    assert sealer.open_text(sealed, "patients:pat_1") == "Nguyễn Văn Lành"
    for broken, place in (
        (sealed, "patients:pat_2"),
        (sealed[:-1] + bytes((sealed[-1] ^ 1,)), "patients:pat_1"),
        (b"", "p"),
        (b"\x09abc", "p"),
    ):
        with pytest.raises(Unavailable, match=r"sealing\.unreadable"):
            sealer.open(broken, place)


def test_a_newer_key_seals_and_an_older_one_still_opens(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "keys"
    old = Sealer.from_file(path, create=True)
    assert path.stat().st_mode & 0o777 == 0o600
    sealed, index = old.seal(b"x", "p"), old.index("cccd", "001")
    path.write_text(path.read_text() + "2:" + "A" * 43 + "=\n")
    new = Sealer.from_file(path)
    assert new.open(sealed, "p") == b"x"
    assert new.index("cccd", "001") == index != new.index("bhyt", "001")
    with pytest.raises(Unavailable):
        old.open(new.seal(b"x", "p"), "p")


def test_words_numbers_and_times_of_both_languages() -> None:
    languages = Languages()
    vi, en = languages.get("vi"), languages.get("en")
    at = datetime(2026, 11, 23, 7, 2, 10, tzinfo=UTC)
    zone = ZoneInfo("Asia/Ho_Chi_Minh")
    assert languages.get("fr") is languages.get(None) is vi
    assert (vi.number(2.8), en.number(2.8), vi.number(0.123456, 2)) == ("2,8", "2.8", "0,12")
    assert (vi.time(at, zone), vi.time(at, zone, seconds=True), vi.date(at, zone)) == (
        "14:02",
        "14:02:10",
        "23/11/2026",
    )
    assert vi.weekday(at.date()) == "Thứ Hai"
    error = Conflict("consult.already_claimed", "%(name)s took it", name="BS. Hà")
    assert str(error) == "consult.already_claimed"
    assert en.error(error) == "BS. Hà took it"
    assert isinstance(vi, Language)


def test_ids_say_their_noun_and_nothing_else() -> None:
    one, two = new_id("con"), new_id("con")
    assert one != two
    assert is_id(one, "con")
    assert not any(is_id(bad, "con") for bad in (new_id("pat"), "con_", None, 5, one + "x", one.upper()))


async def test_tasks_outlive_failures_and_end_together() -> None:
    tasks, runs = Tasks(), 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        raise ZeroDivisionError

    loop = tasks.forever("work", work, pause_s=0)
    while runs < 3:
        await asyncio.sleep(0)
    await tasks.close()
    assert loop.cancelled()
    with pytest.raises(RuntimeError):
        tasks.start("late", asyncio.sleep(0))


def test_default_settings_are_loopback_and_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOICHAN_PORT", raising=False)
    settings = Settings()
    assert settings.on_loopback
    assert settings.allowed_origins == {"http://127.0.0.1:8080", "http://localhost:8080"}
    assert not settings.secure_cookies
    public = Settings(host="0.0.0.0", origins="https://hoichan.example.vn, https://b.example.vn/")
    assert not public.on_loopback
    assert public.secure_cookies
    assert public.allowed_origins == {"https://hoichan.example.vn", "https://b.example.vn"}
