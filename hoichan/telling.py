"""Builds the outbox and the calendars from the settings; a part of `hoichan.wiring`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

import click

from consult_rooms.busy_calendars import BusyCalendars
from consult_rooms.calendar_feeds import CalendarFeeds
from consult_rooms.contact_desk import ContactDesk
from consult_rooms.dead_letters import DeadLetters
from consult_rooms.invitations import Invitations
from consult_rooms.notices import AppointmentNotices
from consult_rooms.telling import Telling
from foundation.audit import Audit
from foundation.clock import Clock
from foundation.database import Database
from foundation.fetch import Fetcher
from foundation.i18n import Languages
from foundation.sealing import Sealer
from foundation.settings import Settings
from hoichan.connections import read_secret
from identity.guard import Guard
from identity.rows import active_staff
from identity.store import Directory
from notify.carrier import Carrier
from notify.contacts import Contacts
from notify.delivery import Delivery
from notify.mail import Mailer, SmtpServer
from notify.notice import Channel
from notify.outbox import Outbox
from notify.push import PushSender
from notify.sms import SmsGateway, SmsSender
from notify.subscriptions import Subscriptions
from notify.webpush import Pusher
from notify.wording import Wording


@dataclass(frozen=True, slots=True)
class Told:
    """What the pages are given, what appointments say it to, and what carries it."""

    telling: Telling
    notices: AppointmentNotices
    delivery: Delivery


def telling(
    settings: Settings,
    database: Database,
    audit: Audit,
    directory: Directory,
    sealer: Sealer,
    fetcher: Fetcher,
    subscriptions: Subscriptions,
    pusher: Pusher | None,
    languages: Languages,
    clock: Clock,
) -> Told:
    """Every way out that the settings name. Raises ClickException for one that they name by half."""
    contacts, site, guard = Contacts(database, audit, sealer), settings.site, Guard(audit)
    carriers: dict[Channel, Carrier] = {}
    if (server := _smtp(settings)) is not None:
        invitations = Invitations(languages, server.sender, site)
        carriers[Channel.MAIL] = Mailer(server, contacts, invitations.part, site)
    if (gateway := _sms(settings)) is not None:
        carriers[Channel.SMS] = SmsSender(gateway, contacts, fetcher, site)
    if pusher is not None:
        carriers[Channel.PUSH] = PushSender(database, subscriptions, pusher)
    outbox, wording = Outbox(database, contacts, carriers), Wording(languages)
    busy = BusyCalendars(
        database,
        audit,
        directory,
        sealer,
        fetcher,
        ZoneInfo(settings.zone),
        timedelta(days=settings.busy_days),
        timedelta(minutes=settings.busy_minutes),
    )
    return Told(
        Telling(
            outbox,
            wording,
            ContactDesk(contacts, directory, guard),
            DeadLetters(database, audit, guard),
            CalendarFeeds(database, audit, directory, languages, clock, site),
            busy,
        ),
        AppointmentNotices(outbox, settings.zone, settings.reminders),
        Delivery(database, contacts, wording, carriers, active_staff),
    )


def _smtp(settings: Settings) -> SmtpServer | None:
    if not settings.smtp_host:
        return None
    if not settings.mail_from:
        raise click.ClickException("HOICHAN_SMTP_HOST needs HOICHAN_MAIL_FROM, the address that mail comes from")
    password = read_secret(settings.smtp_password_file) or ""
    if bool(settings.smtp_user) != bool(password):
        raise click.ClickException("HOICHAN_SMTP_USER and HOICHAN_SMTP_PASSWORD_FILE go together")
    return SmtpServer(
        settings.smtp_host, settings.smtp_port, settings.mail_from, settings.smtp_tls, settings.smtp_user, password
    )


def _sms(settings: Settings) -> SmsGateway | None:
    if not settings.sms_url:
        return None
    return SmsGateway(
        settings.sms_url,
        json.loads(settings.sms_body),
        read_secret(settings.sms_authorization_file) or "",
        settings.sms_form,
    )
