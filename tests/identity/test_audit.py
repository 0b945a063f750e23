"""The audit of profiles: what makes one suspicious, what does not, and what a verdict does."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cli.main import run
from identity import audit
from segmentry import warehouse
from segmentry.errors import UsageError
from segmentry.settings import Settings

AS_OF = datetime(2026, 6, 30)
OLD = AS_OF - timedelta(days=200)
TABLES = """
create table lake.observability.clock as select timestamp '2026-06-30' as as_of, true as is_given;
create table lake.identity.identifier_mapping (identifier_type varchar, identifier varchar,
    profile_id varchar, first_seen_at timestamp, last_seen_at timestamp);
create table lake.identity.identifier_links (link_id varchar, left_type varchar,
    left_identifier varchar, right_type varchar, right_identifier varchar, rule varchar,
    strength integer, left_node bigint, right_node bigint);
create table lake.identity.refused_links (link_id varchar);
create table lake.identity.policy_types as select 'email' as identifier_type, 1 as priority;
create table lake.identity.profile_resolution (profile_id varchar, current_profile_id varchar);
create table lake.identity.policy_links as
    select * from (values ('login', 2), ('crm', 3), ('order', 6), ('form', 7), ('device', 13))
        as rules(rule, strength);
create table lake.identity.id_mapping_scd (identifier_type varchar, identifier varchar,
    profile_id varchar, valid_from timestamp, valid_to timestamp);
create table lake.staging.stg_crm_contacts__contacts (contact_id varchar, first_name varchar,
    last_name varchar, birth_date date);
create table lake.marts.sessions (session_id varchar, profile_id varchar, country varchar,
    started_at timestamp, ended_at timestamp);
"""
STRENGTH = {"login": 2, "crm": 3, "order": 6, "form": 7, "device": 13}


class Lake:
    """A lake of hand-made profiles; a profile's links are pairs of `type:value` under a rule."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.nodes: dict[str, int] = {}
        with warehouse.connect(settings) as lake:
            lake.execute(f"begin; {TABLES} commit;")
        usual = [("email", f"u{n}", f"usual{n}", OLD, OLD) for n in range(40)]
        self.rows("identity.identifier_mapping", *usual)

    def profile(self, name: str, *identifiers: str, seen: datetime = OLD) -> None:
        rows = [(*one.split(":"), name, seen, seen) for one in identifiers]
        self.rows("identity.identifier_mapping", *rows)

    def link(self, rule: str, *pairs: tuple[str, str]) -> None:
        rows = []
        for left, right in pairs:
            nodes = [self.nodes.setdefault(one, len(self.nodes)) for one in (left, right)]
            key = f"{left} {right} {rule}"
            rows.append((key, *left.split(":"), *right.split(":"), rule, STRENGTH[rule], *nodes))
        self.rows("identity.identifier_links", *rows)

    def rows(self, relation: str, *rows: tuple[object, ...]) -> None:
        marks = ", ".join("(" + ", ".join("?" for _ in row) + ")" for row in rows)
        with warehouse.connect(self.settings) as lake:
            lake.execute(
                f"insert into lake.{relation} values {marks}",
                [value for row in rows for value in row],
            )

    def audited(self) -> dict[str, list[str]]:
        with warehouse.connect(self.settings, read_only=True) as lake:
            return {one.profile_id: one.signals for one in audit.suspicious(lake, 100)}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(Settings.from_environment({"SEGMENTRY_HOME": str(tmp_path)}))


def test_usual_profiles_are_not_listed(lake: Lake) -> None:
    assert lake.audited() == {}


@pytest.mark.parametrize("number", [30, 400])
def test_a_profile_far_larger_than_the_others_is_listed(lake: Lake, number: int) -> None:
    lake.profile("large", *(f"cookie:c{place}" for place in range(number)))
    assert lake.audited() == {"large": ["size"]}


@pytest.mark.parametrize(("one", "other", "is_two"), [
    (("Ann", "Miller"), ("Bo", "Okafor"), True),
    (("Ann", "Miller"), ("Anne", "Millar"), False),
    (("Ann", "Miller"), ("Ann", "Okafor"), False),  # a marriage
    (("Ann", "Miller"), ("Miller", "Ann"), False),  # fields swapped
    (("Zoë", "Lefèvre"), ("ZOE", "LEFEVRE"), False),
])  # fmt: skip
def test_contacts_with_other_names_are_two_people(
    lake: Lake, one: tuple[str, str], other: tuple[str, str], is_two: bool
) -> None:
    lake.profile("p", "crm_id:1", "crm_id:2")
    lake.rows("staging.stg_crm_contacts__contacts", ("1", *one, None), ("2", *other, None))
    assert lake.audited() == ({"p": ["names"]} if is_two else {})


def test_different_birth_dates_are_listed_and_a_missing_one_is_not(lake: Lake) -> None:
    lake.profile("two", "crm_id:1", "crm_id:2")
    lake.profile("one", "crm_id:3", "crm_id:4")
    lake.rows(
        "staging.stg_crm_contacts__contacts", ("1", "A", "B", "1980-01-02"),
        ("2", "A", "B", "1999-09-09"), ("3", "A", "B", "1980-01-02"), ("4", "A", "B", None),
    )  # fmt: skip
    assert lake.audited() == {"two": ["birth_dates"]}


def test_visits_from_two_countries_at_once_are_listed_and_a_journey_is_not(lake: Lake) -> None:
    for name in ("at_once", "travels"):
        lake.profile(name, f"user_id:{name}")
    hour = timedelta(hours=1)
    starts = {
        (name, place): OLD + place * (hour / 2 + gap)
        for name, gap in (("at_once", hour / 3), ("travels", 9 * hour))
        for place in range(4)
    }
    rows = [
        (f"{name}{place}", name, "DE" if place % 2 else "BR", start, start + hour / 2)
        for (name, place), start in starts.items()
    ]
    lake.rows("marts.sessions", *rows)
    assert lake.audited() == {"at_once": ["two_countries"]}


def test_sudden_growth_is_listed_and_a_new_person_is_not(lake: Lake) -> None:
    new = AS_OF - timedelta(days=2)
    lake.profile("grown", "email:g@example.com", "user_id:g")
    lake.profile("grown", *(f"cookie:g{place}" for place in range(6)), seen=new)
    lake.profile("new", *(f"cookie:n{place}" for place in range(6)), seen=new)
    assert lake.audited() == {"grown": ["growth"]}


def test_identifiers_that_change_places_are_listed(lake: Lake) -> None:
    at = AS_OF - timedelta(days=5)
    for name in ("a", "b", "c"):
        lake.profile(name, f"email:{name}@example.com")
    lake.rows(
        "identity.id_mapping_scd",
        ("email", "1", "a", OLD, at), ("email", "1", "b", at, None),
        ("email", "2", "b", OLD, at), ("email", "2", "a", at, None),
        ("email", "3", "c", OLD, at), ("email", "3", "a", at, None),  # moved, nothing came back
    )  # fmt: skip
    assert lake.audited() == {"a": ["swapped"], "b": ["swapped"]}


def _two_people(lake: Lake, name: str, bridge: str, ends: tuple[str, str]) -> None:
    sides = [(f"user_id:{name}{n}", f"email:{name}{n}", f"crm_id:{name}{n}") for n in (1, 2)]
    lake.profile(name, *sides[0], *sides[1])
    for user, email, contact in sides:
        lake.link("login", (user, email))
        lake.link("crm", (email, contact), (contact, user))
    lake.link(bridge, (f"{ends[0]}:{name}1", f"{ends[1]}:{name}2"))


@pytest.mark.parametrize(("rule", "is_listed"), [
    ("order", True), ("form", True), ("device", True), ("login", False), ("crm", False),
])  # fmt: skip
def test_one_weak_link_between_two_whole_people_is_listed(
    lake: Lake, rule: str, is_listed: bool
) -> None:
    _two_people(lake, "p", rule, ("user_id", "email"))
    assert lake.audited() == ({"p": ["bridge"]} if is_listed else {})


def test_two_weak_links_confirm_each_other(lake: Lake) -> None:
    _two_people(lake, "p", "order", ("user_id", "email"))
    lake.link("form", ("crm_id:p1", "email:p2"))
    assert lake.audited() == {}


def test_a_verdict_counts_until_the_profile_has_other_identifiers(lake: Lake) -> None:
    _two_people(lake, "p", "order", ("user_id", "email"))
    audit.decide(lake.settings, "p", audit.FINE, "a family account")
    assert lake.audited() == {}
    lake.profile("p", "cookie:later")
    assert lake.audited() == {"p": ["bridge"]}
    audit.decide(lake.settings, "p", audit.WRONG, "two people")
    with warehouse.connect(lake.settings, read_only=True) as read:
        (found,) = audit.suspicious(read, 5)
    assert found.verdict == audit.WRONG


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_a_verdict_without_a_reason_is_refused(lake: Lake, reason: str | None) -> None:
    lake.profile("p", "cookie:1")
    with pytest.raises(UsageError, match="reason"):
        audit.decide(lake.settings, "p", audit.FINE, reason)


def test_the_command_prints_evidence_and_no_identifier(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _two_people(lake, "p", "order", ("user_id", "email"))
    lake.profile("large", *(f"cookie:secret{place}" for place in range(900)))
    monkeypatch.setenv("SEGMENTRY_HOME", str(lake.settings.home))
    assert run(["identity", "audit"]) == 0
    printed = capsys.readouterr().out
    assert "large" in printed
    assert "bridge" in printed
    assert "secret" not in printed
    assert "p1" not in printed
    lake.rows("identity.profile_resolution", ("former", "p"))
    assert run(["identity", "verdict", "nobody", "fine", "--reason", "x"]) == 2
    assert run(["identity", "verdict", "former", "fine", "--reason", "x"]) == 0
    assert "p is recorded as fine" in capsys.readouterr().out
    assert lake.audited() == {"large": ["size"]}
