"""POST /v1/decide and /v1/shown over HTTP, and the script in a real browser."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.testclient import TestClient

from api.app import build
from api.decider import Decider
from api.service import ApiService
from live.store.records import ProfileRecord, Version
from tests.api import callers
from tests.content.small_content import BANNER, EXPERIMENT, content_with
from tests.live import stores

LASTING = {**EXPERIMENT, "start": "2020-01-01", "end": "2099-01-01"}
STAGE = "{{ journey_stage | default: 'none' }}"
SLOT = {
    **BANNER,
    "variants": {
        "loyal": {"template": f"<h1>Loyal, stage {STAGE}</h1>"},
        "new": {"template": "<h1>New here</h1>"},
        "orders": {"template": "{{ orders_lifetime | default: 0 }}"},
    },
    "rules": [
        {"segment": "loyal_customers", "show": "loyal"},
        {"segment": "new_visitors", "experiment": "hero_test",
         "show": {"plain": "new", "bold": "new"}},
        {"segment": "tech_enthusiasts", "show": "orders"},
    ],
}  # fmt: skip
CONSENT = {"personalization/any": "granted"}
PEOPLE = tuple(
    ProfileRecord(
        f"p-{name}", Version(7), traits, {segment: stores.AT}, {}, consent, (),
        (("cookie", f"c-{name}-1"),),
    )
    for name, traits, segment, consent in (
        ("ann", {"journey_stage": "<b>active</b>"}, "loyal_customers", CONSENT),
        ("bob", {}, "new_visitors", CONSENT),
        ("cat", {"orders_lifetime": 4}, "tech_enthusiasts", CONSENT),
        ("dan", {}, "loyal_customers", {}),
    )
)  # fmt: skip


@contextmanager
def service(place: Path, **rules: Any) -> Iterator[ApiService]:
    store = stores.embedded(place / "home")
    store.put(PEOPLE)
    store.keep_state(7, "f")
    found = callers.service_of(place / "home", store, **rules)
    settings = replace(stores.settings_of(place / "home"))
    content = content_with(place, SLOT, experiments=(LASTING,))
    found.__dict__["decider"] = Decider(settings, store, content)
    yield found


@pytest.fixture
def http(tmp_path: Path) -> Iterator[TestClient]:
    with service(tmp_path) as known, TestClient(build(known)) as found:
        yield found


def ask(http: TestClient, token: str = callers.PAGE, **changes: Any) -> Any:
    body = {"identifiers": ["cookie:c-ann-1"], "slots": ["banner"], **changes}
    return http.post("/v1/decide", json=body, headers=callers.headers(token))


@pytest.mark.parametrize(
    ("name", "variant", "text"),
    [
        ("ann", "loyal", "<h1>Loyal, stage &lt;b&gt;active&lt;/b&gt;</h1>"),
        ("bob", "new", "<h1>New here</h1>"),
        ("cat", "fallback", "<p>Welcome</p>"),  # the token does not get orders_lifetime
        ("dan", "fallback", "<p>Welcome</p>"),
        ("nobody", "fallback", "<p>Welcome</p>"),
    ],
)
def test_what_each_person_is_shown(http: TestClient, name: str, variant: str, text: str) -> None:
    found = ask(http, identifiers=[f"cookie:c-{name}-1"])
    assert found.status_code == 200
    one = found.json()["slots"]["banner"]
    assert (one["variant"], one["content"]) == (variant, text)


def test_the_first_identifier_that_is_known_counts(http: TestClient) -> None:
    found = ask(http, identifiers=["cookie:c-nobody-1", "cookie:c-bob-1", "cookie:c-ann-1"])
    assert found.json()["slots"]["banner"]["variant"] == "new"


@pytest.mark.parametrize(
    ("token", "changes", "status", "received"),
    [
        ("sgm_other", {}, 401, "token"),
        (callers.SERVER, {}, 403, "purpose"),
        (callers.PAGE, {"identifiers": ["email:ann@example.org"]}, 403, "may not ask by email"),
        (callers.PAGE, {"identifiers": []}, 400, "identifiers"),
        (callers.PAGE, {"identifiers": "cookie:c-ann-1"}, 400, "identifiers"),
        (callers.PAGE, {"slots": ["attic"]}, 400, "slot 1 does not exist"),
        (callers.PAGE, {"slots": [3]}, 400, "slots"),
        (callers.PAGE, {"slots": [str(n) for n in range(90)]}, 400, "90 entries"),
        (callers.PAGE, {"context": {"hour": 3}}, 400, "'hour'"),
        (callers.PAGE, {"context": []}, 400, "context"),
        (callers.PAGE, {"shown": "yes"}, 400, "shown"),
        (callers.PAGE, {"context": {"page": "x" * 20_000}}, 413, "bytes"),
    ],
)
def test_a_request_that_is_wrong(
    http: TestClient, token: str, changes: dict[str, Any], status: int, received: str
) -> None:
    found = ask(http, token, **changes)
    assert found.status_code == status
    error = found.json()["error"]
    assert received in error["received"]
    assert error["to_do"] or status == 413
    assert "c-ann-1" not in found.text
    assert "ann@example.org" not in found.text


def test_a_store_that_fails_is_answered_with_fallbacks(tmp_path: Path) -> None:
    with service(tmp_path) as known, TestClient(build(known)) as http:

        def broken(identifiers: object) -> None:
            raise OSError("disk")

        known.decider._store.find_many = broken  # type: ignore[assignment, method-assign]
        found = ask(http)
    assert found.status_code == 200
    assert found.json()["slots"]["banner"]["content"] == "<p>Welcome</p>"
    assert found.json()["is_fallback"]


def test_a_store_that_is_late_is_answered_with_fallbacks_that_are_not_logged(
    tmp_path: Path,
) -> None:
    with service(tmp_path, time_limit=0.05) as known, TestClient(build(known)) as http:
        find = known.decider._store.find_many

        def late(identifiers: Any) -> Any:
            time.sleep(0.3)
            return find(identifiers)

        known.decider._store.find_many = late  # type: ignore[method-assign]
        found = ask(http)
    assert found.status_code == 200
    assert "time limit" in found.json()["slots"]["banner"]["reasons"][0]
    assert not list((tmp_path / "home" / "inbox" / "events").glob("decided-*.ndjson"))


def test_an_exposure_is_recorded_when_it_was_shown(http: TestClient, tmp_path: Path) -> None:
    made = ask(http, identifiers=["cookie:c-bob-1"]).json()
    arm = made["slots"]["banner"]["arm"]
    body = {"identifiers": ["cookie:c-bob-1"], "decision_id": made["decision_id"]}
    headers = callers.headers(callers.PAGE)
    good = http.post("/v1/shown", json={**body, "arms": {"hero_test": arm}}, headers=headers)
    assert (good.status_code, good.json()) == (200, {"is_logged": True})
    bad = http.post("/v1/shown", json={**body, "arms": {"hero_test": "x"}}, headers=headers)
    assert bad.status_code == 400
    http.__exit__()
    files = (tmp_path / "home" / "inbox" / "events").glob("decided-*.ndjson")
    events = [orjson.loads(line) for one in files for line in one.read_bytes().splitlines()]
    assert [event["event"] for event in events] == ["Decision Made", "Experiment Viewed"]


def test_the_document_names_the_routes(http: TestClient) -> None:
    paths = http.get("/openapi.json").json()["paths"]
    assert {"/v1/decide", "/v1/shown", "/v1/decide.js"} <= set(paths)


PAGE = """<!DOCTYPE html><html><head><title>page</title></head><body>
<div data-segmentry-slot="banner" style="height:80px;display:flow-root"><p>Welcome</p></div>
<p>below</p>
<script src="/v1/decide.js"></script><script>
var place = document.querySelector("[data-segmentry-slot]"), before = place.offsetHeight, shift = 0;
new PerformanceObserver(function (list) {
  list.getEntries().forEach(function (entry) { shift += entry.value; });
}).observe({type: "layout-shift", buffered: true});
segmentryDecide({url: "%s", token: "%s", id: "cookie:%s"}).then(function () {
  setTimeout(function () {
    document.title = [place.innerText.trim(), place.style.visibility || "visible",
      place.offsetHeight - before, shift].join("|");
  }, 50);
});
</script></body></html>"""


def _page(app: Starlette) -> None:
    async def page(request: Request) -> HTMLResponse:
        url = request.query_params.get("url", "")
        return HTMLResponse(PAGE % (url, callers.PAGE, request.query_params["who"]))

    app.add_route("/page", page)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("who", "url", "expected"),
    [
        ("c-ann-1", "", "Loyal, stage <b>active</b>|visible|0|0"),
        ("c-bob-1", "", "New here|visible|0|0"),
        ("c-dan-1", "", "Welcome|visible|0|0"),
        ("c-nobody-1", "", "Welcome|visible|0|0"),
        ("c-ann-1", "http://127.0.0.1:9", "Welcome|visible|0|0"),
    ],
)
def test_a_real_browser_fills_the_slots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str, url: str, expected: str
) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not installed")
    made = build

    def with_page(known: ApiService) -> Starlette:
        app = made(known)
        _page(app)
        return app

    monkeypatch.setattr(callers, "build", with_page)
    page_rules = {
        key: replace(caller, origins=caller.origins)
        for key, caller in callers.RULES.callers.items()
    }
    with service(tmp_path, callers=page_rules) as known, callers.served(known) as address:
        for caller in page_rules.values():
            object.__setattr__(caller, "origins", frozenset({f"http://{address}"}))
        found = subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
             "--virtual-time-budget=8000", f"--user-data-dir={tmp_path / 'browser'}",
             f"http://{address}/page?who={who}&url={url}"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
    title = found.stdout.partition("<title>")[2].partition("</title>")[0]
    assert title.replace("&lt;", "<").replace("&gt;", ">") == expected
