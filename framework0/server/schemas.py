"""The JSON Schemas of what the HTTP interface takes and answers."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

_TEXT: Final = {"type": "string"}
_TEXT_OR_NOT: Final = {"type": ["string", "null"]}
_VERSION: Final = {"type": "integer", "minimum": 0}
_VERSION_OR_NOT: Final = {"type": ["integer", "null"], "minimum": 0}
_NUMBER: Final = {"type": "number"}
_TRUTH: Final = {"type": "boolean"}
_KEY: Final = {"type": "string", "minLength": 1, "maxLength": 512}
_ANYTHING: Final[Mapping[str, Any]] = {}


def _object(needed: Mapping[str, Any], extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**needed, **(extra or {})},
        "required": list(needed),
    }


def _closed(needed: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    return {**_object(needed, extra), "additionalProperties": False}


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_CHANGE: Final = _object(
    {
        "version": _VERSION,
        "key": _KEY,
        "value": _ANYTHING,
        "removed": _TRUTH,
        "who": _TEXT,
        "run": _TEXT_OR_NOT,
        "step": _TEXT_OR_NOT,
        "attempt": {"type": ["integer", "null"]},
        "at": _NUMBER,
        "expires": {"type": ["number", "null"]},
    }
)
_AUTHORED: Final = _object(
    {
        "who": _TEXT,
        "run": _TEXT_OR_NOT,
        "step": _TEXT_OR_NOT,
        "attempt": {"type": ["integer", "null"]},
        "at": _NUMBER,
        "expires": {"type": ["number", "null"]},
    }
)
_FIGURES: Final = {
    "name": _TEXT,
    "version": _VERSION,
    "clients": _VERSION,
    "commits": _VERSION,
    "writes": _VERSION,
}
_TTL: Final = {"type": "number", "exclusiveMinimum": 0, "maximum": 3153600000}

SCHEMAS: Final[Mapping[str, Any]] = {
    "Any": {},
    "Value": {},
    "Text": _TEXT,
    "Health": _object({"status": _TEXT}),
    "Problem": _object(
        {
            "type": _TEXT,
            "title": _TEXT,
            "status": {"type": "integer"},
            "code": _TEXT,
            "detail": _TEXT,
            "request_id": _TEXT,
        }
    ),
    "Change": _CHANGE,
    "Entrance": _object({"path": _TEXT}),
    "Contexts": _object({"contexts": _list(_TEXT)}),
    "Context": _object({**_FIGURES, "epoch": _TEXT, "kept_since": _VERSION, "keys": _VERSION}),
    "Status": _object(
        {
            "version": _TEXT,
            "store": _TEXT,
            "uptime": _NUMBER,
            "connections": {"type": "object"},
            "contexts": _list(_object(_FIGURES)),
        }
    ),
    "Keys": _object(
        {
            "keys": _list(
                _object(
                    {"key": _KEY, "version": _VERSION},
                    {"value": _ANYTHING, "change": {"oneOf": [_AUTHORED, {"type": "null"}]}},
                )
            ),
            "version": _VERSION,
            "next": _TEXT_OR_NOT,
        }
    ),
    "Written": _object({"key": _KEY, "version": _VERSION, "created": _TRUTH}),
    "Removed": _object({"key": _KEY, "removed": _TRUTH, "version": _VERSION_OR_NOT}),
    "Transaction": _closed(
        {
            "writes": {
                "type": "array",
                "minItems": 1,
                "maxItems": 10_000,
                "items": {
                    "oneOf": [
                        _closed({"key": _KEY, "value": _ANYTHING}, {"ttl": _TTL}),
                        _closed({"key": _KEY, "removed": {"const": True}}, {}),
                    ]
                },
            }
        },
        {
            "expected": {"type": "object", "additionalProperties": _VERSION},
            "expected_version": _VERSION,
        },
    ),
    "Transacted": _object(
        {
            "version": _VERSION_OR_NOT,
            "changes": _list(_object({"key": _KEY, "version": _VERSION})),
        }
    ),
    "History": _object({"changes": _list(_CHANGE), "next": _VERSION_OR_NOT}),
    "Picture": _object({"version": _VERSION, "values": {"type": "object"}}),
    "Tags": _object({"tags": {"type": "object", "additionalProperties": _VERSION}}),
    "Tag": _object({"tag": _TEXT, "version": _VERSION}),
    "TagBody": _closed({}, {"version": _VERSION}),
    "Presence": _object({"clients": _list({"type": "object"})}),
}
