"""A person's own session for programs that hold consults over the socket: sign in, look, sign out, by cookie.

Nothing else of this interface goes by cookie. Programs send no Origin; when one is sent, as browsers do, it has to be
one of this installation's own.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from identity.model import Session
from web.admission import Admission
from web.api.answers import SessionAnswer, SessionStaff
from web.api.bodies import SignIn
from web.api.operation import Call, Nothing, Operation
from web.api.people import facility_ref
from web.security import SESSION_COOKIE, TERMINAL_COOKIE, address_of, set_session_cookie

Plain = Call[Nothing, Nothing]


async def sign_in(call: Call[SignIn, Nothing]) -> SessionAnswer:
    """Start a session; one that the cookie already held ends."""
    session, secret = await call.services.accounts.sign_in(
        call.body.user_name,
        call.body.password,
        address=address_of(call.request),
        device_credential=call.request.cookies.get(TERMINAL_COOKIE),
    )
    old: Session | None = call.request["session"]
    if old is not None:
        await call.services.sessions.end(old.id, "signed_in_again")
    call.finish = lambda response: set_session_cookie(call.request, response, secret)
    return _answer(session)


async def show(call: Plain) -> SessionAnswer:
    """The session of the cookie."""
    return _answer(call.request["session"])


async def sign_out(call: Plain) -> None:
    """End it: its sockets and calls are cut."""
    session: Session = call.request["session"]
    await call.services.sessions.end(session.id, "signed_out")

    def forget(response: web.Response) -> None:
        response.del_cookie(SESSION_COOKIE, path="/")

    call.finish = forget


def _answer(session: Session) -> SessionAnswer:
    staff = session.staff
    return SessionAnswer(
        staff=SessionStaff(
            id=staff.id,
            user_name=staff.user_name,
            full_name=staff.full_name,
            roles=sorted(staff.roles),
            facility=facility_ref(session.facility),
        ),
        csrf_token=session.csrf_token,
        expires_at=session.expires_at,
        locked=session.locked,
        must_change_password=staff.must_change_password,
    )


OPERATIONS: tuple[Operation[Any, Any], ...] = (
    Operation(
        "sign_in",
        "POST",
        "/session",
        "Sign a person in; the answer sets the session cookie",
        SignIn,
        Nothing,
        SessionAnswer,
        sign_in,
        "session",
        admission=Admission.PUBLIC,
        errors={
            401: ("sign_in.wrong", "sign_in.last_attempts", "session.ended"),
            403: ("csrf.origin", "csrf.token"),
            429: ("sign_in.throttled",),
        },
    ),
    Operation(
        "show_session",
        "GET",
        "/session",
        "The session of the cookie",
        Nothing,
        Nothing,
        SessionAnswer,
        show,
        "session",
        admission=Admission.ANY_SESSION,
        errors={401: ("session.needed",)},
    ),
    Operation(
        "sign_out",
        "DELETE",
        "/session",
        "End the session of the cookie",
        Nothing,
        Nothing,
        None,
        sign_out,
        "session",
        admission=Admission.ANY_SESSION,
        status=204,
        errors={401: ("session.needed",), 403: ("csrf.origin", "csrf.token")},
    ),
)
