"""The OpenAPI document, and whether the server keeps to it: asked by a program that reads it (R23)."""

from __future__ import annotations

import re

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks as known

from framework0.server import openapi
from framework0.server.routes import ROUTES
from framework0.server.schemas import SCHEMAS
from tests.server.conftest import ROOT

known.load_all_checks()
CHECKS = [
    known.CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "unsupported_method",
        "allow_header_conformance",
        "ignored_auth",
    )
]
OPERATIONS = [(route.method, route.path) for route in ROUTES if not route.path.endswith("/events")]


def test_the_document_is_of_the_routes_and_valid(client):
    document = client.get("/openapi.json").json
    described = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    assert described == {(route.method, route.path) for route in ROUTES}
    for name, schema in SCHEMAS.items():
        jsonschema.Draft202012Validator.check_schema(schema), name
    names = set(re.findall(r"#/components/schemas/(\w+)", openapi.document(ROUTES, "1").decode()))
    assert names <= set(SCHEMAS)
    identities = [
        one["operationId"] for methods in document["paths"].values() for one in methods.values()
    ]
    assert len(set(identities)) == len(identities)
    assert all(one["summary"] for methods in document["paths"].values() for one in methods.values())


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=str)
@pytest.mark.parametrize("token", [True, False], ids=["with", "without"])
def test_no_request_made_from_the_document_is_answered_otherwise(client, method, path, token):
    client.set("k", {"x": 1})
    client.put(f"{ROOT}/tags/t", {})
    schema = schemathesis.openapi.from_dict(client.get("/openapi.json").json)
    headers = {"Authorization": f"Bearer {client.token}"} if token else {}
    base = f"http://127.0.0.1:{client.port}"

    @given(case=schema[path][method].as_strategy())
    @settings(
        max_examples=20 if token else 3,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case):
        case.call_and_validate(base_url=base, headers=headers, checks=CHECKS)

    ask()
