"""Addresses as typed."""

from __future__ import annotations

import pytest

from foundation.errors import Invalid
from notify.contacts import QuietHours, mail_address, mobile_number, quiet_hours


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("0912 345 678", "+84912345678"),
        ("(+84) 912.345-678", "+84912345678"),
        ("0084912345678", "+84912345678"),
        ("+33 6 12 34 56 78", "+33612345678"),
        ("", None),
    ],
)
def test_a_number_becomes_international(typed: str, kept: str | None) -> None:
    assert mobile_number(typed) == kept


@pytest.mark.parametrize("typed", ["12", "+0912345678", "0912abc678", "+849123456789012345"])
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(Invalid, match=r"contact\.mobile"):
        mobile_number(typed)


@pytest.mark.parametrize(
    "typed",
    ["lan", "lan@", "@tram.vn", "lan@tram", "lan@tram.vn\nBcc: a@b.vn", "Lan <lan@tram.vn>", "a@b.vn,c@d.vn", "é@b.vn"],
)
def test_what_is_no_mail_address_is_refused(typed: str) -> None:
    with pytest.raises(Invalid, match=r"contact\.mail"):
        mail_address(typed)


def test_a_mail_address_is_kept() -> None:
    assert (mail_address(" bs.lan@benhvien.example.vn "), mail_address(" ")) == ("bs.lan@benhvien.example.vn", None)


def test_quiet_hours_are_two_times() -> None:
    assert quiet_hours("21:00", "06:30") == QuietHours(1260, 390)
    assert quiet_hours("", "") is None
    for starts, ends in (("21:00", ""), ("25:00", "06:00"), ("06:00", "06:00")):
        with pytest.raises(Invalid, match=r"contact\.quiet"):
            quiet_hours(starts, ends)
