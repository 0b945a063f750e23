"""The OpenAPI document describes the answers that the server gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from openapi_core import OpenAPI

from tests.api.callers import PAGE, client, headers

CASES: list[tuple[str, str, str, Any, int]] = [
    ("/v1/profiles/{identifier}", "GET", "/v1/profiles/email:ann@example.org", None, 200),
    ("/v1/profiles/{identifier}", "GET", "/v1/profiles/email:lea@example.org", None, 404),
    ("/v1/profiles/{identifier}", "GET", "/v1/profiles/planet:x", None, 400),
    (
        "/v1/profiles/{identifier}/segments/{segment}", "GET",
        "/v1/profiles/cookie:c-ann-1/segments/loyal", None, 200,
    ),
    ("/v1/profiles", "POST", "/v1/profiles", {"identifiers": ["cookie:c-1"]}, 200),
    ("/v1/profiles", "POST", "/v1/profiles", {"identifiers": []}, 400),
    ("/healthz", "GET", "/healthz", None, 200),
]  # fmt: skip


def test_the_document_is_valid_and_names_every_route(tmp_path: Path) -> None:
    with client(tmp_path) as http:
        document = http.get("/openapi.json").json()
    OpenAPI.from_dict(document)
    assert set(document["paths"]) == {
        "/healthz", "/openapi.json", "/v1/changes", "/v1/profiles", "/v1/profiles/{identifier}",
        "/v1/profiles/{identifier}/segments/{segment}", "/v1/snippet.js", "/v1/decide",
        "/v1/decide.js", "/v1/shown",
    }  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[1]} {case[0]} {case[4]}")
def test_answers_satisfy_the_document(tmp_path: Path, case: Any) -> None:
    template, method, path, body, status = case
    with client(tmp_path) as http:
        document = http.get("/openapi.json").json()
        found: httpx.Response = http.request(method, path, json=body, headers=headers())
        refused = http.request(method, path, json=body, headers=headers("sgm_unknown"))
    assert found.status_code == status
    described = document["paths"][template][method.lower()]["responses"]
    for answered in (found, refused):
        content = described[str(answered.status_code)]["content"]["application/json"]["schema"]
        schema = {**content, "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(answered.json())


def test_the_snippet_is_small_and_open(tmp_path: Path) -> None:
    with client(tmp_path) as http:
        found = http.get("/v1/snippet.js", headers={"origin": "https://any.example"})
    assert found.status_code == 200
    assert len(found.content) < 3000
    assert found.headers["access-control-allow-origin"] == "*"
    assert PAGE not in found.text
