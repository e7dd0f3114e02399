"""What services take, made from settings: keys, relays, rates, times. One that cannot be used ends the start."""

from __future__ import annotations

from datetime import timedelta

import click

from consult_rooms.milestones import Goal, Targets
from consult_rooms.model import Urgency
from foundation.anchors import AnchorSigner
from foundation.clock import Clock
from foundation.fetch import Fetcher
from foundation.paces import Rates
from foundation.sealing import Sealer
from foundation.settings import Settings
from hoichan.connections import read_secret
from media.api import NoRelays, Relays
from media.turn import TurnServers
from notify.webpush import Pusher, PushKey


def sealer_of(settings: Settings) -> Sealer:
    """The key that seals the database; made at first start for the embedded one only."""
    embedded = settings.keys_file is None
    path = settings.keys_file or settings.var / "keys"
    if embedded and settings.database_url:
        raise click.ClickException("a database server needs HOICHAN_KEYS_FILE, the same file on every node")
    try:
        return Sealer.from_file(path, create=embedded)
    except OSError as error:
        raise click.ClickException(f"the key file {path.name} cannot be used: {error.strerror}") from error
    except ValueError:  # whose text would show a key
        told = f"the key file {path.name} cannot be used: each line has to be NUMBER:KEY, the key in base64"
        raise click.ClickException(told) from None


def signer_of(settings: Settings) -> AnchorSigner:
    """The key that signs the audit's roots."""
    path = settings.audit_key
    try:
        return AnchorSigner.from_file(path, create=settings.audit_key_file is None)
    except OSError as error:
        raise click.ClickException(f"the key file {path.name} cannot be used: {error.strerror}") from error
    except ValueError:  # whose text would show a key
        raise click.ClickException(f"the key file {path.name} holds no Ed25519 key in PEM") from None


def relays_of(settings: Settings, clock: Clock) -> Relays:
    """The TURN servers a line may go by, or none."""
    if not settings.turn:
        return NoRelays()
    secret = read_secret(settings.turn_secret_file)
    if not secret:
        raise click.ClickException("HOICHAN_TURN_URLS needs HOICHAN_TURN_SECRET_FILE, the secret shared with coturn")
    return TurnServers(settings.turn, secret, timedelta(hours=settings.turn_hours), clock)


def rates_of(settings: Settings) -> Rates:
    """How often each may ask."""
    return Rates(
        person=settings.rate_person,
        terminal=settings.rate_terminal,
        facility=settings.rate_facility,
        address=settings.rate_address,
        consults=settings.rate_consults,
    )


def targets_of(settings: Settings) -> dict[Urgency, timedelta]:
    """Within which time each urgency is to be answered."""
    return {
        Urgency.EMERGENCY: timedelta(seconds=settings.answer_emergency_seconds),
        Urgency.URGENT: timedelta(seconds=settings.answer_urgent_seconds),
        Urgency.ROUTINE: timedelta(seconds=settings.answer_routine_seconds),
    }


def goals_of(settings: Settings) -> Targets:
    """Within which time each goal of a consult's timeline is to be reached."""
    video, opinion = (
        {urgency: timedelta(seconds=getattr(settings, f"{goal}_{urgency}_seconds")) for urgency in Urgency}
        for goal in (Goal.VIDEO, Goal.OPINION)
    )
    return {Goal.ANSWER: targets_of(settings), Goal.VIDEO: video, Goal.OPINION: opinion}


def steps_of(settings: Settings) -> dict[Urgency, float]:
    """How many seconds a step of the ladder lasts."""
    return {
        Urgency.EMERGENCY: settings.ring_step_seconds,
        Urgency.URGENT: settings.urgent_step_seconds,
        Urgency.ROUTINE: settings.routine_step_seconds,
    }


def dues_of(settings: Settings) -> dict[Urgency, timedelta]:
    """Within which time a written case is to be answered."""
    return {
        Urgency.EMERGENCY: timedelta(minutes=settings.written_emergency_minutes),
        Urgency.URGENT: timedelta(minutes=settings.written_urgent_minutes),
        Urgency.ROUTINE: timedelta(minutes=settings.written_routine_minutes),
    }


def pusher_of(settings: Settings, fetcher: Fetcher) -> Pusher | None:
    """What sends Web Push; None where no key is set."""
    if settings.push_key is None:
        return None
    try:
        key = PushKey.from_file(settings.push_key, create=settings.push_key_file is None)
    except OSError as error:
        told = f"the key file {settings.push_key.name} cannot be used: {error.strerror}"
        raise click.ClickException(told) from error
    except ValueError:  # whose text would show a key
        raise click.ClickException(f"the key file {settings.push_key.name} holds no P-256 key in PEM") from None
    return Pusher(key, fetcher, hosts=settings.push_services, contact=settings.push_contact)
