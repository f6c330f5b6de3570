"""The OpenAPI 3.1 document, made from the table of routes: it cannot say what the server does not do."""

from __future__ import annotations

import json
import re

from framework0.server.guard import OPEN_PATH
from framework0.server.pages import file
from framework0.server.requests import PROBLEM_TYPE
from framework0.server.schemas import SCHEMAS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from framework0.server.routes import Parameter, Route

_PLACE: Final = re.compile(r"{(\w+)}")
_PLACES: Final = {
    "namespace": (
        {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"},
        "the name of a context",
    ),
    "key": (
        {"type": "string", "minLength": 1, "maxLength": 512},
        "a key, percent-encoded where need be",
    ),
    "tag": ({"type": "string", "minLength": 1, "maxLength": 200}, "the name of a version"),
}
WORDS: Final = {
    200: "well",
    201: "made",
    304: "still the same",
    400: "the request cannot be read",
    401: "no token, or one that is unknown or over",
    403: "the token's role, or where the request comes from, does not allow this",
    404: "there is no such thing",
    405: "that method is not for this path",
    408: "the request did not arrive in time",
    409: "the context is at another version than expected, or is full",
    410: "that part of the past is no longer kept",
    412: "the key is at another version",
    413: "the body is too large",
    415: "the body is not JSON",
    421: "the request was meant for another host",
    422: "what is asked for makes no sense",
    429: "too many requests in this time",
    431: "request line and headers are too large",
    503: "the store cannot answer now, or the server is about to stop",
    507: "the disk is full; nothing of this was kept",
}
_ALWAYS: Final = (400, 401, 403, 404, 408, 421, 422, 429, 431, 503)


def document(routes: tuple[Route, ...], version: str) -> bytes:
    """Return the document of these routes as JSON."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    described = {
        "openapi": "3.1.0",
        "info": {
            "title": "Framework0 context server",
            "version": version,
            "description": "Shared, versioned contexts. Values are bodies, versions are ETags.",
        },
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }
    return json.dumps(described, separators=(",", ":")).encode()


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _identity(route),
        "summary": route.summary,
        "parameters": [
            *(_place(name) for name in _PLACE.findall(route.path)),
            *map(_parameter, route.parameters),
        ],
        "responses": _responses(route),
        "x-framework0-role": route.role,
    }
    if route.path == OPEN_PATH:
        operation["security"] = []
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _reference(route.body)}},
        }
    return operation


def _identity(route: Route) -> str:
    handler = route.handler
    name = f"{handler.__module__.rpartition('.')[2]}.{handler.__name__}"
    # One handler serves all files of the page.
    return f"{name}:{route.path}" if handler is file else name


def _place(name: str) -> dict[str, Any]:
    schema, text = _PLACES[name]
    return {"name": name, "in": "path", "required": True, "schema": schema, "description": text}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.required,
        "schema": parameter.schema,
        "description": parameter.text,
    }


def _responses(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, schema in route.answers.items():
        found[str(status)] = {"description": WORDS[status]}
        if schema != "Nothing":
            content = {route.content_type: {"schema": _reference(schema)}}
            found[str(status)]["content"] = content
    problem = {PROBLEM_TYPE: {"schema": _reference("Problem")}}
    refusals = (421, 503) if route.role is None else _ALWAYS
    more = (409, 410, 412, 413, 415, 507) if route.method != "GET" else (410,)
    for status in sorted({*refusals, *more, 400, 403, 408, 431}):
        found[str(status)] = {"description": WORDS[status], "content": problem}
    return found


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
