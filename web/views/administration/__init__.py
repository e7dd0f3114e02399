"""The administrators' pages."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from web.views.administration import (
    audit,
    book_imports,
    emergencies,
    facilities,
    imports,
    keys,
    ladder,
    outbox,
    overview,
    question_templates,
    specialties,
    staff,
    terminals,
    tokens,
)

ROUTES: tuple[Iterable[web.AbstractRouteDef], ...] = (
    overview.routes,
    facilities.routes,
    specialties.routes,
    outbox.routes,
    staff.routes,
    terminals.routes,
    tokens.routes,
    keys.routes,
    imports.routes,
    ladder.routes,
    question_templates.routes,
    book_imports.routes,
    audit.routes,
    emergencies.routes,
)
