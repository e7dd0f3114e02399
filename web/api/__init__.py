"""The REST interface for hospital systems: its operations, their routes, its document. See docs/api.md."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from aiohttp import web

from web.admission import Admission, admits
from web.api import consults, patients, people, requests, session, slots, summaries, visits
from web.api.document import document
from web.api.edge import challenge, handler
from web.api.operation import PREFIX, Operation

OPERATIONS: tuple[Operation[Any, Any], ...] = (
    *people.OPERATIONS,
    *patients.OPERATIONS,
    *requests.OPERATIONS,
    *consults.OPERATIONS,
    *summaries.OPERATIONS,
    *slots.OPERATIONS,
    *visits.OPERATIONS,
    *session.OPERATIONS,
)
DOCUMENT_PATH = f"{PREFIX}/openapi.json"


def register(application: web.Application) -> None:
    """Put the interface on the application."""

    @cache
    def text() -> str:
        return json.dumps(document(OPERATIONS), ensure_ascii=False)

    @admits(Admission.PUBLIC)
    async def show_document(_request: web.Request) -> web.StreamResponse:
        return web.Response(
            text=text(), content_type="application/json", headers={"Cache-Control": "public, max-age=300"}
        )

    application.router.add_route("GET", DOCUMENT_PATH, show_document)
    for operation in OPERATIONS:
        application.router.add_route(operation.method, operation.route, handler(operation))
    application.on_response_prepare.append(challenge)
