"""Who may see and do what; no other site, and no value of a record, gets any further."""

from __future__ import annotations

import json
import re
import stat
from typing import Any

import pytest
from starlette.testclient import TestClient

from console import access, releases, visits
from console.access import Role, by_password
from console.app import application
from runtime import login
from segmentry import roles
from segmentry.errors import SegmentryError, UsageError
from segmentry.settings import Settings
from tests.console.small_home import ADDRESS, ANN, NAME, PHONE, client

PERSON = f"/people/{ANN}"
TABS = ("", "/timeline", "/identity", "/reasons", "/segments/loyal_customers")


def word(browser: TestClient, address: str = "/people") -> str:
    """The word of the forms that the visitor is shown."""
    found = re.search(r'name="csrf" value="(\w+)"', browser.get(address).text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("role", [Role.viewer, Role.auditor, Role.analyst])
@pytest.mark.parametrize("tab", TABS)
def test_identifiers_are_masked_below_engineer(shop: Settings, role: Role, tab: str) -> None:
    text = client(shop, role).get(PERSON + tab).text
    for value in (ADDRESS, PHONE, "u0777123", "alert(1)"):
        assert value not in text
    assert "masked" in text


def test_an_engineer_reads_them_as_text(shop: Settings) -> None:
    text = client(shop, Role.engineer).get(PERSON).text
    assert ADDRESS in text and PHONE in text
    assert NAME not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_traits_are_shown_by_the_class_of_their_column(shop: Settings) -> None:
    marketer = client(shop, Role.marketer).get(PERSON).text
    assert "masked" in marketer and "DE" in marketer
    reader = roles.of_role(shop, Role.analyst.reading)
    assert reader.trait("city", "Bonn") == "Bonn"
    assert reader.trait("marital_status", "married") == "…"
    assert reader.trait("a_trait_without_class", "x1") == "x…"
    assert roles.of_role(shop, Role.viewer.reading).trait("city", "Bonn") == "…"
    text = reader.named_values("city = Bonn, Beuel, email = a, b, orders_lifetime = 3")
    assert text == "city = Bonn, Beuel, email = …, orders_lifetime = 3"


def test_markup_in_an_address_or_form_is_text(shop: Settings) -> None:
    browser = client(shop)
    for address in (f"/segments/{NAME}", f"/segments/rule?name={NAME}", "/people/%3Cscript%3E"):
        assert "<script>alert" not in browser.get(address).text
    fields = {"csrf": word(browser), "where": NAME, "name": NAME, "action": "preview"}
    assert "<script>alert" not in browser.post("/segments/rule", data=fields).text


def test_every_view_of_a_person_is_recorded(shop: Settings) -> None:
    before = len(visits.of_person(shop, ANN))
    browser = client(shop, Role.viewer)
    for tab in TABS:
        browser.get(PERSON + tab)
    browser.get("/segments")
    found = visits.of_person(shop, ANN)[before:]
    assert [line["visitor"] for line in found] == ["vera"] * len(TABS)
    assert {line["role"] for line in found} == {"viewer"}
    path = visits.log_file(shop)
    assert ANN not in path.read_text(encoding="utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_line_that_a_kill_cut_is_left_out(shop: Settings) -> None:
    client(shop).get(PERSON)
    count = len(visits.of_person(shop, ANN))
    with visits.log_file(shop).open("a", encoding="utf-8") as file:
        file.write('{"at": "2026-\n')
    client(shop).get(PERSON)
    assert len(visits.of_person(shop, ANN)) == count + 1


def test_what_cannot_be_recorded_is_not_shown(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise SegmentryError("the access log cannot be written")

    monkeypatch.setattr("console.visits.record", full)
    answer = client(shop, Role.engineer).get(PERSON)
    assert answer.status_code == 503 and ADDRESS not in answer.text


def test_search_keeps_the_identifier_out_of_the_address(shop: Settings) -> None:
    browser = client(shop)
    fields = {"csrf": word(browser), "who": f"email:{ADDRESS}"}
    answer = browser.post("/people", data=fields)
    assert answer.status_code == 303
    assert answer.headers["location"] == PERSON
    missing = browser.post("/people", data={**fields, "who": "email:nobody@example.org"})
    assert missing.status_code == 404
    assert "nobody@example.org" not in missing.text


@pytest.mark.parametrize(
    ("address", "role"),
    [
        ("/people", Role.viewer),
        ("/segments/rule", Role.analyst),
        ("/segments/rule/preview", Role.analyst),
        ("/segments/rule/patch", Role.analyst),
        ("/syncs/newsletter_file/plan", Role.analyst),
        ("/syncs/newsletter_file/release", Role.engineer),
    ],
)
def test_a_post_needs_its_role_and_word(
    shop: Settings, monkeypatch: pytest.MonkeyPatch, address: str, role: Role
) -> None:
    monkeypatch.setattr("console.releases.start", _never)
    for given in Role:
        browser = client(shop, given)
        if given < role:
            assert browser.post(address, data={"csrf": word(browser)}).status_code == 403
        for wrong in ({}, {"csrf": ""}, {"csrf": "0" * 64}):
            assert browser.post(address, data=wrong).status_code == 403
    stolen = word(client(shop, Role.viewer))
    if role > Role.viewer:
        assert client(shop, role).post(address, data={"csrf": stolen}).status_code == 403


def _never(*_: object) -> None:
    raise AssertionError("a release was started")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://other.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_no_other_site_may_post(shop: Settings, headers: dict[str, str]) -> None:
    browser = client(shop)
    fields = {"csrf": word(browser), "who": "user_id:u2"}
    assert browser.post("/people", data=fields, headers=headers).status_code == 403


def test_another_host_name_is_refused(shop: Settings) -> None:
    assert client(shop).get("/segments", headers={"host": "rebound.example"}).status_code == 421


def test_headers_keep_other_content_out(shop: Settings) -> None:
    headers = client(shop).get("/segments").headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert "frame-ancestors 'none'" in policy and headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"


def test_a_large_form_is_refused(shop: Settings) -> None:
    browser = client(shop)
    fields = {"csrf": word(browser), "where": "x" * 70_000}
    assert browser.post("/segments/rule", data=fields).status_code == 403


def test_release_starts_the_sync_for_an_engineer(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[str, list[str]]] = []

    def start(_: Settings, visitor: access.ConsoleVisitor, sync: str, command: list[str]) -> None:
        started.append((visitor.name, command))

    monkeypatch.setattr("console.releases.start", start)
    browser = client(shop)
    page = browser.get("/syncs/newsletter_file").text
    assert "900 of 1,000 row(s) would be removed" in page and "the address bounces" in page
    fields = {"csrf": word(browser), "guardrail": "removals", "sure": "yes"}
    release = "/syncs/newsletter_file/release"
    assert browser.post(release, data={**fields, "sure": ""}).status_code == 400
    assert browser.post(release, data={**fields, "guardrail": "empty"}).status_code == 400
    assert browser.post("/syncs/nope/release", data=fields).status_code == 400
    assert started == []
    assert browser.post(release, data=fields).status_code == 303
    assert started == [
        ("vera", ["sync", "apply", "--select", "newsletter_file", "--release",
                  "newsletter_file.removals"])
    ]  # fmt: skip


def test_below_engineer_the_button_is_missing(shop: Settings) -> None:
    text = client(shop, Role.analyst).get("/syncs/newsletter_file").text
    assert "removals" in text and "Release and send" not in text


def test_a_release_is_recorded_with_its_visitor(
    empty: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    class Started:
        def __init__(self, command: list[str], **options: Any) -> None:
            seen.append((command, options["env"]))

        def wait(self) -> int:
            return 0

    monkeypatch.setattr("console.releases.subprocess.Popen", Started)
    visitor = access.ConsoleVisitor("vera", Role.engineer)
    releases.start(empty, visitor, "news", releases.words("news", ["drift"], ["drift", "empty"]))
    line = json.loads(visits.log_file(empty).read_text(encoding="utf-8"))
    assert (line["visitor"], line["what"], line["detail"]) == ("vera", "release", "news.drift")
    command, environment = seen[0]
    assert command[-1] == "news.drift"
    assert environment["SEGMENTRY_OPERATOR"] == "vera"
    assert environment["SEGMENTRY_HOME"] == str(empty.home)


def served(settings: Settings) -> TestClient:
    """A console that is served alone."""
    app = application(settings, by_password(settings), frozenset({"testserver"}))
    return TestClient(app, follow_redirects=False)


def test_sign_in_by_password_and_token(empty: Settings) -> None:
    browser = served(empty)
    token = access.grant(empty, "ann", Role.analyst)
    secret = login.password(empty)
    assert browser.get("/people").status_code == 401
    assert browser.get("/people", headers={"authorization": "Basic !!"}).status_code == 401
    for name, given, status in (
        ("admin", secret, 200), ("admin", "wrong", 401), ("admin", token, 401),
        ("ann", token, 200), ("ann", secret, 401), ("bob", token, 401), ("ann", "", 401),
    ):  # fmt: skip
        assert browser.get("/people", auth=(name, given)).status_code == status, (name, status)
    bearer = {"authorization": f"Bearer {token}"}
    assert "ann, analyst" in browser.get("/people", headers=bearer).text
    stored = (empty.secrets / "console.users.json").read_text(encoding="utf-8")
    assert token not in stored
    newer = access.grant(empty, "ann", Role.viewer)
    assert browser.get("/people", auth=("ann", token)).status_code == 401
    access.revoke(empty, "ann")
    assert browser.get("/people", auth=("ann", newer)).status_code == 401
    assert browser.get("/health").status_code == 200
    for address in ("/segments/health", "/people/health", "/static/health"):
        assert browser.get(address).status_code == 401


def test_names_that_cannot_be_granted(empty: Settings) -> None:
    for name in ("admin", "", "a b", "x" * 65, "a:b"):
        with pytest.raises(UsageError):
            access.grant(empty, name, Role.viewer)
    with pytest.raises(UsageError):
        access.revoke(empty, "ann")


def test_a_damaged_list_of_users_lets_nobody_in(empty: Settings) -> None:
    token = access.grant(empty, "ann", Role.viewer)
    path = empty.secrets / "console.users.json"
    path.write_text(path.read_text(encoding="utf-8").replace("viewer", "owner"), encoding="utf-8")
    answer = served(empty).get("/people", auth=("ann", token))
    assert answer.status_code == 500 and "Traceback" not in answer.text
