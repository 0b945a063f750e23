"""Corrections by an operator: recorded once, undone one by one, refused with a remedy, and erased
with the person.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cli.main import run
from identity import corrections
from identity.corrections import Decided
from privacy import access, erasure
from segmentry import restrictions, warehouse
from segmentry.errors import UsageError
from segmentry.restrictions import Request
from segmentry.settings import Settings
from tests.privacy import small_home
from tests.privacy.small_home import ANN, BOB

WHY = Decided("an operator", "her letter")
MAIL = f"email:{ANN['email']}"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that is built once; each test has a copy."""
    place = tmp_path_factory.mktemp("corrections") / "home"
    settings = Settings.from_environment({"SEGMENTRY_HOME": str(place)})
    warehouse.prepare(settings)
    small_home.build(settings)
    with warehouse.connect(settings) as lake:
        lake.execute(
            "alter table lake.identity.identifier_mapping add column first_seen_at timestamp"
        )
        lake.execute(
            "create table lake.identity.policy_traits as select unnest(['city', 'email', 'country',"
            " 'birth_date', 'household_size', 'first_name']) as trait, 'contextual' as"
            " attribute_group"
        )
    return place


@pytest.fixture
def built(template: Path, home: Settings) -> Settings:
    shutil.rmtree(home.home)
    shutil.copytree(template, home.home, symlinks=True)
    return home


def in_force(home: Settings) -> list[tuple[Any, ...]]:
    with warehouse.connect(home, read_only=True) as lake:
        return lake.execute(
            f"select identifier_type, trait, value from lake.{corrections.TABLE}"
            " where undone_at is null order by recorded_at, trait"
        ).fetchall()


def test_a_repeated_correction_is_one_and_belongs_to_the_strongest_identifier(
    built: Settings,
) -> None:
    for named in (MAIL, f"user_id:{ANN['user_id']}", f"cookie:{ANN['cookie']}"):
        rows = corrections.correct(built, named, {"city": " Bonn "}, WHY)
        assert [row["profile_id"] for row in rows] == [ANN["profile"]]
        assert "Bonn" not in str(rows)
    assert in_force(built) == [("email", "city", "Bonn")]


def test_the_correction_before_counts_again_when_the_newest_is_undone(built: Settings) -> None:
    for city in ("Bonn", "Kiel", ""):
        corrections.correct(built, MAIL, {"city": city}, WHY)
    left = [city for *_, city in in_force(built)]
    assert left == ["Bonn", "Kiel", None]
    for expected in (["Bonn", "Kiel"], ["Bonn"], []):
        corrections.undo(built, MAIL, "city", "another operator")
        assert [city for *_, city in in_force(built)] == expected
    with pytest.raises(UsageError, match="no correction"):
        corrections.undo(built, MAIL, "city", "another operator")
    with pytest.raises(UsageError, match="no correction"):
        corrections.undo(built, f"email:{BOB['email']}", "city", "another operator")


@pytest.mark.parametrize(
    ("trait", "value", "kept"),
    [
        ("email", "Zeb.New@Mail.Example.com", "zeb.new@mail.example.com"),
        ("country", "Germany", "DE"),
        ("birth_date", "1984-03-31", "1984-03-31"),
        ("household_size", "4", "4"),
    ],
)
def test_a_value_is_kept_in_the_form_of_its_trait(
    built: Settings, trait: str, value: str, kept: str
) -> None:
    corrections.correct(built, MAIL, {trait: value}, WHY)
    assert in_force(built) == [("email", trait, kept)]


@pytest.mark.parametrize(
    ("trait", "value"),
    [
        ("email", "quixwort at example"), ("country", "Quixwortland"), ("birth_date", "2984-13-41"),
        ("birth_date", "2999-01-01"), ("household_size", "quixwort"), ("net_revenue", "quixwort"),
    ],
)  # fmt: skip
def test_a_wrong_value_changes_nothing_and_is_not_repeated(
    built: Settings, trait: str, value: str
) -> None:
    with pytest.raises(UsageError) as refused:
        corrections.correct(built, MAIL, {"city": "Bonn", trait: value}, WHY)
    assert value not in str(refused.value)
    assert refused.value.allowed
    assert in_force(built) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["--set", "city"], ["--set", "=Bonn"], ["--set", "city=Bonn", "--undo", "city"],
        ["--undo", "shoe_size"],
    ],
)  # fmt: skip
def test_wrong_use_of_the_command_ends_with_2(built: Settings, arguments: list[str]) -> None:
    assert run(["privacy", "correct", MAIL, "--reason", "letter", *arguments]) == 2
    assert run(["privacy", "correct", "email:nobody@example.com", "--undo", "city"]) == 2


def test_an_export_has_what_was_corrected_and_restricted(built: Settings, tmp_path: Path) -> None:
    asked = Request(restrictions.OBJECTION, "marketing", "her letter", "an operator")
    for person, city in ((ANN, "Bonn"), (BOB, "Kiel")):
        corrections.correct(built, f"email:{person['email']}", {"city": city}, WHY)
        with warehouse.connect(built) as lake:
            restrictions.add(lake, [("email", person["email"])], asked)
    access.export(built, MAIL, tmp_path / "export")
    data = json.loads((tmp_path / "export" / "data.json").read_text())["relations"]
    assert [row["value"] for row in data[corrections.TABLE]] == ["Bonn"]
    assert [row["purpose"] for row in data[restrictions.TABLE]] == ["marketing"]
    assert "Restrictions and objections" in (tmp_path / "export" / "index.html").read_text()


def test_a_forgotten_person_leaves_no_correction_and_no_restriction(built: Settings) -> None:
    corrections.correct(built, MAIL, {"first_name": "Zebulonia", "email": ANN["email"]}, WHY)
    corrections.correct(built, f"email:{BOB['email']}", {"city": "Kiel"}, WHY)
    asked = Request(restrictions.RESTRICTION, "any", "disputed", "an operator")
    with warehouse.connect(built) as lake:
        for person in (ANN, BOB):
            restrictions.add(lake, [("email", person["email"])], asked)
    subject, _ = erasure.plan(built, [MAIL])
    assert erasure.forget(built, subject, [MAIL]).erasure.left == []
    assert small_home.hits(built.home, ANN) == {}
    assert in_force(built) == [("email", "city", "Kiel")]
    with warehouse.connect(built, read_only=True) as lake:
        left = lake.execute(f"select identifier from lake.{restrictions.TABLE}").fetchall()
    assert left == [(BOB["email"],)]
