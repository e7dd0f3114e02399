"""From a route to its operation: scope, reading, the act, and its audit entry, durable before anything leaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import hdrs, web

from foundation.audit import AuditEntry
from foundation.errors import Forbidden, HoichanError
from foundation.i18n import N_
from foundation.ids import ConsultId
from foundation.logs import request_id
from identity.model import Token
from web.admission import Admission, admits, body_limit
from web.api import reading
from web.api.operation import PREFIX, Call, Notes, Operation
from web.security import address_of
from web.services import SERVICES


def handler(operation: Operation[Any, Any]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp handler of an operation."""

    @admits(operation.admission)
    @body_limit(reading.BODY_LIMIT)
    async def answer(request: web.Request) -> web.StreamResponse:
        if operation.admission is Admission.TOKEN:
            return await _by_token(operation, request)
        # Signing in and out is audited by identity itself.
        return await _perform(operation, request, Notes())

    return answer


async def challenge(request: web.Request, response: web.StreamResponse) -> None:
    """Signal `on_response_prepare`: a refusal for want of a token says what would do (RFC 6750, 3)."""
    if response.status == 401 and request.path.startswith(PREFIX) and request.path != f"{PREFIX}/session":
        response.headers.setdefault(hdrs.WWW_AUTHENTICATE, 'Bearer realm="hoichan"')


async def _by_token(operation: Operation[Any, Any], request: web.Request) -> web.StreamResponse:
    token: Token = request["token"]
    notes, outcome, code = Notes(), "failure", "internal"
    try:
        if operation.scope is not None and operation.scope not in token.scopes:
            raise Forbidden("token.scope", SCOPE_MISSING, scope=operation.scope.value)
        response = await _perform(operation, request, notes)
        outcome, code = "success", ""
        return response
    except HoichanError as error:
        outcome, code = "denied" if isinstance(error, Forbidden) else "failure", error.code
        raise
    finally:
        # Fail closed: when this cannot be written, its error takes the place of the answer.
        details = {**notes.details, "token_facility": token.facility_id, "request": request_id.get()}
        await request.app[SERVICES].audit.commit(
            AuditEntry(
                actor=f"token:{token.id}",
                action=f"api.{operation.id}",
                address=address_of(request),
                target=notes.target,
                patient_id=notes.patient_id,
                consult_id=notes.consult_id,
                outcome=outcome,
                details={**details, "code": code} if code else details,
            )
        )


async def _perform(operation: Operation[Any, Any], request: web.Request, notes: Notes) -> web.StreamResponse:
    path = reading.path(request)
    if "consult_id" in path:
        notes.consult_id = ConsultId(path["consult_id"])
    notes.target = path.get("slot_id") or path.get("appointment_id")
    call = Call(
        request=request,
        query=reading.query(request, operation.query),
        key=reading.idempotency_key(request) if operation.idempotent else "",
        body=await reading.body(request, operation.body),
        path=path,
        notes=notes,
    )
    found = await operation.perform(call)
    if found is None:
        response = web.Response(status=operation.status)
    else:
        response = web.Response(
            text=found.model_dump_json(by_alias=True), status=operation.status, content_type=operation.media_type
        )
    response.headers.update(call.headers)
    if call.finish is not None:
        call.finish(response)
    return response


SCOPE_MISSING = N_("This token was not given the scope %(scope)s.")
