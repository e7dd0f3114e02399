"""The web application: services, middlewares and routes put together."""

from __future__ import annotations

import asyncio
import warnings
from zoneinfo import ZoneInfo

from aiohttp import web

from identity.guard import Guard
from identity.trail import AuditTrail
from web import api, health
from web.assets import Assets, static_file
from web.compiled import CompiledTemplates
from web.documents.press import PRESS, Press
from web.middlewares import MIDDLEWARES
from web.rendering import RENDERER, Renderer
from web.security import add_headers
from web.services import SERVICES, Services
from web.views import ROUTES
from web.views.administration.audit import TRAIL
from web.views.uploads import ARRIVING, SLOTS

BODY_LIMIT = 1024 * 1024
"""Bytes of a request's body; a handler that needs more says so (`web.admission.body_limit`)."""


def build(services: Services, compiled: CompiledTemplates | None = None) -> web.Application:
    """The application, ready to be run. Applications of one process may share their `compiled` templates.

    Raises RuntimeError when the browser client has not been built.
    """
    # Views read request["session"], ["language"] and ["token"]: three plain names that only the middlewares set.
    warnings.filterwarnings("ignore", category=web.NotAppKeyWarning, module=r"web\.")
    application = web.Application(middlewares=MIDDLEWARES, client_max_size=BODY_LIMIT)
    application[SERVICES] = services
    application[RENDERER] = Renderer(
        services.languages,
        Assets.built(),
        ZoneInfo(services.settings.zone),
        CompiledTemplates() if compiled is None else compiled,
        is_demo=services.is_demo,
    )
    application[SLOTS] = asyncio.Semaphore(ARRIVING)
    application[PRESS] = Press()
    application.on_cleanup.append(_close_press)
    application[TRAIL] = AuditTrail(services.database, services.audit, Guard(services.audit), services.directory)
    application.on_response_prepare.append(add_headers)
    application.router.add_get("/static/{name:.+}", static_file)
    application.router.add_get("/healthz", health.process)
    application.router.add_get("/readyz", health.parts)
    for routes in ROUTES:
        application.router.add_routes(routes)
    api.register(application)
    return application


async def _close_press(application: web.Application) -> None:
    application[PRESS].close()
