"""What each role sees on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from cli.main import run
from console import visits
from segmentry.settings import ROOT, Settings
from tests.console.small_home import ADDRESS, ANN, BOB, NAME, PHONE

pytestmark = pytest.mark.slow

VALUES = (ADDRESS, PHONE, "u0777123", NAME)
EMAIL = f"email:{ADDRESS}"
MASKING = ("marketer", "analyst", "auditor")
PRINTING = (
    ("profile", EMAIL),
    ("profile", EMAIL, "-o", "json"),
    ("identity", "explain", EMAIL, "user_id:u0777123"),
    ("identity", "explain", EMAIL, "user_id:u0777123", "-o", "json"),
    ("segments", "explain", "loyal_customers", EMAIL),
    ("query", "select * from profiles.profiles"),
    ("query", "from identity.identifier_mapping", "-o", "json"),
    ("query", "select upper(email) as e, reverse(email) as r, hash(email) from profiles.profiles"),
    ("query", "select string_agg(value, ' ') as all_of_them from identity.trait_provenance"),
    ("query", "summarize identity.identifier_mapping"),
    ("query", "select t.email from profiles.profiles t order by t.email desc nulls last"),
    ("query", "select i.* from identity.identifier_links l join identity.identifier_mapping i"
     " on i.identifier = l.left_identifier"),
)  # fmt: skip


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(list(arguments)) == code
    found = capsys.readouterr()
    return found.out + found.err


@pytest.mark.parametrize("role", MASKING)
@pytest.mark.parametrize("arguments", PRINTING)
def test_a_role_without_the_right_sees_masked_values(
    shop: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    role: str,
    arguments: tuple[str, ...],
) -> None:
    monkeypatch.setenv("SEGMENTRY_ROLE", role)
    text = printed(capsys, *arguments).lower()
    # A command line repeats nothing of what it was asked by.
    for value in VALUES:
        assert value.lower() not in text and value.lower()[::-1] not in text


def test_an_operator_reads_as_before(shop: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "profile", EMAIL, "-o", "json")
    assert ADDRESS in text and PHONE in text
    assert ADDRESS in printed(capsys, "query", "select email from lake.profiles.profiles")
    assert "u0777123" in printed(capsys, "identity", "explain", EMAIL, "user_id:u0777123")


def test_counts_and_plain_columns_are_as_they_are(
    shop: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sql = "select country, count(*) as n, count(email) as m from profiles.profiles group by all"
    whole = printed(capsys, "query", sql + " order by all", "-o", "json")
    monkeypatch.setenv("SEGMENTRY_ROLE", "marketer")
    assert printed(capsys, "query", sql + " order by all", "-o", "json") == whole


@pytest.mark.parametrize(
    "sql",
    [
        "select email from lake.profiles.profiles",
        "from LAKE.identity.identifier_mapping",
        'summarize "lake".profiles.profiles',
        "explain analyze select * from lake.profiles.profiles",
        "with x as (select * from lake.profiles.profiles) select email from x",
        "select (select max(email) from lake.profiles.profiles)",
        "select * from histogram(lake.profiles.profiles, email)",
        "select * from table_changes('lake', 'profiles', 'profiles', 0, 100)",
        "select * from summary((select * from lake.profiles.profiles))",
        "pivot lake.profiles.profiles on country in ('DE') using max(email)",
    ],
)
def test_the_lake_cannot_be_read_past_the_views(
    shop: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sql: str
) -> None:
    monkeypatch.setenv("SEGMENTRY_ROLE", "analyst")
    text = printed(capsys, "query", sql, code=2)
    assert "refused" in text
    assert ADDRESS not in text


def test_a_predicate_over_what_is_masked_is_refused(
    shop: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEGMENTRY_ROLE", "marketer")
    text = printed(capsys, "segments", "preview", "--where", f"email = '{ADDRESS}'", code=2)
    assert "may not read email" in text and ADDRESS not in text


@pytest.mark.parametrize(
    ("role", "arguments"),
    [
        ("analyst", ("privacy", "export", EMAIL, "--to", "export")),
        ("marketer", ("load", "crm_contacts", "contacts.csv")),
        ("auditor", ("run",)),
        ("analyst", ("console", "views", EMAIL)),
        ("marketer", ("segments", "audit", "loyal_customers")),
    ],
)
def test_a_command_that_does_not_mask_is_refused(
    shop: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    role: str,
    arguments: tuple[str, ...],
) -> None:
    monkeypatch.setenv("SEGMENTRY_ROLE", role)
    assert f"the role '{role}' may not run" in printed(capsys, *arguments, code=2)


def test_who_looked_at_a_person_is_recorded_for_auditors(
    shop: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {person: len(visits.of_person(shop, person)) for person in (ANN, BOB)}
    monkeypatch.setenv("SEGMENTRY_ROLE", "analyst")
    printed(capsys, "profile", EMAIL)
    printed(capsys, "identity", "explain", EMAIL, "user_id:u0777123")
    printed(capsys, "segments", "explain", "loyal_customers", EMAIL)
    printed(capsys, "segments", "explain", "loyal_customers", BOB)
    monkeypatch.setenv("SEGMENTRY_ROLE", "auditor")
    rows = json.loads(printed(capsys, "console", "views", EMAIL, "-o", "json"))[before[ANN] :]
    assert [(row["visitor"], row["role"], row["what"]) for row in rows] == [
        ("olga", "analyst", "profile"),
        ("olga", "analyst", "identity explain"),
        ("olga", "analyst", "segments explain"),
    ]
    assert len(visits.of_person(shop, BOB)) == before[BOB] + 1
    assert ADDRESS not in visits.log_file(shop).read_text(encoding="utf-8")


def test_an_unknown_role_is_named(
    shop: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEGMENTRY_ROLE", "boss")
    assert "SEGMENTRY_ROLE is 'boss'" in printed(capsys, "query", "select 1", code=2)


@pytest.mark.parametrize(
    "access",
    [
        {"local_role": "boss"},
        {"roles": {"boss": {"reads": []}}},
        {"roles": {"analyst": {"reads": ["everything"]}}},
        {"roles": {"analyst": {}}},
        ["analyst"],
    ],
)
def test_a_fault_of_the_policies_shows_nothing(
    shop: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    access: object,
) -> None:
    policies = yaml.safe_load((ROOT / "config" / "policies.yml").read_text(encoding="utf-8"))
    policies["access"] = access
    (tmp_path / "policies.yml").write_text(yaml.safe_dump(policies), encoding="utf-8")
    monkeypatch.setenv("SEGMENTRY_CONFIG", str(tmp_path))
    text = printed(capsys, "query", "select email from profiles.profiles", code=2)
    assert "policies.yml" in text and ADDRESS not in text


def test_the_policies_define_what_a_role_reads(
    shop: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = (ROOT / "config" / "policies.yml").read_text(encoding="utf-8")
    policies = yaml.safe_load(text)
    policies["access"] = {
        "local_role": "marketer",
        "roles": {"analyst": {"reads": ["direct_identifier"]}},
    }
    (tmp_path / "policies.yml").write_text(yaml.safe_dump(policies), encoding="utf-8")
    monkeypatch.setenv("SEGMENTRY_CONFIG", str(tmp_path))
    sql = "select email from profiles.profiles"
    assert ADDRESS not in printed(capsys, "query", sql)
    monkeypatch.setenv("SEGMENTRY_ROLE", "analyst")
    assert ADDRESS in printed(capsys, "query", sql)
    del policies["access"]
    (tmp_path / "policies.yml").write_text(yaml.safe_dump(policies) + "\n", encoding="utf-8")
    assert ADDRESS not in printed(capsys, "query", sql)
    monkeypatch.delenv("SEGMENTRY_ROLE")
    assert ADDRESS in printed(capsys, "query", sql)
