"""Who has viewed the book, for the panel's tab."""

from __future__ import annotations

from aiohttp import web

from records_panel.grants import Decision
from records_panel.panel import Place
from records_panel.viewings import ViewingPage
from web.security import address_of
from web.services import SERVICES


async def views_of(request: web.Request, place: Place, access: Decision) -> ViewingPage | None:
    """The views of a book that was just opened to this person; with `before` in the query, the earlier ones."""
    patient_id, consult_id = place.patient_id, place.consult.id if place.consult else None
    if patient_id is None:
        return None
    return await request.app[SERVICES].viewings.beside_book(
        request["session"], patient_id, consult_id, access, before=before_number(request), address=address_of(request)
    )


def before_number(request: web.Request) -> int | None:
    """The `before` of the query: the number of an audit entry."""
    text = request.query.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None
