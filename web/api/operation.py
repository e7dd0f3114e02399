"""One REST operation: declared once, and so the same in the route table, in the checks and in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.ids import ConsultId, PatientId
from identity.model import Scope, Staff, Token
from web.admission import Admission
from web.services import SERVICES, Services

PREFIX = "/api/v1"


class Nothing(BaseModel):
    """No body, or no query parameter."""

    model_config = ConfigDict(extra="forbid")


Body = TypeVar("Body", bound=BaseModel)
Query = TypeVar("Query", bound=BaseModel)


@dataclass
class Notes:
    """What the audit entry of a call holds beside its operation."""

    consult_id: ConsultId | None = None
    patient_id: PatientId | None = None
    target: str | None = None
    details: dict[str, str | int | bool | None] = field(default_factory=dict)


@dataclass
class Call(Generic[Body, Query]):
    """One call of an operation, read and checked."""

    request: web.Request
    body: Body
    query: Query
    path: Mapping[str, str]
    """Path parameters, each of the form of its kind of id."""
    key: str
    """The idempotency key, for operations that need one."""
    notes: Notes
    headers: dict[str, str] = field(default_factory=dict)
    finish: Callable[[web.Response], None] | None = None
    """Puts cookies on the answer."""

    @property
    def services(self) -> Services:
        """The program's services."""
        return self.request.app[SERVICES]

    @property
    def token(self) -> Token:
        """The credential; its scope has been checked."""
        token: Token = self.request["token"]
        return token

    async def acting(self, user_name: str, field: str) -> Staff:
        """The person of the token's facility in whose name the system acts. Raises Invalid("staff.unknown")."""
        person = await self.services.directory.staff_by_user_name(user_name)
        if person is None or not person.active or person.facility_id != self.token.facility_id:
            raise Invalid("staff.unknown", NOBODY, field=field)
        self.notes.details["staff"] = person.id
        return person


@dataclass(frozen=True)
class Operation(Generic[Body, Query]):
    """What one method of one path takes, gives and may refuse. `path` is below `/api/v1`.

    `errors` are the codes of its own refusals by HTTP status; those that every operation shares are added to the
    document by themselves.
    """

    id: str
    method: str
    path: str
    summary: str
    body: type[Body]
    query: type[Query]
    answer: type[BaseModel] | None
    perform: Callable[[Call[Body, Query]], Awaitable[BaseModel | None]]
    tag: str
    scope: Scope | None = None
    """The scope that the token needs; None: any token will do."""
    admission: Admission = Admission.TOKEN
    status: int = 200
    idempotent: bool = False
    """Whether the header `Idempotency-Key` has to come with it."""
    media_type: str = "application/json"
    """Of its answer."""
    errors: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    @property
    def route(self) -> str:
        """The whole path, as aiohttp and OpenAPI both write it."""
        return PREFIX + self.path

    @property
    def takes_body(self) -> bool:
        """Whether it reads a JSON body."""
        return self.body is not Nothing


NOBODY = N_("There is no such active member of staff at the facility of this token.")
