"""Reading what a system sent: strict JSON and query parameters into models, or a stable code and a field to correct."""

from __future__ import annotations

from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from foundation.errors import Invalid, NotFound
from foundation.i18n import N_
from foundation.ids import is_id
from web.api.bodies import TAGS
from web.api.operation import Nothing
from web.errors import TooLarge

Model = TypeVar("Model", bound=BaseModel)

BODY_LIMIT = 64 * 1024
"""Bytes of a body; the longest request, four parts of 4,000 characters, stays below in UTF-8."""
LONGEST_KEY = 128
_LONGEST_FIELD = 100


class Malformed(Invalid):
    """The body is no JSON text."""

    status = 400


class WrongMedia(Invalid):
    """The body is of another media type than the one read here."""

    status = 415


async def body(request: web.Request, model: type[Model]) -> Model:
    """The JSON body as `model`. Types are not coerced, and unknown fields are errors, so no typing mistake is lost.

    Raises WrongMedia("request.media_type"), TooLarge("request.too_large"), Malformed("json.malformed"), Invalid
    ("field.…", with `field`).
    """
    if model is Nothing:
        if request.body_exists and await _raw(request):
            raise Invalid("body.unexpected", N_("This request takes no body."))
        return model()
    charset = (request.charset or "utf-8").lower()
    if request.content_type != "application/json" or charset not in ("utf-8", "utf8"):
        raise WrongMedia("request.media_type", N_("Send the body as application/json in UTF-8."))
    try:
        return model.model_validate_json(await _raw(request), strict=True)
    except ValidationError as error:
        raise _refusal(error) from None  # the cause would carry what was sent into a traceback


def query(request: web.Request, model: type[Model]) -> Model:
    """The query parameters as `model`, each at most once. Raises Invalid ("field.…", with `field`)."""
    if len(request.query) != len(set(request.query)):
        raise Invalid("field.repeated", N_("A parameter stands here more than once."))
    try:
        return model.model_validate(dict(request.query), strict=False)
    except ValidationError as error:
        raise _refusal(error) from None


def path(request: web.Request) -> dict[str, str]:
    """The path parameters. What has not the form of an id is the id of nothing: raises NotFound("page.not_found")."""
    for value in request.match_info.values():
        if not is_id(value, value[:3]):
            raise NotFound("page.not_found", N_("There is no such page."))
    return dict(request.match_info)


def idempotency_key(request: web.Request) -> str:
    """The header of that name (IETF draft-ietf-httpapi-idempotency-key-header). Raises Invalid("key.unusable")."""
    given = request.headers.getall("Idempotency-Key", [])
    key = given[0].strip() if len(given) == 1 else ""
    if not (1 <= len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise Invalid("key.unusable", KEY_NEEDED, field="Idempotency-Key", limit=LONGEST_KEY)
    return key


async def _raw(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise TooLarge("request.too_large", N_("What was sent is larger than this page takes.")) from None


def _refusal(error: ValidationError) -> Invalid:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return Malformed("json.malformed", N_("The body is no valid JSON."))
    code, sentence = _said(first)
    field = ".".join(str(part) for part in first["loc"] if part not in TAGS)[:_LONGEST_FIELD]
    return Invalid(code, sentence, field=field or None)


def _said(error: ErrorDetails) -> tuple[str, str]:
    """The stable code and the sentence for what the validator found."""
    kind = error["type"]
    if kind in _KINDS:
        return _KINDS[kind]
    if kind.endswith(("_type", "_parsing")) and not kind.startswith(("date_", "datetime_")):
        return "field.type", N_("This field is of the wrong type.")
    return "field.form", N_("This field has not the form that is asked for.")


_CHOICE = ("field.choice", N_("This is not one of the choices."))
_LONG = ("field.long", N_("This field is too long."))
_SHORT = ("field.short", N_("This field is too short."))
_RANGE = ("field.range", N_("This number is out of bounds."))
_KINDS = {
    "missing": ("field.missing", N_("This field is needed.")),
    "extra_forbidden": ("field.unknown", N_("There is no such field here.")),
    "enum": _CHOICE,
    "literal_error": _CHOICE,
    "union_tag_invalid": _CHOICE,
    "union_tag_not_found": ("field.missing", N_("This field is needed.")),
    "string_too_long": _LONG,
    "too_long": _LONG,
    "string_too_short": _SHORT,
    "too_short": _SHORT,
    "greater_than_equal": _RANGE,
    "less_than_equal": _RANGE,
}
KEY_NEEDED = N_("Send the header Idempotency-Key with 1 to %(limit)s ASCII characters, a new one for each new act.")
