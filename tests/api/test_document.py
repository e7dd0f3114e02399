"""The OpenAPI document is valid, complete, and nothing is served that it does not tell."""

from __future__ import annotations

import re

from openapi_spec_validator import OpenAPIV31SpecValidator

from identity.model import Scope
from tests.api.conftest import Hospital
from web import api


async def test_the_document_is_valid_openapi_3_1(hospital: Hospital) -> None:
    assert hospital.document["openapi"].startswith("3.1.")
    assert not list(OpenAPIV31SpecValidator(hospital.document).iter_errors())


async def test_every_route_is_in_the_document_and_the_other_way_round(hospital: Hospital) -> None:
    served = {
        (route.method, route.resource.canonical)
        for route in hospital.server.app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith("/api/")
    }
    told = {(method.upper(), path) for path, item in hospital.document["paths"].items() for method in item}
    assert served == told | {("GET", api.DOCUMENT_PATH)}


async def test_every_scope_opens_something_and_is_named(hospital: Hospital) -> None:
    operations = [operation for item in hospital.document["paths"].values() for operation in item.values()]
    assert {operation["x-scope"] for operation in operations if "x-scope" in operation} == set(Scope)
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        needs_token = any("token" in way for way in operation["security"])
        assert needs_token == ("401" in operation["responses"] and operation["tags"] != ["session"])


async def test_no_address_takes_what_identifies_a_patient(hospital: Hospital) -> None:
    names = {
        parameter["name"]
        for item in hospital.document["paths"].values()
        for operation in item.values()
        for parameter in operation["parameters"]
        if parameter["in"] in ("path", "query")
    }
    assert not [name for name in names if re.search("patient|number|name|birth|cccd|bhyt", name)]


async def test_the_document_needs_no_token_and_gives_no_way_to_change_it(hospital: Hospital) -> None:
    stranger = hospital.system_with(None)
    assert (await stranger.ask("GET", "/openapi.json", checked=False)).status == 200
    assert (await stranger.ask("POST", "/openapi.json", checked=False)).status in (403, 405)
