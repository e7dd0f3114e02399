"""Which addresses an outgoing call may go to: public ones, and private ones only when allowed, in every disguise."""

from __future__ import annotations

import pytest

from foundation.reach import Reach


@pytest.mark.parametrize("address", ["203.113.131.1", "2405:4800::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_reached(address: str) -> None:
    assert Reach().address(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",  # where clouds keep their credentials
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "no address",
        "",
    ],
)
def test_all_else_is_not(address: str) -> None:
    assert not Reach().address(address)


def test_an_allowed_network_is_reached_and_its_neighbour_is_not() -> None:
    reach = Reach.read("10.20.0.0/16, fd00:1::/32", "")
    assert reach.address("10.20.0.9")
    assert reach.address("::ffff:10.20.0.9")
    assert reach.address("fd00:1::9")
    assert not reach.address("10.21.0.9")
    assert not reach.address("fd00:2::9")


def test_plain_hosts_are_told_by_name_and_by_port() -> None:
    reach = Reach.read("", "his.bv.local, 127.0.0.1:8103")
    assert reach.plain("HIS.bv.local", 80)
    assert reach.plain("127.0.0.1", 8103)
    assert not reach.plain("127.0.0.1", 80)
    assert not reach.plain("other.bv.local", 80)


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="hospital"):
        Reach.read("hospital", "")
