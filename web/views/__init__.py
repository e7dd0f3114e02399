"""The pages, a module a noun. Each has its own `routes`; ROUTES is what the application serves."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from web.views import (
    additions,
    administration,
    agenda,
    book,
    book_inside,
    consults,
    coordinator,
    devices,
    drafts,
    dry_run,
    emergency,
    fleet,
    home,
    language,
    patients,
    requests,
    ringing,
    room,
    rota,
    session,
    sign_in,
    slots,
    terminal,
    threads,
    uploads,
    waiting,
    written,
)

ROUTES: tuple[Iterable[web.AbstractRouteDef], ...] = (
    sign_in.routes,
    session.routes,
    language.routes,
    terminal.routes,
    book.routes,
    emergency.routes,
    book_inside.routes,
    additions.routes,
    patients.routes,
    room.routes,
    home.routes,
    requests.routes,
    ringing.routes,
    waiting.routes,
    drafts.routes,
    written.routes,
    threads.routes,
    uploads.routes,
    devices.routes,
    consults.routes,
    coordinator.routes,
    fleet.routes,
    agenda.routes,
    slots.routes,
    rota.routes,
    dry_run.routes,
    *administration.ROUTES,
)
