"""Requests and answers of httpx in the form that openapi-core reads."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict


class HttpxRequest:
    """One request."""

    def __init__(self, request: httpx.Request) -> None:
        parts = urlsplit(str(request.url))
        self.host_url = f"{parts.scheme}://{parts.netloc}"
        self.path = parts.path
        self.method = request.method.lower()
        self.body: bytes | None = request.content or None
        self.content_type = request.headers.get("content-type", "application/json")
        query: Any = ImmutableMultiDict(parse_qsl(parts.query))
        self.parameters = RequestParameters(
            query=query, header=Headers(dict(request.headers)), cookie=ImmutableMultiDict()
        )


class HttpxResponse:
    """One answer."""

    def __init__(self, response: httpx.Response) -> None:
        self.data: bytes | None = response.content
        self.status_code = response.status_code
        self.content_type = response.headers.get("content-type", "application/json")
        self.headers = Headers(dict(response.headers))


def described_by(document: dict[str, Any], paths: set[str], server: str) -> dict[str, Any]:
    """A vendor's document, of the third version, with those of its paths that the requests use.

    Its servers give way to the test's. Discriminators that map to no schema by name are left out.
    """
    made = _plain(document)
    if made.get("swagger") == "2.0":
        made = _of_second_version(made)
    used = {t: entry for t, entry in made["paths"].items() if any(_fits(t, path) for path in paths)}
    return {**made, "paths": used, "servers": [{"url": server}]}


def _fits(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\\\{[^/]*?\\\}", "[^/]+", re.escape(template)), path) is not None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {
            key: _plain(part)
            for key, part in value.items()
            if key not in ("servers", "discriminator")
        }
        if str(kept.get("$ref", "")).startswith("#/definitions/"):
            kept["$ref"] = kept["$ref"].replace("#/definitions/", "#/components/schemas/")
        return kept
    return [_plain(part) for part in value] if isinstance(value, list) else value


def _of_second_version(document: dict[str, Any]) -> dict[str, Any]:
    paths = {
        template: {
            method: _operation(entry, inherited.get("parameters", []))
            for method, entry in inherited.items()
            if method in ("get", "put", "post", "delete", "patch")
        }
        for template, inherited in document["paths"].items()
    }
    components = {"schemas": document.get("definitions", {})}
    return {"openapi": "3.0.3", "info": document["info"], "paths": paths, "components": components}


def _operation(entry: dict[str, Any], inherited: list[dict[str, Any]]) -> dict[str, Any]:
    parameters = [*inherited, *entry.get("parameters", [])]
    bodies = [p for p in parameters if p["in"] == "body"]
    made: dict[str, Any] = {
        "parameters": [_parameter(p) for p in parameters if p["in"] in ("query", "path", "header")],
        "responses": {
            status: _response(response) for status, response in entry["responses"].items()
        },
    }
    if bodies:
        content = {"application/json": {"schema": bodies[0]["schema"]}}
        made["requestBody"] = {"required": bodies[0].get("required", False), "content": content}
    return made


def _parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    names = ("type", "items", "enum", "format", "minimum", "maximum")
    schema = {name: parameter[name] for name in names if name in parameter}
    made = {
        "name": parameter["name"],
        "in": parameter["in"],
        "required": parameter.get("required", False),
    }
    if parameter.get("collectionFormat"):
        made |= {"explode": parameter["collectionFormat"] == "multi", "style": "form"}
    return {**made, "schema": schema}


def _response(response: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"description": response.get("description") or "answer"}
    if "schema" in response:
        made["content"] = {"application/json": {"schema": response["schema"]}}
    return made
