"""What a caller gets of a profile, and how a wrong request is answered."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from api.app import build
from live.store.records import OptOutMark, ProfileRecord, Version
from tests.api.callers import (
    ADS,
    ANALYST,
    MARKETER,
    ORIGIN,
    PAGE,
    PEOPLE,
    SERVER,
    SLOW,
    client,
    headers,
    service_of,
)
from tests.live import stores


@pytest.fixture
def http(tmp_path: Path) -> Iterator[TestClient]:
    with client(tmp_path) as found:
        yield found


def get(http: TestClient, identifier: str, token: str = SERVER, **more: str) -> Any:
    path = f"/v1/profiles/{quote(identifier, safe='')}"
    return http.get(path, headers=headers(token, **more))


def test_a_caller_gets_what_its_token_permits(http: TestClient) -> None:
    found = get(http, "email:Ann@Example.org").json()
    assert found["profile_id"] == "p-ann"
    assert found["version"] == {"snapshot": 7, "sequence": 0}
    assert found["traits"] == {"orders_lifetime": 3, "journey_stage": "active"}
    assert found["scores"] == {"churn_score": 0.5, "persona": "Regular"}
    assert [item["segment"] for item in found["segments"]] == ["at_risk", "loyal"]
    assert found["segments"][0]["entered_at"] == "2026-03-01T12:30:00Z"
    assert found["purposes"] == {"marketing/email": True, "analytics": True}
    assert found["consent"] == {"marketing": {"email": "granted"}, "analytics": {}}

    page = get(http, "cookie:c-ann-1", PAGE).json()
    assert page["traits"] == {"journey_stage": "active"}
    assert page["scores"] == {}
    assert "profile_id" not in page
    assert page["purposes"] == {"personalization": True}


def test_a_token_with_a_role_gets_masked_values(tmp_path: Path) -> None:
    traits = {"orders_lifetime": 3, "first_name": "Zebulonia", "city": "Bonn", "new_trait": 7}
    person = replace(PEOPLE[0], traits=traits)
    store = stores.embedded(tmp_path)
    store.put([person])
    store.keep_state(7, "f")
    app = build(service_of(tmp_path, store))
    with TestClient(app, raise_server_exceptions=False) as http:
        assert get(http, "email:ann@example.org").json()["traits"] == traits
        found = get(http, "email:ann@example.org", MARKETER).json()
        hidden = {"orders_lifetime": 3, "first_name": "Z…", "city": "…", "new_trait": "…"}
        assert found["traits"] == hidden
        assert found["scores"] == {"churn_score": 0.5, "persona": "Regular"}
        body = {"identifiers": ["email:ann@example.org"]}
        answer = http.post("/v1/profiles", json=body, headers=headers(ANALYST)).json()
        assert answer["profiles"][0]["traits"] == {**hidden, "city": "Bonn"}


@pytest.mark.parametrize(
    ("identifier", "token"),
    [
        ("email:bob@example.org", SERVER),  # refused, and analytics is opt-in for this person
        ("cookie:c-bob-1", PAGE),  # unknown, and personalization needs an opt-in
        ("email:ann@example.org", ADS),  # unknown, and advertising needs an opt-in
    ],
)
def test_without_consent_nothing_but_consent_is_answered(
    http: TestClient, identifier: str, token: str
) -> None:
    found = get(http, identifier, token).json()
    assert found["segments"] == []
    assert found["traits"] == {} == found["scores"]
    assert set(found["purposes"].values()) == {False}
    path = f"/v1/profiles/{quote(identifier)}/segments/loyal"
    member = http.get(path, headers=headers(token)).json()
    assert member["is_member"] is False
    assert member["entered_at"] is None


def test_opt_out_is_permitted_until_refused(tmp_path: Path) -> None:
    store = stores.embedded(tmp_path)
    store.put([ProfileRecord("p1", Version(1), segments={"a": stores.AT}, consent={})])
    with TestClient(build(service_of(tmp_path, store))) as http:
        before = get(http, "profile_id:p1").json()
        assert before["purposes"] == {"marketing/email": False, "analytics": True}
        assert len(before["segments"]) == 1
        store.opt_out([OptOutMark("p1", "analytics", "any")])
        after = get(http, "profile_id:p1").json()
        assert after["purposes"] == {"marketing/email": False, "analytics": False}
        assert after["segments"] == []
        assert after["consent"]["analytics"] == {"any": "refused"}


def test_one_segment(http: TestClient) -> None:
    path = "/v1/profiles/email:ann%40example.org/segments/"
    inside = http.get(path + "loyal", headers=headers()).json()
    assert (inside["is_member"], inside["entered_at"]) == (True, "2026-03-01T12:30:00Z")
    outside = http.get(path + "no_such_segment", headers=headers())
    assert (outside.status_code, outside.json()["is_member"]) == (200, False)


def test_several_profiles_in_the_order_asked(http: TestClient) -> None:
    asked = ["cookie:c-bob-1", "email:lea@example.org", "phone:+49 151 12345678"]
    found = http.post("/v1/profiles", json={"identifiers": asked}, headers=headers()).json()
    names = [item and item["profile_id"] for item in found["profiles"]]
    assert names == ["p-bob", None, "p-ann"]


def test_a_tag_saves_the_content_until_it_changes(http: TestClient, tmp_path: Path) -> None:
    first = get(http, "email:ann@example.org")
    tag = first.headers["etag"]
    assert "no-cache" in first.headers["cache-control"]
    again = get(http, "email:ann@example.org", **{"if-none-match": f'"x", W/{tag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert get(http, "email:ann@example.org", PAGE and ADS).headers["etag"] != tag
    store = stores.embedded(tmp_path)
    store.put([ProfileRecord("p-ann", Version(8), segments={})])
    store.close()
    changed = get(http, "email:ann@example.org", **{"if-none-match": tag})
    assert changed.status_code == 200
    assert changed.json()["segments"] == []


# The value of each request that no answer and no log may repeat.
SECRET = "zoe.private"
WRONG: list[tuple[str, str, dict[str, Any], int]] = [
    ("GET", f"/v1/profiles/{SECRET}", {}, 400),
    ("GET", f"/v1/profiles/{SECRET}@example.org", {}, 400),
    ("GET", f"/v1/profiles/planet:{SECRET}", {}, 400),
    ("GET", f"/v1/profiles/email:{SECRET}", {}, 400),
    ("GET", f"/v1/profiles/phone:{SECRET}", {}, 400),
    ("GET", "/v1/profiles/email:", {}, 400),
    ("GET", "/v1/profiles/profile_id:", {}, 400),
    ("GET", f"/v1/profiles/email:{SECRET}{'x' * 400}@example.org", {}, 400),
    ("GET", f"/v1/profiles/email:{SECRET}@example.org", {}, 404),
    ("GET", f"/v1/profiles/email:{SECRET}@example.org/segments/loyal", {}, 404),
    ("GET", f"/v1/profiles/cookie:{SECRET}/segments/", {}, 404),
    ("GET", f"/v2/profiles/email:{SECRET}@example.org", {}, 404),
    ("GET", "/v1/profiles", {}, 405),
    ("PUT", f"/v1/profiles/email:{SECRET}@example.org", {}, 405),
    ("DELETE", f"/v1/profiles/email:{SECRET}@example.org", {}, 405),
    ("POST", "/v1/profiles", {"content": f"{SECRET}"}, 400),
    ("POST", "/v1/profiles", {"content": b"\xff\xfe\x00"}, 400),
    ("POST", "/v1/profiles", {"content": b""}, 400),
    ("POST", "/v1/profiles", {"content": "[" * 5000}, 400),
    ("POST", "/v1/profiles", {"json": {}}, 400),
    ("POST", "/v1/profiles", {"json": {"identifiers": SECRET}}, 400),
    ("POST", "/v1/profiles", {"json": {"identifiers": []}}, 400),
    ("POST", "/v1/profiles", {"json": {"identifiers": [None]}}, 400),
    ("POST", "/v1/profiles", {"json": {"identifiers": [{"email": SECRET}]}}, 400),
    ("POST", "/v1/profiles", {"json": {"identifiers": [f"email:{SECRET}"]}}, 400),
    ("POST", "/v1/profiles", {"json": {"identifiers": ["cookie:c-1"] * 101}}, 400),
    ("POST", "/v1/profiles", {"content": b" " * 70_000 + SECRET.encode()}, 413),
]


@pytest.mark.parametrize("case", WRONG, ids=range(len(WRONG)))
def test_a_wrong_request_is_refused_with_a_reason_and_without_its_identifier(
    http: TestClient, case: tuple[str, str, dict[str, Any], int], caplog: pytest.LogCaptureFixture
) -> None:
    method, path, content, status = case
    with caplog.at_level(logging.DEBUG, "api"), caplog.at_level(logging.INFO, "uvicorn"):
        found = http.request(method, path, headers=headers(), **content)
    assert found.status_code == status
    assert found.json()["error"]["received"]
    assert found.json()["error"]["to_do"]
    assert SECRET not in found.text
    assert SECRET not in "".join(r.getMessage() for r in caplog.records if r.name[:5] != "httpx")


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer"}, 401),
        ({"authorization": "Bearer sgm_servers"}, 401),
        ({"authorization": "Basic sgm_server"}, 401),
        ({"authorization": f"Bearer {SERVER}", "origin": ORIGIN}, 403),
        ({"authorization": f"Bearer {PAGE}", "origin": "https://other.example"}, 403),
        ({"authorization": f"Bearer {PAGE}", "origin": ORIGIN}, 403),  # may not ask by email
        ({"authorization": f"bearer  {SERVER}"}, 200),
    ],
)
def test_who_may_ask(http: TestClient, given: dict[str, str], status: int) -> None:
    found = http.get("/v1/profiles/email:ann@example.org", headers=given)
    assert found.status_code == status
    assert ("www-authenticate" in found.headers) == (status == 401)


def test_a_page_may_ask_across_origins(http: TestClient) -> None:
    asked = {"origin": ORIGIN, "access-control-request-headers": "authorization"}
    before = http.options("/v1/profiles/cookie:c-ann-1", headers=asked)
    assert before.status_code == 204
    assert before.headers["access-control-allow-origin"] == ORIGIN
    assert "authorization" in before.headers["access-control-allow-headers"]
    found = get(http, "cookie:c-ann-1", PAGE, origin=ORIGIN)
    assert found.headers["access-control-allow-origin"] == ORIGIN
    other = http.options("/v1/profiles/x", headers={**asked, "origin": "https://other.example"})
    assert "access-control-allow-origin" not in other.headers
    refused = get(http, "email:ann@example.org", PAGE, origin=ORIGIN)
    assert refused.status_code == 403
    assert refused.headers["access-control-allow-origin"] == ORIGIN


def test_too_many_requests_get_the_time_to_come_back(http: TestClient) -> None:
    found = [get(http, "profile_id:p-ann", SLOW) for _ in range(4)]
    assert [item.status_code for item in found] == [200, 429, 429, 429]
    assert 1 <= int(found[-1].headers["retry-after"]) <= 2
    assert get(http, "profile_id:p-ann").status_code == 200


def test_tokens_cannot_be_tried_without_end(tmp_path: Path) -> None:
    with client(tmp_path, refused_per_minute=120) as http:
        found = [get(http, "profile_id:p-ann", f"sgm_{n}").status_code for n in range(6)]
        assert found == [401, 401, 401, 401, 429, 429]
        assert get(http, "profile_id:p-ann").status_code == 200


def test_a_late_store_gets_the_fallback_in_time(tmp_path: Path) -> None:
    store = stores.embedded(tmp_path)
    store.put(PEOPLE)
    find = store.find_many

    def slow(identifiers: Any) -> Any:
        time.sleep(1.5)
        return find(identifiers)

    store.find_many = slow  # type: ignore[method-assign]
    with TestClient(build(service_of(tmp_path, store, time_limit=0.1))) as http:
        started = time.monotonic()
        found = get(http, "email:ann@example.org")
        assert time.monotonic() - started < 1
    assert found.status_code == 503
    assert found.headers["retry-after"] == "1"
    assert found.json()["fallback"]["is_fallback"] is True
    assert found.json()["fallback"]["segments"] == []


def test_after_a_slow_read_of_the_file_no_request_waits_for_it(tmp_path: Path) -> None:
    store = stores.embedded(tmp_path)
    store.put(PEOPLE)
    find = store.find_many

    def slow(identifiers: Any) -> Any:
        time.sleep(0.6)
        return find(identifiers)

    service = service_of(tmp_path, store, time_limit=0.2)
    service.reads_directly = True
    with TestClient(build(service)) as http:
        assert get(http, "email:ann@example.org").status_code == 200
        store.find_many = slow  # type: ignore[method-assign]
        assert get(http, "email:ann@example.org").status_code == 503
        started = time.monotonic()
        assert get(http, "email:ann@example.org").json()["fallback"]["segments"] == []
        assert time.monotonic() - started < 0.5


def test_a_fault_of_the_server_states_nothing_of_the_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = stores.embedded(tmp_path)

    def broken(identifiers: Any) -> Any:
        raise RuntimeError(f"cannot read {identifiers}")

    store.find_many = broken  # type: ignore[method-assign]
    with TestClient(build(service_of(tmp_path, store)), raise_server_exceptions=False) as http:
        found = get(http, f"email:{SECRET}@example.org")
    assert found.status_code == 500
    assert SECRET not in found.text
    logged = [r for r in caplog.records if r.name == "api"]
    assert "RuntimeError" in logged[0].getMessage()
    assert not any(SECRET in r.getMessage() or r.exc_info for r in logged)


def test_health_reports_a_store_that_was_not_fed(tmp_path: Path) -> None:
    store = stores.embedded(tmp_path)
    with TestClient(build(service_of(tmp_path, store))) as http:
        assert http.get("/healthz").json() == {"status": "empty", "snapshot": None}
        store.keep_state(4, "f")
        found = http.get("/healthz")
        assert (found.status_code, found.json()) == (200, {"status": "ok", "snapshot": 4})
