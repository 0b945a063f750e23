"""Every page answers with data, in an empty and in a broken home, and never with a traceback."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from console.access import Role
from console.app import pages
from runtime import profile_sections
from segmentry import warehouse
from segmentry.settings import Settings
from tests.console.small_home import ADDRESS, ANN, CEM, client

# An example of each part of an address that varies.
PARTS = {
    "name": {"segments": "loyal_customers", "syncs": "newsletter_file", "models": "churn"},
    "file": "evaluation.png",
    "profile": ANN, "segment": "loyal_customers", "sync": "newsletter_file",
}  # fmt: skip


def addresses() -> list[str]:
    """Every address that is read."""
    return [
        _filled(route.path) for page in pages() for route in page.routes if route.method == "GET"
    ]


def _filled(path: str) -> str:
    def part(found: re.Match[str]) -> str:
        value = PARTS[found[1]]
        return value if isinstance(value, str) else value[path.split("/")[1]]

    return re.sub(r"\{(\w+)\}", part, path)


class PageOutline(HTMLParser):
    """Headings, controls and tables of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.labelled: set[str] = set()
        self.controls: list[dict[str, str | None]] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if "style" in found or any(name.startswith("on") for name in found):
            self.faults.append(f"<{tag}> has a style or handler, which the policy refuses")
        if identity := found.get("id"):
            self.ids.append(identity)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "label":
            self.labelled.add(found.get("for") or "")
        if tag in {"input", "select", "textarea"} and found.get("type") != "hidden":
            self.controls.append(found)
        if tag == "th" and "scope" not in found:
            self.faults.append("a <th> has no scope")
        if tag == "svg" and not found.get("aria-label"):
            self.faults.append("an <svg> has no label")
        if tag == "img" and not found.get("alt"):
            self.faults.append("an <img> has no text")


@pytest.mark.parametrize("address", addresses())
def test_a_page_with_data(shop: Settings, address: str) -> None:
    answer = client(shop).get(address)
    assert answer.status_code in {200, 303}, answer.text
    assert "is missing" not in answer.text
    assert len(answer.content) < 1_000_000
    if answer.status_code == 200 and answer.headers["content-type"].startswith("text/html"):
        _check_outline(answer.text)


def _check_outline(text: str) -> None:
    """What a screen reader needs: one first heading, no level left out, names of all controls."""
    outline = PageOutline(text)
    assert outline.faults == []
    assert outline.headings[0] == 1 and outline.headings.count(1) == 1
    steps = zip(outline.headings, outline.headings[1:], strict=False)
    assert all(after - before <= 1 for before, after in steps)
    assert len(outline.ids) == len(set(outline.ids))
    for control in outline.controls:
        is_wrapped = control.get("type") == "checkbox"
        assert is_wrapped or control.get("id") in outline.labelled, control
    assert '<html lang="en">' in text and "<title>" in text and "<main" in text


@pytest.mark.parametrize("address", addresses())
def test_an_empty_home_states_what_to_do(empty: Settings, address: str) -> None:
    answer = client(empty).get(address)
    assert answer.status_code in {200, 303}
    assert "Traceback" not in answer.text
    needs_data = address.split("/")[1] not in {"people", "syncs"} or address.count("/") > 1
    if needs_data and not address.endswith("/rule"):
        assert "segmentry run" in answer.text or "None" in answer.text, answer.text
    assert not (empty.home / "lake").exists()


@pytest.mark.parametrize("address", addresses())
def test_a_home_without_relations(home: Settings, address: str) -> None:
    answer = client(home).get(address)
    assert answer.status_code in {200, 303, 400, 404, 503}
    assert "Traceback" not in answer.text and "_duckdb" not in answer.text


@pytest.mark.parametrize("address", addresses())
def test_a_lake_that_cannot_be_read(shop: Settings, tmp_path: Path, address: str) -> None:
    broken = Settings.from_environment({"SEGMENTRY_HOME": str(tmp_path / "home")})
    warehouse.catalog_file(broken).parent.mkdir(parents=True)
    warehouse.catalog_file(broken).write_bytes(b"this is no catalog" * 100)
    shutil.copytree(shop.extensions, broken.extensions, symlinks=True)
    answer = client(broken).get(address)
    assert answer.status_code in {200, 303, 503}
    assert "Traceback" not in answer.text
    if answer.status_code == 503:
        assert "segmentry doctor" in answer.text


def test_the_navigation_leads_to_every_page(shop: Settings) -> None:
    text = client(shop).get("/segments").text
    for page in pages():
        assert f'href="{page.href}"' in text
    assert text.count('aria-current="page"') == 1


def test_links_of_pages_lead_somewhere(shop: Settings) -> None:
    browser = client(shop)
    seen: dict[str, list[str]] = {}
    for address in addresses():
        for link in re.findall(r'(?:href|src)="(/[^"#]*)"', browser.get(address).text):
            folder = link.rpartition("/")[0]
            seen.setdefault(folder, []).append(link.replace("&amp;", "&"))
    # Two of each kind: there is a page for each segment and person.
    chosen = {link for links in seen.values() for link in sorted(set(links))[:2]}
    assert len(chosen) > 12
    assert {link for link in chosen if browser.get(link).status_code not in {200, 303}} == set()


def test_under_a_path_of_another_server(shop: Settings) -> None:
    browser = client(shop)
    text = browser.get("/segments").text
    assert 'href="/segments"' in text
    framed = TestClient(browser.app, root_path="/console", follow_redirects=False)
    assert 'href="/console/segments"' in framed.get("/segments").text


def test_numbers_of_a_segment(shop: Settings) -> None:
    text = client(shop).get("/segments/loyal_customers").text
    assert "orders_lifetime &gt;= 3" in text
    assert 'aria-label="Members of loyal_customers, from 1 to 2"' in text
    assert "newsletter_file" in text and "new_visitors" in text
    assert "50.0%" in text


def test_a_person_without_anything(shop: Settings) -> None:
    answer = client(shop).get(f"/people/{CEM}")
    assert answer.status_code == 200
    assert "None." in answer.text


def test_quality_names_what_is_wrong(shop: Settings) -> None:
    text = client(shop, Role.viewer).get("/quality").text
    for word in ("orders_lifetime is at least 0", "missing_field", "50 h behind", "8.0%", "XTS"):
        assert word in text


def test_an_unexpected_fault_quotes_nothing(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ValueError(f"a record has the value {ADDRESS}")

    monkeypatch.setattr("console.pages.quality._gates", fails)
    answer = client(shop).get("/quality")
    assert answer.status_code == 503
    assert ADDRESS not in answer.text and "ValueError" in answer.text
    frames = (shop.home / "logs" / "console.traceback.txt").read_text(encoding="utf-8")
    assert ADDRESS not in frames and "quality.py" in frames


def test_models_show_quality_and_drift(shop: Settings) -> None:
    browser = client(shop, Role.viewer)
    assert "alarm: 1" in browser.get("/models").text
    text = browser.get("/models/churn").text
    assert "0.834" in text and "0.71 to 0.78" in text and "orders_lifetime" in text
    assert "worse" in browser.get("/models").text
    for word in ("0.617", "0.587 to 0.647", "0.79 to 0.87", "812", "roc auc of past scores by"):
        assert word in text
    other = browser.get("/models/clv").text
    assert "No scoring is old enough that its outcomes are known." in other
    assert browser.get("/models/nope").status_code == 400
    assert "no model was trained" in browser.get("/models/churn/card").text.lower()
    assert not (shop.home / "mlflow").exists()


def test_personas_and_journeys(shop: Settings) -> None:
    browser = client(shop, Role.viewer)
    text = browser.get("/personas").text
    assert "Night Shopper" in text and "100.0%" in text
    journeys = browser.get("/journeys").text
    label = "Flow of the journey customer through new, awareness, decision, lapsed"
    assert f'aria-label="{label}"' in journeys


def test_experiments_show_verdicts_and_intervals(shop: Settings) -> None:
    text = client(shop, Role.viewer).get("/experiments").text
    assert "1,800 +- 1,500 EUR" in text and "0.25 to 3.75" in text
    assert "b improves orders." in text
    assert "<script>alert" not in text and "&lt;script&gt;" in text


def test_lineage_leads_from_source_to_field(shop: Settings) -> None:
    text = client(shop, Role.viewer).get("/lineage").text
    row = re.search(r"<tr><th scope=.row.>email</th>.*?</tr>", text, re.S)
    assert row is not None
    assert "traits" in row[0] and "raw.crm_contacts" in row[0]
    assert "unused" not in text and "raw.surveys" not in text and "_loads" not in text


@pytest.mark.parametrize("address", ["/segments", "/models", "/quality", "/syncs", "/journeys"])
def test_pages_answer_fast(shop: Settings, address: str) -> None:
    """The limit is ten times what an idle machine takes; figures of a large home are measured."""
    browser = client(shop)
    browser.get(address)
    answer = browser.get(address)
    spent = float(answer.headers["server-timing"].removeprefix("page;dur="))
    print(f"{address}: {spent:.0f} ms, {len(answer.content):,} bytes")
    assert spent < 3000


def test_identifiers_have_their_links_and_evidence(shop: Settings) -> None:
    with warehouse.connect(shop, read_only=True) as lake:
        found = profile_sections.read(lake, "identifiers", ANN)
    assert isinstance(found, list)
    rows = {row["identifier_type"]: row for row in found}
    assert [rows[kind]["links"] for kind in ("email", "phone", "user_id")] == [1, 0, 1]
    assert rows["user_id"]["rules"] == "login" and rows["phone"]["rules"] is None
    assert rows["email"]["evidence"] == "events e1" and rows["phone"]["evidence"] is None
