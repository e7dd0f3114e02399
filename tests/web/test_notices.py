"""Pages of notices and calendars: how one is told, undelivered notices, subscriptions, busy times."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
import vobject  # type: ignore[import-untyped]  # vobject has no type marker
from aiohttp import FormData, web
from sqlalchemy import select, update

from consult_rooms.appointment import Appointment
from foundation.clock import FakeClock
from foundation.database import Database
from foundation.errors import Conflict
from foundation.fetch import Fetcher
from foundation.i18n import LOCALES
from foundation.reach import Reach
from foundation.settings import Settings
from hoichan.telling import Told, telling
from notify.contacts import Contact
from notify.notice import Channel, Recipient, Topic
from notify.outbox_tables import notices
from notify.subscriptions import Subscriptions
from tests.conftest import languages
from tests.consult_rooms.conftest import CONSENT, PATIENT, QUESTION
from tests.notify.outgoing import booked
from tests.web.clinic import Clinic, clinic
from tests.web.conftest import ORIGIN, SEALER, Browser, Site, serve

__all__ = ["clinic"]

ICS = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\n"
    "DTSTART:20261124T{}0000Z\r\nDURATION:PT1H\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


@dataclass
class Elsewhere:
    """A calendar server on loopback: gives `body`, or 304 for its mark."""

    port: int = 0
    body: str = ""
    etag: str = "one"
    asked: int = 0
    unchanged: int = 0


@pytest.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    told = Elsewhere()

    async def give(request: web.Request) -> web.Response:
        told.asked += 1
        if request.headers.get("If-None-Match") == f'"{told.etag}"':
            told.unchanged += 1
            return web.Response(status=304)
        return web.Response(text=told.body, headers={"ETag": f'"{told.etag}"'})

    application = web.Application()
    application.router.add_get("/dr.ics", give)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    told.port = runner.addresses[0][1]
    yield told
    await runner.cleanup()


@dataclass
class Hall:
    """The pages over a world with an outbox."""

    site: Site
    clinic: Clinic
    told: Told
    database: Database
    clock: FakeClock


@pytest.fixture
async def hall(
    clinic: Clinic, sqlite_database: Database, clock: FakeClock, elsewhere: Elsewhere
) -> AsyncIterator[Hall]:
    services = clinic.site.services
    fetcher = Fetcher(Reach.read("127.0.0.1/32", f"127.0.0.1:{elsewhere.port}"))
    settings = Settings(origins=ORIGIN, smtp_host="127.0.0.1", smtp_port=9, mail_from="hoichan@benhvien.example.vn")
    told = telling(
        settings,
        sqlite_database,
        services.audit,
        services.directory,
        SEALER,
        fetcher,
        Subscriptions(sqlite_database, services.audit, SEALER),
        None,
        languages(),
        clock,
    )
    site = await serve(replace(services, telling=told.telling))
    yield Hall(site, clinic, told, sqlite_database, clock)
    await site.close()
    await fetcher.close()


async def signed_in(hall: Hall, user_name: str) -> Browser:
    browser = await hall.site.browser()
    await browser.sign_in(user_name)
    return browser


async def test_one_says_how_one_is_told_and_a_wrong_address_is_said(hall: Hall) -> None:
    browser = await signed_in(hall, "bs.bao")
    fields = {"mail": "bao@", "mobile": "12", "quiet_from": "21:00", "quiet_until": "", "reminders": ["mail", "sms"]}
    for code in LOCALES:
        await browser.get("/notices")
        await browser.post("/language", {"language": code, "next": "/notices"})
        assert (await browser.get("/notices")).status == 200
    response = await browser.post("/notices", fields)
    assert response.status == 422
    assert browser.page.count('class="problem"') == 3
    assert 'value="bao@"' in browser.page, "what was typed stays"
    right = fields | {"mail": "bao@tram.example.vn", "mobile": "0912 345 678", "quiet_until": "06:00"}
    assert (await browser.post("/notices", right)).status == 303
    await browser.get("/notices")
    assert 'value="+84912345678"' in browser.page
    kept = await hall.told.telling.contacts.of(hall.clinic.cast.doctor, hall.clinic.cast.doctor.id)
    assert (kept.quiet is not None and kept.quiet.starts, kept.mail) == (21 * 60, "bao@tram.example.vn")


async def test_an_administrator_sets_addresses_in_reach_alone_and_tries_dead_letters_again(hall: Hall) -> None:
    people, browser = hall.clinic.cast, await signed_in(hall, "qt.tram")
    for person in (people.doctor, hall.clinic.expert):
        contact = Contact("one@example.vn", None, {Topic.APPOINTMENTS: frozenset({Channel.MAIL})})
        await hall.told.telling.contacts.save(person, person.id, contact)
    path = f"/administration/staff/{people.doctor.id}/contact"
    assert (await browser.get(path)).status == 200
    assert (await browser.post(path, {"mail": "bao@tram.example.vn", "appointments": "mail"})).status == 303
    assert (await browser.get(f"/administration/staff/{people.chief.id}/contact")).status == 403
    clinic = hall.clinic
    async with hall.database.transaction() as tx:
        for person in (clinic.cast.doctor, clinic.expert):
            await hall.told.telling.outbox.enqueue(tx, booked(), [Recipient(person.id, "vi", "UTC")])
        await tx.execute(
            update(notices)
            .where(notices.c.channel == Channel.MAIL)
            .values(state="dead", fault="smtp.550", tries=1, ended_at=await tx.now())
        )
    assert (await browser.get("/administration/outbox")).status == 200
    assert browser.page.count('name="notice"') == 1
    [letter] = re.findall(r'name="notice" value="(ntc_\w+)"', browser.page)
    assert (await browser.post("/administration/outbox", {"notice": letter})).status == 303
    async with hall.database.reading() as tx:
        row = (await tx.execute(select(notices).where(notices.c.id == letter))).one()
    assert (row.state, row.tries, row.fault) == ("waiting", 0, None)
    doctor = await signed_in(hall, "bs.bao")
    assert (await doctor.get("/administration/outbox")).status == 403
    await doctor.get("/agenda")
    assert re.search(r'id="unread">1<', doctor.page), "the menu counts what is new"
    await doctor.get("/notices")
    await doctor.get("/agenda")
    assert 'id="unread"' not in doctor.page


async def appointment(hall: Hall, hours: int) -> Appointment:
    """A booking of the clinic's doctor with the hospital's specialist, so many hours from now."""
    clinic, starts = hall.clinic, hall.clock.now() + timedelta(hours=hours)
    half = timedelta(minutes=30)
    [slot] = await clinic.world.scheduling.publish(
        clinic.coordinator, clinic.expert.id, clinic.stroke, starts, starts + half, 30
    )
    return await clinic.world.scheduling.book(
        clinic.coordinator,
        slot.id,
        clinic.cast.clinic.id,
        None,
        clinic.cast.doctor.id,
        PATIENT,
        QUESTION,
        CONSENT,
        f"k{hours}",
    )


async def test_a_subscription_shows_times_and_no_patient_until_it_is_revoked(hall: Hall) -> None:
    doctor, program = await signed_in(hall, "bs.bao"), await hall.site.browser()
    first = await appointment(hall, 24)
    assert (await doctor.get("/calendars")).status == 200
    assert (await doctor.post("/calendars/feeds", {"feed_name": "Điện thoại"})).status == 200
    found = re.search(r"/calendar/[\w-]+\.ics", doctor.page)
    assert found is not None
    address = found[0]
    given = await program.get(address)
    text = await given.text()
    assert (given.status, given.content_type) == (200, "text/calendar")
    [event] = vobject.readOne(text).vevent_list
    assert event.dtstart.value == first.starts_at
    assert not [word for word in (*(PATIENT.name or "").split()[1:], "4821", "tiêu sợi") if word in text]
    etag = given.headers["ETag"]
    assert (await program.get(address, headers={"If-None-Match": etag})).status == 304
    await hall.clinic.world.scheduling.cancel(hall.clinic.coordinator, first.id)
    changed = await program.get(address, headers={"If-None-Match": etag})
    [event] = vobject.readOne(await changed.text()).vevent_list
    assert (changed.status, event.status.value) == (200, "CANCELLED")
    for _ in range(8):
        refused = await program.get(address)
    assert (refused.status, "Retry-After" in refused.headers) == (429, True)
    await doctor.get("/calendars")
    assert address not in doctor.page, "shown once"
    [feed] = re.findall(r"/calendars/feeds/(fee_\w+)/revoke", doctor.page)
    assert (await (await signed_in(hall, "bs.ha")).post(f"/calendars/feeds/{feed}/revoke")).status == 404
    await doctor.get("/calendars")
    assert (await doctor.post(f"/calendars/feeds/{feed}/revoke")).status == 303
    assert (await program.get(address)).status == 404


async def test_busy_times_keep_new_slots_away_and_show_what_stands_there(hall: Hall, elsewhere: Elsewhere) -> None:
    stands = await appointment(hall, 20)  # 03:00 UTC
    later = stands.starts_at + timedelta(minutes=30)
    [free] = await hall.clinic.world.scheduling.publish(
        hall.clinic.coordinator, hall.clinic.expert.id, hall.clinic.stroke, later, later + timedelta(minutes=30), 30
    )
    elsewhere.body = ICS.format("03")
    browser, expert = await signed_in(hall, "bs.ha"), hall.clinic.expert
    await browser.get("/calendars")
    path = f"/calendars/{expert.id}/busy"
    address = f"http://127.0.0.1:{elsewhere.port}/dr.ics"
    assert (await browser.post(path, {"name": "Bệnh viện", "address": address})).status == 303
    await browser.get("/calendars")
    clash, other = await hall.told.telling.busy.clashes(expert, expert.id)
    assert (clash.appointment_id, other.appointment_id) == (stands.id, None)
    with pytest.raises(Conflict, match=r"slot\.busy"):
        await hall.clinic.world.scheduling.book(
            hall.clinic.coordinator,
            free.id,
            hall.clinic.cast.clinic.id,
            None,
            hall.clinic.cast.doctor.id,
            PATIENT,
            QUESTION,
            CONSENT,
            "over a busy time",
        )
    assert clash.code is not None
    assert clash.code in browser.page
    busy_at = datetime(2026, 11, 24, 5, tzinfo=stands.starts_at.tzinfo)
    elsewhere.body, elsewhere.etag = ICS.format("05"), "two"
    hall.clock.advance(1_800)
    await hall.told.telling.busy.run_due()
    assert await hall.told.telling.busy.clashes(expert, expert.id) == []
    scheduling, coordinator = hall.clinic.world.scheduling, hall.clinic.coordinator
    with pytest.raises(Conflict, match=r"slot\.overlaps"):
        await scheduling.publish(
            coordinator, expert.id, hall.clinic.stroke, busy_at, busy_at + timedelta(minutes=30), 30
        )
    hall.clock.advance(1_800)
    await hall.told.telling.busy.run_due()
    assert (elsewhere.asked, elsewhere.unchanged) == (3, 1)
    elsewhere.body, elsewhere.etag = "<html>Sign in</html>", "three"
    hall.clock.advance(1_800)
    await hall.told.telling.busy.run_due()
    [kept] = await hall.told.telling.busy.of(expert, expert.id)
    assert (kept.times, kept.fault is not None) == (1, True), "what was known stays"
    await hall.told.telling.busy.remove(expert, kept.id)
    await scheduling.publish(coordinator, expert.id, hall.clinic.stroke, busy_at, busy_at + timedelta(minutes=30), 30)


async def test_what_is_wrong_with_a_calendar_is_said_beside_its_field(hall: Hall, elsewhere: Elsewhere) -> None:
    elsewhere.body = "<html>Sign in</html>"
    browser, expert = await signed_in(hall, "dp.khue"), hall.clinic.expert
    path, local = f"/calendars/{expert.id}/busy", f"http://127.0.0.1:{elsewhere.port}/dr.ics"
    assert (await browser.get(f"/calendars/{expert.id}")).status == 200
    for address, code in ((local, "not_calendar"), ("https://10.0.0.1/x.ics", "address"), ("ftp://x", "")):
        response = await browser.post(path, {"name": "Bệnh viện", "address": address})
        assert response.status == 422
        assert 'id="address-problem"' in browser.page, code
    form = FormData([("csrf", browser.csrf), ("name", "Tệp")])
    form.add_field("file", ICS.format("07").encode(), filename="dr.ics", content_type="text/calendar")
    assert (await browser.post(path, data=form)).status == 303
    [kept] = await hall.told.telling.busy.of(expert, expert.id)
    assert (kept.times, kept.is_polled) == (1, False)
    stranger = await signed_in(hall, "bs.bao")
    assert (await stranger.get(f"/calendars/{expert.id}")).status == 403
