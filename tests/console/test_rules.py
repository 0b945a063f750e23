"""A rule of the form is previewed and becomes a change of files, and nothing else."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from console import rules
from console.access import Role
from segmentry.errors import UsageError
from segmentry.settings import ROOT, Settings
from segments import installed
from tests.console.small_home import client
from tests.console.test_roles import word

WORDS = {"orders_lifetime": "bigint", "country": "varchar", "is_subscriber": "boolean"}


@pytest.mark.parametrize(
    ("column", "operator", "value", "text"),
    [
        ("orders_lifetime", ">=", "3", "orders_lifetime >= 3"),
        ("country", "=", "O'Land", "country = 'O''Land'"),
        ("country", "in", "DE, FR", "country in ('DE', 'FR')"),
        ("country", "is null", "ignored", "country is null"),
        ("is_subscriber", "is true", "", "is_subscriber is true"),
        ("is_subscriber", "=", "TRUE", "is_subscriber = true"),
    ],
)
def test_a_condition_as_text(column: str, operator: str, value: str, text: str) -> None:
    several = {"column": [column], "operator": [operator], "value": [value]}
    assert rules.where(several, WORDS) == text


@pytest.mark.parametrize(
    ("column", "operator", "value"),
    [
        ("orders_lifetime", ">=", "3; drop table x"),
        ("orders_lifetime", "=", ""),
        ("nope", "=", "1"),
        ("country or 1=1", "=", "1"),
        ("country", "like", "x"),
        ("is_subscriber", "=", "maybe"),
        ("", "=", "1"),
    ],
)
def test_a_condition_that_does_not_fit(column: str, operator: str, value: str) -> None:
    with pytest.raises(UsageError):
        rules.where({"column": [column], "operator": [operator], "value": [value]}, WORDS)


def ask(browser: TestClient, **fields: str | list[str]) -> str:
    """The page after the form is sent."""
    answer = browser.post("/segments/rule", data={"csrf": word(browser), **fields})
    assert answer.status_code in {200, 400}
    return answer.text


def test_preview_counts_members_and_moves(shop: Settings) -> None:
    browser = client(shop, Role.analyst)
    text = ask(
        browser, column=["orders_lifetime", ""], operator=[">=", "="], value=["5", ""],
        name="loyal_customers", action="preview",
    )  # fmt: skip
    tiles = re.findall(r"<li><b>([^<]*)</b> ([^<]*)</li>", text)
    assert tiles == [
        ("1", "members"), ("33.3%", "of all profiles"), ("0", "entries"), ("1", "exits")
    ]  # fmt: skip
    assert "new_visitors" not in text.partition('id="preview"')[2]


def test_the_script_gets_the_same_preview(shop: Settings) -> None:
    browser = client(shop, Role.analyst)
    fields = {"csrf": word(browser), "where": "country = 'O''Land' or orders_lifetime < 1"}
    answer = browser.post("/segments/rule/preview", data=fields)
    assert "<b>2</b> members" in answer.text and "<html" not in answer.text
    wrong = browser.post("/segments/rule/preview", data={**fields, "where": "now() > as_of"})
    assert 'role="alert"' in wrong.text


def test_a_refused_rule_names_the_remedy(shop: Settings) -> None:
    text = ask(client(shop), where="orders_lifetim >= 3", action="preview")
    assert "orders_lifetime" in text and "To do" in text


@pytest.mark.parametrize("name", ["loyal_customers", "big_spenders"])
def test_a_change_applies_and_nothing_is_written(shop: Settings, tmp_path: Path, name: str) -> None:
    before = _files()
    browser = client(shop, Role.analyst)
    where = "orders_lifetime >= 7 and country = 'DE'"
    text = ask(browser, where=where, name=name, owner="crm", action="change")
    assert f"dbt_project/models/segments/{name}.sql" in text
    fields = {"csrf": word(browser), "where": where, "name": name, "owner": "crm"}
    answer = browser.post("/segments/rule/patch", data=fields)
    assert f"{name}.patch" in answer.headers["content-disposition"]
    assert _files() == before
    folder = tmp_path / "dbt_project" / "models" / "segments"
    folder.mkdir(parents=True)
    for path, content in before.items():
        (folder / path).write_text(content, encoding="utf-8")
    (tmp_path / "change.patch").write_bytes(answer.content)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "apply", "change.patch"], cwd=tmp_path, check=True)
    made = installed.load(folder / f"{name}.sql", installed.vocabulary(shop))
    assert made.predicate is not None and made.predicate.to_sql() == where


def _files() -> dict[str, str]:
    folder = ROOT / "dbt_project" / "models" / "segments"
    return {p.name: p.read_text(encoding="utf-8") for p in folder.glob("*.*ml")} | {
        p.name: p.read_text(encoding="utf-8") for p in folder.glob("*.sql")
    }


@pytest.mark.parametrize("name", ["journey_loyalty", "../x", "", "Upper"])
def test_names_that_cannot_be_changed(shop: Settings, name: str) -> None:
    browser = client(shop)
    fields = {"csrf": word(browser), "where": "orders_lifetime > 1", "name": name, "owner": "crm"}
    assert browser.post("/segments/rule/patch", data=fields).status_code == 400
