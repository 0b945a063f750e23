"""An end that fails in any way, by any schedule: after runs until quiet, it has what is wanted and
nobody who opted out.

The ends are those of tests/activation/hostile.py; the kills are in test_killed.py.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from activation import destination as destinations
from activation import engine
from activation.client import Client
from activation.destinations import slack
from activation.hashing import sha256
from activation.ledger import export, open_requests
from activation.ledger.database import Ledger
from activation.model import Batch
from activation.send.sender import Sender
from segmentry.errors import SegmentryError
from tests.activation.engine_shop import SECRET, consent, fill, open_lake, webhook
from tests.activation.hostile import End, HostileKlaviyo, HostileMeta, HostileSlack, HostileWebhook
from tests.activation.shop import Shop, decision

pytestmark = pytest.mark.slow

__all__ = ["open_lake"]

NAMES = [f"n{number}" for number in range(8)]
SCHEDULES = [
    2,
    pytest.param(int(os.environ.get("SEGMENTRY_SCHEDULES", "6")), marks=pytest.mark.slow),
    pytest.param(int(os.environ.get("SEGMENTRY_SOAK_SCHEDULES", "200")), marks=pytest.mark.soak),
]

# The first half of a batch that had arrived, and was then refused, fails; a person of the second
# half opts out.
TAKEN_AND_HALVED = [
    (
        dict.fromkeys(NAMES[:3]),
        ["taken: timeout", "drops one", "nothing: 429 in an hour"],
        {NAMES[2]},
    ),
    (dict.fromkeys(NAMES[:3]), [], set()),
]

people = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([None, "a", "b"]), min_size=1)
leavers = st.sets(st.sampled_from(NAMES), max_size=2)


def quiet(schedules: int) -> Any:
    """So many schedules, however long one takes: the same ones each time where they are few."""
    checks = [HealthCheck.function_scoped_fixture]
    phases = [Phase.explicit, Phase.generate]
    few = schedules <= 20
    return settings(
        max_examples=schedules,
        deadline=None,
        suppress_health_check=checks,
        phases=phases,
        derandomize=few,
        database=None,
    )


def rounds(ways: tuple[str, ...]) -> Any:
    """Up to three rounds of an audience, a schedule of the end, and who opts out after it."""
    script = st.lists(st.sampled_from(ways), min_size=2, max_size=10)
    return st.lists(st.tuples(people, script, leavers), min_size=1, max_size=3)


class World:
    """A shop whose lake stays open, and an end that each example puts in the vendor's place."""

    def __init__(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shop = shop
        self.home = shop.settings
        self.patch = monkeypatch
        self.number = 0
        self.error = ""

    def begin(self, end: End) -> None:
        """A ledger and an end of their own, nobody in the audience, consent of all but the last."""
        self.number += 1
        self.shop.settings = replace(
            self.home, ledger_url=f"sqlite:///{self.home.home}/ledger{self.number}.sqlite"
        )
        made = partial(Client, transport=end.transport(), sleep=lambda seconds: None)
        self.patch.setattr(destinations, "Client", made)
        self.shop.run("delete from lake.marts.consents")
        consent(self.shop, *NAMES[:-1])
        end.refused = {f"{NAMES[-1]}@example.com"}

    def leave(self, end: End, who: set[str]) -> None:
        if who:
            self.shop.put(
                "marts.consents",
                [decision(name, "withdrawn", "2026-05-20") for name in sorted(who)],
            )
            end.refused |= {f"{name}@example.com" for name in who}

    def run(self, name: str) -> str:
        """The status of one run, '' where it failed in a way that is its own."""
        try:
            return engine.run_sync(self.shop.settings, name, release=["removals", "empty"]).status
        except SegmentryError as error:
            assert "example.com" not in str(error)
            self.error = str(error)
            ledger = Ledger(self.shop.settings)
            with ledger.begin() as connection:
                connection.exec_driver_sql("update accounts set open_until = 0, failures = 0")
            ledger.close()
            return ""

    def rest(self, name: str, end: End) -> None:
        """Run until nothing is asked of the end, which behaves from now on."""
        end.script.clear()
        for _ in range(6):
            before = end.requests
            if self.run(name) and end.requests == before:
                return
        pytest.fail(f"the sync did not come to rest: {self.error}")

    def outcomes(self, name: str) -> dict[str, str]:
        """The last outcome of each row."""
        ledger = Ledger(self.shop.settings)
        assert open_requests.of(ledger, name) == []
        table = export.read(ledger, "sync_changelog")
        ledger.close()
        return dict(zip(table["row_key"].to_pylist(), table["status"].to_pylist(), strict=True))


@pytest.fixture
def world(shop: Shop, open_lake: None, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("TEST_URL", "https://vendor.example.com")
    monkeypatch.setenv("TEST_SECRET", SECRET)
    monkeypatch.setenv("TEST_LIST", "42")
    monkeypatch.setattr(engine, "Sender", partial(Sender, sleep=lambda seconds: None))
    monkeypatch.setattr("activation.send.jobs.JOB_PATIENCE", 0.5)
    return World(shop, monkeypatch)


def assert_right(world: World, name: str, end: End, wanted: dict[str, str | None]) -> None:
    """The end has exactly what is wanted of those who may be reached, and every row has an
    outcome.
    """
    allowed = {f"{who}@example.com": first for who, first in wanted.items()}
    allowed = {email: first for email, first in allowed.items() if email not in end.refused}
    there = {email: values.get("first_name") for email, values in end.people.items()}
    assert there == allowed
    assert not end.violations, end.violations
    outcomes = world.outcomes(name)
    arrived = {f"p_{email.partition('@')[0]}" for email in end.arrivals}
    assert arrived <= set(outcomes), "a row arrived and has no outcome"
    assert {outcomes[f"p_{email.partition('@')[0]}"] for email in allowed} <= {"sent"}


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("schedules", SCHEDULES)
def test_a_webhook_ends_with_what_is_wanted(world: World, schedules: int) -> None:
    name = webhook(
        world.shop,
        limits={"batch_rows": 3},
        connection={"url": "TEST_URL", "secret": "TEST_SECRET"},
    )

    seen: Counter[str] = Counter()

    @quiet(schedules)
    @given(rounds(HostileWebhook.ways))
    def is_right_after(schedule: list[tuple[dict[str, str | None], list[str], set[str]]]) -> None:
        end = HostileWebhook()
        world.begin(end)
        for audience, script, leaving in schedule:
            fill(world.shop, name, audience)
            end.script = list(script)
            world.run(name)
            world.leave(end, leaving)
        world.rest(name, end)
        seen.update(end.used)
        assert_right(world, name, end, schedule[-1][0])

    is_right_after()
    print(dict(seen))


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("schedules", SCHEDULES)
def test_jobs_that_end_late_or_wrong_end_with_what_is_wanted(world: World, schedules: int) -> None:
    names = {"url": "TEST_URL", "api_key": "TEST_SECRET", "list_id": "TEST_LIST"}
    name = webhook(world.shop, "list")
    guardrails = {"allow_members": True}  # the double does not list its people
    world.shop.sync(
        "list",
        destination="klaviyo",
        connection=names,
        limits={"batch_rows": 3},
        guardrails=guardrails,
    )
    seen: Counter[str] = Counter()

    @quiet(schedules)
    @given(rounds(HostileKlaviyo.ways))
    def is_right_after(schedule: list[tuple[dict[str, str | None], list[str], set[str]]]) -> None:
        end = HostileKlaviyo()
        world.begin(end)
        for audience, script, leaving in schedule:
            fill(world.shop, name, audience)
            end.script = list(script)
            world.run(name)
            world.leave(end, leaving)
            end.let_time_pass()
        world.rest(name, end)
        seen.update(end.used)
        assert_right(world, name, end, schedule[-1][0])

    is_right_after()
    print(dict(seen))


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("schedules", SCHEDULES)
def test_throttles_in_other_words_and_counts_that_are_not_so(world: World, schedules: int) -> None:
    names = {"url": "TEST_URL", "token": "TEST_SECRET", "audience_id": "TEST_LIST"}
    name = webhook(world.shop, "lookalikes")
    world.shop.run(f"alter table lake.audiences.aud_{name} drop column first_name")
    columns = {"email": {"from": "email"}}
    parts = {
        "destination": "meta",
        "connection": names,
        "columns": columns,
        "limits": {"batch_rows": 3},
    }
    world.shop.sync(name, purpose="advertising", channel="ads", **parts)

    @quiet(schedules)
    @given(rounds(HostileMeta.ways))
    @example(TAKEN_AND_HALVED)
    def is_right_after(schedule: list[tuple[dict[str, str | None], list[str], set[str]]]) -> None:
        end = HostileMeta()
        world.begin(end)
        consent(world.shop, *NAMES[:-1], purpose="advertising", channel="ads")
        end.refused = {sha256(email) for email in end.refused}
        for audience, script, leaving in schedule:
            emails = ", ".join(f"('p_{who}', '{who}@example.com')" for who in audience)
            world.shop.run(f"delete from lake.audiences.aud_{name}")
            world.shop.run(f"insert into lake.audiences.aud_{name} values {emails}")
            end.script = list(script)
            world.run(name)
            refusals = [
                decision(who, "denied", "2026-05-20", purpose="advertising", channel="any")
                for who in leaving
            ]
            if refusals:
                world.shop.put("marts.consents", refusals)
            end.refused |= {sha256(f"{who}@example.com") for who in leaving}
        world.rest(name, end)
        assert (
            set(end.people)
            == {sha256(f"{who}@example.com") for who in schedule[-1][0]} - end.refused
        )
        assert not end.violations
        world.outcomes(name)

    is_right_after()


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("schedules", SCHEDULES)
def test_a_notice_is_never_repeated(
    world: World, monkeypatch: pytest.MonkeyPatch, schedules: int
) -> None:
    names = {"url": "TEST_URL", "token": "TEST_SECRET", "channel": "TEST_LIST"}
    name = webhook(world.shop, "notices")
    world.shop.sync(
        "notices", destination="slack", connection=names, mode="insert", limits={"batch_rows": 2}
    )
    sending: list[str] = []
    post = slack._post

    def noted(session: Any, batch: Batch) -> Any:
        sending[:] = [row.identity for row in batch.rows]
        return post(session, batch)

    monkeypatch.setattr(slack, "_post", noted)
    ways = tuple(way for way in HostileSlack.ways if not way.startswith(("half", "twice")))

    @quiet(schedules)
    @given(
        st.lists(
            st.tuples(people, st.lists(st.sampled_from(ways), max_size=8)), min_size=1, max_size=3
        )
    )
    def is_right_after(schedule: list[tuple[dict[str, str | None], list[str]]]) -> None:
        end = HostileSlack(posting=lambda: list(sending))
        world.begin(end)
        everyone: dict[str, str | None] = {}
        for audience, script in schedule:
            everyone |= audience
            fill(world.shop, name, everyone)
            end.script = list(script)
            world.run(name)
        world.rest(name, end)
        assert not end.violations
        assert not [email for email, times in end.arrivals.items() if times > 1], "named twice"
        outcomes = world.outcomes(name)
        for who in set(everyone) - {NAMES[-1]}:
            arrived = f"{who}@example.com" in end.people
            assert (
                outcomes[f"p_{who}"] == "sent"
                if arrived and outcomes[f"p_{who}"] != "unknown"
                else True
            )
            assert arrived or outcomes[f"p_{who}"] == "unknown", "lost, and nobody knows"

    is_right_after()


def test_a_person_of_two_who_were_one_is_corrected_with_the_other(world: World) -> None:
    """Merge, then un-merge: the key is the person's id, so both have to be put right."""
    end = HostileWebhook()
    name = webhook(
        world.shop, connection={"url": "TEST_URL", "secret": "TEST_SECRET"}, key="profile_id"
    )
    columns = {
        "profile_id": {"from": "profile_id"},
        "email": {"from": "email"},
        "first_name": {"from": "first_name"},
    }
    world.shop.sync(
        name,
        destination="webhook",
        connection={"url": "TEST_URL", "secret": "TEST_SECRET"},
        key="profile_id",
        columns=columns,
    )
    world.begin(end)

    def audience(*rows: tuple[str, str, str]) -> None:
        values = ", ".join(
            f"('{key}', '{key}', '{email}@example.com', '{first}')" for key, email, first in rows
        )
        columns = "row_key varchar, profile_id varchar, email varchar, first_name varchar"
        world.shop.run(f"create or replace table lake.audiences.aud_{name} ({columns})")
        world.shop.run(f"insert into lake.audiences.aud_{name} values {values}")
        world.run(name)

    def people_there() -> dict[str, tuple[str, str]]:
        return {key: (values["email"], values["first_name"]) for key, values in end.people.items()}

    audience(("p_n0", "n0", "Ann"), ("p_n1", "n1", "Bob"))
    audience(("p_n0", "n1", "Ann and Bob"))
    assert people_there() == {"p_n0": ("n1@example.com", "Ann and Bob")}, (
        "a merge removes the former profile"
    )
    audience(("p_n0", "n0", "Ann"), ("p_n1", "n1", "Bob"))
    assert people_there() == {"p_n0": ("n0@example.com", "Ann"), "p_n1": ("n1@example.com", "Bob")}


def test_a_refusal_reaches_what_was_sent_under_an_id_that_has_since_been_merged(
    world: World,
) -> None:
    """In a mode that removes nobody who merely leaves."""
    end = HostileWebhook()
    name = webhook(
        world.shop, mode="upsert", connection={"url": "TEST_URL", "secret": "TEST_SECRET"}
    )
    world.begin(end)
    fill(world.shop, name, {"n0": "Ann", "n1": "Bob"})
    world.run(name)
    fill(world.shop, name, {"n0": "Ann"})
    world.run(name)
    assert set(end.people) == {"n0@example.com", "n1@example.com"}
    columns = "profile_id varchar, current_profile_id varchar"
    world.shop.run(f"create table if not exists lake.identity.profile_resolution ({columns})")
    world.shop.run(
        "insert into lake.identity.profile_resolution values ('p_n1', 'p_n0'), ('p_n0', 'p_n0')"
    )
    world.leave(end, {"n0"})
    world.run(name)
    assert end.people == {}
