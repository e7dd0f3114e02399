"""What is typed into minutes and not saved, by HTTP: kept as one writes, shown to another window, thrown away."""

from __future__ import annotations

from aiohttp import hdrs, web

from foundation.errors import NotFound
from foundation.i18n import N_
from web.admission import body_limit
from web.forms import Form
from web.services import SERVICES
from web.views.minutes import BODY, address_to, consult_id_of, person_of, typed_of, view_of

routes = web.RouteTableDef()

_OWN = frozenset({"csrf", "version", "revision", "person"})
"""Fields of the page, not of its writer."""
NO_DRAFT = N_("There is no such draft, or it has expired.")


@routes.put("/consults/{consult_id}/minutes/draft")
@body_limit(BODY)
async def keep(request: web.Request) -> web.StreamResponse:
    """Keep what is typed and not saved, for its writer alone; a page's script asks for it every few seconds."""
    form, drafts = await Form.read(request), request.app[SERVICES].minutes.drafts
    version, revision = _whole(form.value("version")), _whole(form.value("revision"))
    fields = [(name, text) for name in sorted(form.names - _OWN) for text in form.values(name)]
    person = person_of(form.value("person")) or 0
    kept = await drafts.keep(
        request["session"].staff, consult_id_of(request), person, fields, base=version, revision=revision
    )
    return web.json_response(
        {
            "revision": kept.revision,
            "kept_at": kept.updated_at.isoformat(),
            "newest": kept.newest,
            "others": kept.others,
        }
    )


@routes.get("/consults/{consult_id}/minutes/draft")
async def show_draft(request: web.Request) -> web.StreamResponse:
    """One's own draft as the form's fields: what another window of the same person kept."""
    typed = await typed_of(request, await view_of(request))
    if typed is None:
        raise NotFound("minutes.no_draft", NO_DRAFT)
    return web.json_response(
        {"revision": typed.revision, "kept_at": typed.updated_at.isoformat(), "fields": typed.fields},
        headers={hdrs.CACHE_CONTROL: "no-store"},
    )


@routes.post("/consults/{consult_id}/minutes/draft/discard")
async def discard(request: web.Request) -> web.StreamResponse:
    """Forget what one typed and did not save."""
    form, drafts = await Form.read(request), request.app[SERVICES].minutes.drafts
    person = person_of(form.value("person"))
    await drafts.discard(request["session"].staff, consult_id_of(request), person or 0)
    raise web.HTTPSeeOther(address_to(consult_id_of(request), person))


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
