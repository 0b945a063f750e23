"""A restriction and an objection count for every use as soon as they are recorded, follow the
person, and end by `lift` alone: the project's own SQL, and the consent gate of the syncs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from activation.consent import ConsentGate
from activation.consent_policy import Basis
from activation.model import Operation, Row
from ml.data import frames
from privacy import restricting
from segmentry import restrictions, sync_files, warehouse
from segmentry.errors import UsageError
from segmentry.restrictions import OBJECTION, PURPOSES, RESTRICTION, Request
from segmentry.settings import Settings
from tests.consent_world import World, consent, contact, day, order
from tests.unit.test_consent_rule import audiences, configured, run

ANN = "ann@shop.example"
BEA = "bea@shop.example"
CEM = "cem@shop.example"


def opened(settings: Settings) -> World:
    """A world of three people who opted in."""
    made = World(settings)
    run(
        made, 10,
        crm_contacts=[contact("k1", 1, email=ANN), contact("k2", 1, email=BEA)],
        orders=[order("o1", 1, user_id="u3", email=CEM, anonymous_id="c-3")],
        consents=[consent(f"g{n}", "email", one, "granted", 2)
                  for n, one in enumerate((ANN, BEA, CEM))],
    )  # fmt: skip
    return made


def in_place_of_the_lake(made: World, monkeypatch: pytest.MonkeyPatch) -> World:
    @contextmanager
    def connect(*_: Any, **__: Any) -> Iterator[Any]:
        cursor = made.connection.cursor()
        cursor.execute("use lake")
        yield cursor

    monkeypatch.setattr(warehouse, "connect", connect)
    monkeypatch.setattr(warehouse, "prepare", lambda _: None)
    return made


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("restrictions")
    return opened(configured(Settings.from_environment(), folder / "config"))


@pytest.fixture
def world(built: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The three people without a restriction: for tests that land nothing."""
    built.run("delete from activation.restrictions")
    built.build_standings()
    return in_place_of_the_lake(built, monkeypatch)


@pytest.fixture
def living(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world of its own."""
    settings = configured(Settings.from_environment(), tmp_path / "config")
    return in_place_of_the_lake(opened(settings), monkeypatch)


def ask(world: World, identifier: str, kind: str, purpose: str = "any") -> dict[str, Any]:
    done = restricting.record(
        world.settings, identifier, Request(kind, purpose, "a letter", "operator")
    )
    world.build_standings()
    return done


def end(world: World, identifier: str, purpose: str | None = None) -> None:
    restricting.lift(world.settings, identifier, purpose, "operator", "settled")
    world.build_standings()


def reached(world: World) -> set[str]:
    """The addresses that the gate of a marketing sync lets through, as rows leave."""
    (sync,) = [one for one in sync_files.load(world.settings).values() if one.name == "letters"]
    cursor = world.connection.cursor()
    cursor.execute("use lake")
    gate = ConsentGate(cursor, sync, Basis(is_opt_in=True), newest=lambda: 1)
    gate.refresh()
    people = world.rows(
        "select identifier, profile_id from identity.identifier_mapping"
        " where identifier_type = 'email'"
    )
    rows = [
        Row(Operation.add, profile, profile, address, address, "", {"email": address})
        for address, profile in people
    ]
    return {
        row.values["email"] for row, why in zip(rows, gate.refusals(rows), strict=True) if not why
    }


def refused(world: World, purpose: str) -> set[str]:
    query = restrictions.refused_sql(world.connection, purpose)
    return {
        address
        for (address,) in world.rows(
            "select identifier from identity.identifier_mapping where identifier_type = 'email'"
            f" and profile_id in ({query})"
        )
    }


def restricted(world: World) -> set[str]:
    return {
        address
        for (address,) in world.rows(
            "select identifier from identity.identifier_mapping inner join"
            " marts.restricted_profiles using (profile_id) where identifier_type = 'email'"
        )
    }


@pytest.mark.parametrize("identifier", [f"email:{CEM}", "user_id:u3", "cookie:c-3"])
def test_a_restriction_counts_for_every_purpose_and_for_nobody_else(
    world: World, identifier: str
) -> None:
    assert reached(world) == {ANN, BEA, CEM}
    ask(world, identifier, RESTRICTION)
    assert reached(world) == {ANN, BEA}
    assert restricted(world) == {CEM}
    assert all(refused(world, purpose) == {CEM} for purpose in PURPOSES)
    end(world, f"email:{CEM}")
    assert reached(world) == {ANN, BEA, CEM}
    assert refused(world, "profiling") == restricted(world) == set()


@pytest.mark.parametrize("purpose", PURPOSES)
def test_an_objection_counts_for_its_purpose_alone(world: World, purpose: str) -> None:
    ask(world, f"email:{ANN}", OBJECTION, purpose)
    assert {one for one in PURPOSES if refused(world, one)} == {purpose}
    assert refused(world, purpose) == {ANN}
    assert restricted(world) == set()
    assert reached(world) == ({BEA, CEM} if purpose == "marketing" else {ANN, BEA, CEM})


def test_a_restriction_outlives_grants_loads_a_merge_and_its_undoing(living: World) -> None:
    ask(living, "user_id:u3", RESTRICTION)
    living.publish()
    assert audiences(living)["letters"] == {ANN, BEA}
    # A grant of every kind, and one person with two addresses.
    grants = [
        consent(f"l{purpose}", "email", CEM, "granted", 11, purpose=purpose, channel=channel)
        for purpose in PURPOSES
        for channel in ("any", "email")
    ]
    merged = [order("o2", 12, user_id="u3", email=ANN)]
    assert run(living, 20, consents=grants, orders=merged)["letters"] == {BEA}
    living.run(
        "insert into identity.policy_cuts values"
        " ('user_id', 'u3', 'email', ?), ('email', ?, 'user_id', 'u3')",
        [ANN, ANN],
    )
    assert run(living, 30)["letters"] == {BEA}, "who shared the restriction keeps it"
    assert restricted(living) == {ANN, CEM}
    end(living, f"email:{CEM}")
    assert reached(living) == {ANN, BEA, CEM}


def test_the_end_of_an_objection_grants_nothing_and_ends_no_decision(living: World) -> None:
    decided = [
        consent("no", "email", BEA, "withdrawn", 15),
        consent("p", "email", ANN, "denied", 15, purpose="Profiling", channel="any"),
    ]
    assert run(living, 20, consents=decided)["letters"] == {ANN, CEM}
    assert refused(living, "profiling") == {ANN}, "a source's refusal counts as an objection does"
    for purpose in ("marketing", "profiling"):
        ask(living, f"email:{BEA}", OBJECTION, purpose)
    end(living, f"email:{BEA}", "profiling")
    assert refused(living, "profiling") == {ANN}
    assert reached(living) == {ANN, CEM}
    end(living, f"email:{BEA}")
    assert reached(living) == {ANN, CEM}, "the opt-out is what it was"
    with pytest.raises(UsageError, match="no restriction or objection is in force"):
        end(living, f"email:{BEA}")


def test_a_browser_that_goes_to_another_person_takes_no_restriction_along(world: World) -> None:
    ask(world, f"email:{CEM}", RESTRICTION)
    kinds = world.rows("select distinct identifier_type from activation.restrictions")
    assert {kind for (kind,) in kinds} == {"email", "user_id"}


def test_a_repeated_request_changes_nothing(world: World) -> None:
    first = ask(world, f"email:{ANN}", OBJECTION, "profiling")
    before = world.rows("from activation.restrictions order by all")
    again = ask(world, f"email:{ANN}", OBJECTION, "profiling")
    assert again["restriction"] == first["restriction"]
    assert world.rows("from activation.restrictions order by all") == before
    ask(world, f"email:{ANN}", OBJECTION, "marketing")
    listed = restricting.listed(world.settings, is_all=False)
    assert sorted(row["purpose"] for row in listed) == ["marketing", "profiling"]
    assert ANN not in str(listed)


def test_models_learn_from_and_score_nobody_who_refused_profiling(world: World) -> None:
    world.run("create schema features")
    world.run(
        "create table features.spine as select profile_id, timestamp '2026-01-05' as as_of"
        " from profiles.profiles"
    )
    ask(world, f"email:{ANN}", OBJECTION, "profiling")
    ask(world, f"email:{BEA}", OBJECTION, "marketing")
    cursor = world.connection.cursor()
    cursor.execute("use lake")
    frames.set_training_dates(cursor, [(day(4), day(8))])
    found = cursor.execute(
        f"select identifier from {frames.PROFILED} inner join identity.identifier_mapping using"
        " (profile_id) where identifier_type = 'email'"
    ).fetchall()
    assert {address for (address,) in found} == {BEA, CEM}


def test_nobody_known_is_an_error_without_the_value(world: World) -> None:
    with pytest.raises(UsageError) as caught:
        ask(world, "email:nobody@shop.example", RESTRICTION)
    assert "nobody@" not in str(caught.value)
