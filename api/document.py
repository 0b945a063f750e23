"""The OpenAPI document (3.1) of the routes."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from typing import Any

from experiments.content.fields import STATED

_TEXT: dict[str, Any] = {"type": "string"}
_TEXT_OR_NULL: dict[str, Any] = {"type": ["string", "null"]}
_VALUES: dict[str, Any] = {"type": "object", "additionalProperties": True}
_PURPOSES: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {"type": "boolean"},
    "description": "uses of the token: whether the profile consents to each",
}
_VERSION: dict[str, Any] = {
    "type": "object",
    "required": ["snapshot", "sequence"],
    "properties": {"snapshot": {"type": "integer"}, "sequence": {"type": "integer"}},
}
_SEGMENTS: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["segment", "entered_at"],
        "properties": {"segment": _TEXT, "entered_at": {"type": "string", "format": "date-time"}},
    },
}
_PROFILE: dict[str, Any] = {
    "type": "object",
    "required": ["version", "purposes", "consent", "segments", "traits", "scores", "is_fallback"],
    "properties": {
        "profile_id": _TEXT,
        "version": _VERSION,
        "purposes": _PURPOSES,
        "consent": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": {"enum": ["granted", "refused"]},
            },
        },
        "segments": _SEGMENTS,
        "traits": _VALUES,
        "scores": _VALUES,
        "is_fallback": {"type": "boolean"},
    },
}
_SLOT: dict[str, Any] = {
    "type": "object",
    "required": ["variant", "content", "kind", "is_fallback", "propensity", "reasons"],
    "properties": {
        "variant": _TEXT,
        "content": _TEXT,
        "kind": {"enum": ["html", "text"]},
        "is_fallback": {"type": "boolean"},
        "propensity": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "experiment": {"type": ["string", "null"]},
        "arm": {"type": ["string", "null"]},
        "reasons": {"type": "array", "items": _TEXT},
    },
}
_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["received", "allowed", "to_do"],
            "properties": {"received": _TEXT, "allowed": _TEXT, "to_do": _TEXT},
        },
        "fallback": {
            "description": "with 503: what to use instead",
            "type": "object",
            "properties": {"segments": _SEGMENTS, "is_fallback": {"const": True}},
        },
    },
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "Profile": _PROFILE,
    "Membership": {
        "type": "object",
        "required": ["segment", "is_member", "entered_at", "purposes", "version", "is_fallback"],
        "properties": {
            "segment": _TEXT,
            "is_member": {"type": "boolean"},
            "entered_at": {"type": ["string", "null"], "format": "date-time"},
            "purposes": _PURPOSES,
            "version": _VERSION,
            "is_fallback": {"type": "boolean"},
        },
    },
    "ProfilesRequest": {
        "type": "object",
        "required": ["identifiers"],
        "properties": {
            "identifiers": {"type": "array", "minItems": 1, "maxItems": 100, "items": _TEXT}
        },
    },
    "Profiles": {
        "type": "object",
        "required": ["profiles", "is_fallback"],
        "properties": {
            "profiles": {
                "type": "array",
                "items": {"anyOf": [{"$ref": "#/components/schemas/Profile"}, {"type": "null"}]},
            },
            "is_fallback": {"type": "boolean"},
        },
    },
    "DecideRequest": {
        "type": "object",
        "required": ["identifiers", "slots"],
        "properties": {
            "identifiers": {"type": "array", "minItems": 1, "maxItems": 10, "items": _TEXT},
            "slots": {"type": "array", "minItems": 1, "maxItems": 50, "items": _TEXT},
            "context": {
                "type": "object",
                "additionalProperties": False,
                "properties": dict.fromkeys(STATED, _TEXT_OR_NULL),
            },
            "shown": {
                "type": "boolean",
                "description": "the caller shows what it gets, so that exposures are recorded now",
            },
        },
    },
    "Decided": {
        "type": "object",
        "required": ["decision_id", "slots", "is_logged", "is_fallback"],
        "properties": {
            "decision_id": _TEXT,
            "slots": {"type": "object", "additionalProperties": _SLOT},
            "is_logged": {"type": "boolean"},
            "is_fallback": {"type": "boolean"},
        },
    },
    "ShownRequest": {
        "type": "object",
        "required": ["identifiers", "decision_id", "arms"],
        "properties": {
            "identifiers": {"type": "array", "minItems": 1, "maxItems": 10, "items": _TEXT},
            "decision_id": _TEXT,
            "arms": {"type": "object", "additionalProperties": _TEXT},
        },
    },
    "Shown": {
        "type": "object",
        "required": ["is_logged"],
        "properties": {"is_logged": {"type": "boolean"}},
    },
    "Health": {
        "type": "object",
        "properties": {
            "status": {"enum": ["ok", "empty"]},
            "snapshot": {"type": ["integer", "null"]},
        },
    },
    "Document": _VALUES,
    "Error": _ERROR,
}
_ANSWERS = {
    "200": "the answer", "304": "the answer is the one of If-None-Match",
    "400": "the request is malformed", "401": "the token is missing or unknown",
    "403": "the token does not permit this", "404": "no profile has the identifier",
    "413": "the body is too large", "429": "too many requests; see Retry-After",
    "503": "no answer within the time limit; use the fallback",
}  # fmt: skip
_ALWAYS = {"400": "Error", "401": "Error", "403": "Error", "429": "Error", "503": "Error"}


def document(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The document of the routes' parts, by path and method."""
    paths = {
        path: {method: _operation(path, method, part) for method, part in methods.items()}
        for path, methods in sorted(parts.items())
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Segmentry profile API", "version": metadata.version("segmentry")},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {**SCHEMAS},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(path: str, method: str, part: Mapping[str, Any]) -> dict[str, Any]:
    is_open = part.get("is_open", False)
    answers = {**({} if is_open else _ALWAYS), **part["responses"]}
    found: dict[str, Any] = {
        "operationId": f"{method}{path}".replace("/", "_").replace("{", "").replace("}", ""),
        "summary": part["summary"],
        "security": [] if is_open else [{"token": []}],
        "responses": {status: _answer(status, name) for status, name in sorted(answers.items())},
    }
    if "parameters" in part:
        found["parameters"] = part["parameters"]
    if "body" in part:
        found["requestBody"] = {"required": True, "content": _content(part["body"])}
    return found


def _answer(status: str, name: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"description": _ANSWERS[status]}
    return found if name is None else {**found, "content": _content(name)}


def _content(name: str) -> dict[str, Any]:
    if "/" in name:
        return {name: {"schema": _TEXT}}
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
