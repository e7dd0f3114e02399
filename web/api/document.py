"""The OpenAPI 3.1 document, made from the operations and their models, and so never at odds with what is served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from identity.model import Scope
from web.admission import Admission
from web.api.answers import Problem
from web.api.operation import Nothing, Operation
from web.api.reading import LONGEST_KEY
from web.security import SESSION_COOKIE

VERSION = "1.0.0"
"""Of the interface: the first number is that of the path, the second grows with additions."""

JsonObject = dict[str, Any]

Refs = Mapping[Any, JsonObject]
"""Where the schema of a model stands, by the model and the mode: `validation` as sent, `serialization` as given."""

_ALWAYS: Mapping[int, tuple[str, ...]] = {
    422: (
        "field.missing",
        "field.unknown",
        "field.type",
        "field.choice",
        "field.long",
        "field.short",
        "field.range",
        "field.form",
        "field.repeated",
    ),
    500: ("internal",),
    503: ("database.unavailable",),
}
_WITH_TOKEN: Mapping[int, tuple[str, ...]] = {401: ("token.unknown",)}
_WITH_SCOPE: Mapping[int, tuple[str, ...]] = {403: ("token.scope",)}
_WITH_PATH: Mapping[int, tuple[str, ...]] = {404: ("page.not_found",)}
_WITH_BODY: Mapping[int, tuple[str, ...]] = {
    400: ("json.malformed",),
    413: ("request.too_large",),
    415: ("request.media_type",),
}
_WITHOUT_BODY: Mapping[int, tuple[str, ...]] = {413: ("request.too_large",), 422: ("body.unexpected",)}
_WITH_KEY: Mapping[int, tuple[str, ...]] = {422: ("key.unusable",)}

_ABOUT = """\
What a hospital information system needs of Hoichan: asking for consults, following them, the calendar, looking up
patients.

A system shows the token of its facility, `Authorization: Bearer hoi_…`, made and revoked by an administrator. A token
holds for its scopes alone, and every call is audited. Where a person acts, the body names a member of the facility's
staff, and that person's rights decide. Errors are problem+json (RFC 9457): act on `code`, show `detail`, which comes
in the language of `Accept-Language` (`vi` or `en`). Unknown fields are refused in what is sent; fields may be added to
what comes back."""


def document(operations: Sequence[Operation[Any, Any]]) -> JsonObject:
    """The whole document as plain JSON values."""
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Problem, "serialization")]
    for operation in operations:
        if operation.takes_body:
            wanted.append((operation.body, "validation"))
        if operation.answer is not None:
            wanted.append((operation.answer, "serialization"))
    refs: Refs
    refs, definitions = models_json_schema(
        list(dict.fromkeys(wanted)), ref_template="#/components/schemas/{model}", by_alias=True
    )
    paths: JsonObject = {}
    for operation in operations:
        paths.setdefault(operation.route, {})[operation.method.lower()] = _operation(operation, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hoichan",
            "version": VERSION,
            "summary": "Teleconsultation between clinics and hospitals",
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in operations)],
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A facility's API token. Scopes: " + ", ".join(sorted(Scope)),
                },
                "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE},
            },
        },
    }


def _operation(operation: Operation[Any, Any], refs: Refs) -> JsonObject:
    found: JsonObject = {
        "operationId": operation.id,
        "summary": operation.summary,
        "description": (operation.perform.__doc__ or "").strip(),
        "tags": [operation.tag],
        "security": _security(operation),
        "parameters": [*_path_parameters(operation), *_query_parameters(operation.query), *_headers(operation)],
        "responses": {str(operation.status): _success(operation, refs)},
    }
    if operation.takes_body:
        found["requestBody"] = {"required": True, "content": _content(refs[operation.body, "validation"])}
    problem = refs[Problem, "serialization"]
    for status, codes in sorted(_errors(operation).items()):
        found["responses"][str(status)] = {
            "description": "`code` is one of: " + ", ".join(f"`{code}`" for code in codes),
            "content": {"application/problem+json": {"schema": problem}},
        }
    if operation.scope is not None:
        found["x-scope"] = operation.scope.value
    return found


def _security(operation: Operation[Any, Any]) -> list[JsonObject]:
    if operation.admission is Admission.PUBLIC:
        return []
    if operation.admission is Admission.TOKEN:
        # OpenAPI 3.1 lets every kind of scheme name the roles that it needs.
        return [{"token": [operation.scope.value] if operation.scope else []}]
    return [{"session": []}]


def _success(operation: Operation[Any, Any], refs: Refs) -> JsonObject:
    if operation.answer is None:
        return {"description": "Done; the answer has no body."}
    return {
        "description": (operation.answer.__doc__ or "").strip(),
        "content": {operation.media_type: {"schema": refs[operation.answer, "serialization"]}},
    }


def _content(schema: JsonObject) -> JsonObject:
    return {"application/json": {"schema": schema}}


def _path_parameters(operation: Operation[Any, Any]) -> Iterable[JsonObject]:
    for part in operation.path.split("/"):
        if part.startswith("{"):
            schema = {"type": "string", "pattern": "^[a-z]{3}_[0-9a-f]{32}$"}
            yield {"name": part.strip("{}"), "in": "path", "required": True, "schema": schema}


def _query_parameters(query: type[BaseModel]) -> Iterable[JsonObject]:
    if query is Nothing:
        return
    shape = query.model_json_schema(by_alias=True)
    for name, schema in shape["properties"].items():
        # A parameter that is left out is not sent as null, so that half of its type means nothing here.
        forms = [form for form in schema.pop("anyOf", ()) if form != {"type": "null"}]
        if forms:
            schema.pop("default", None)
        yield {"name": name, "in": "query", "required": False, "schema": {**schema, **(forms[0] if forms else {})}}


def _headers(operation: Operation[Any, Any]) -> Iterable[JsonObject]:
    if operation.idempotent:
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "required": True,
            "description": "The same key again gives what the first call made: a lost answer may be asked for.",
            "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
        }
    yield {"name": "Accept-Language", "in": "header", "schema": {"type": "string", "examples": ["vi", "en"]}}
    if operation.admission is not Admission.TOKEN and operation.method == "DELETE":
        yield {"name": "X-CSRF-Token", "in": "header", "required": True, "schema": {"type": "string"}}


def _errors(operation: Operation[Any, Any]) -> dict[int, tuple[str, ...]]:
    parts = [operation.errors, _WITH_BODY if operation.takes_body else _WITHOUT_BODY]
    if operation.admission is Admission.TOKEN:
        parts.append(_WITH_TOKEN)
    if operation.scope is not None:
        parts.append(_WITH_SCOPE)
    if "{" in operation.path:
        parts.append(_WITH_PATH)
    if operation.idempotent:
        parts.append(_WITH_KEY)
    merged: dict[int, tuple[str, ...]] = {}
    for part in (*parts, _ALWAYS):
        for status, codes in part.items():
            merged[status] = (*merged.get(status, ()), *codes)
    return {status: tuple(dict.fromkeys(codes)) for status, codes in merged.items()}
