"""Ephemeral TURN credentials: what the scheme says, letter by letter."""

from datetime import UTC, datetime, timedelta

from foundation.clock import FakeClock
from media.api import NoRelays
from media.turn import TurnServers, credentials

AT = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
URLS = ("turn:turn.example.vn:3478?transport=udp", "turns:turn.example.vn:443?transport=tcp")


def test_the_password_is_the_hmac_of_the_username() -> None:
    username, password = credentials("a secret", "par_1", AT)
    assert username == "1795460400:par_1"
    # `printf %s 1795460400:par_1 | openssl dgst -sha1 -hmac "a secret" -binary | base64` prints the same.
    assert password == "vtcqHst2mrjjTwytgOFXBbfxfag="


def test_each_participant_moment_and_installation_has_its_own() -> None:
    made = {
        credentials(secret, name, AT + timedelta(seconds=later))
        for secret in ("one", "two")
        for name in ("par_1", "par_2")
        for later in (0, 1)
    }
    assert len({password for _, password in made}) == 8


def test_servers_are_given_for_as_long_as_a_consult_may_last() -> None:
    clock = FakeClock(AT)
    turn = TurnServers(URLS, "a secret", timedelta(hours=12), clock)
    (server,) = turn.servers("par_1")
    assert server.urls == URLS
    assert (server.username, server.credential) == credentials("a secret", "par_1", AT + timedelta(hours=12))
    clock.advance(60)
    (later,) = turn.servers("par_1")
    assert later.username != server.username


def test_a_credential_is_not_shown_in_logs() -> None:
    (server,) = TurnServers(URLS, "a secret", timedelta(hours=1), FakeClock(AT)).servers("par_1")
    assert server.credential not in repr(server)


def test_without_turn_there_are_no_servers() -> None:
    assert NoRelays().servers("par_1") == ()
