"""Nobody who opted out is in a request that starts after `consent withdraw` has returned."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from activation import engine, operate
from segmentry import waiting, warehouse
from sources import decisions
from sources.decisions import Decision
from tests.activation.engine_shop import Receiver, Reply, consent, fill, receiver, webhook
from tests.activation.shop import Shop

__all__ = ["receiver"]
NAMES = [f"n{number:03}" for number in range(40)]
REFUSED = Decision("withdrawn", "any", "any")


def owned(shop: Shop, kind: str, form: str) -> None:
    """Each person has an identifier of the type and their address."""
    shop.put(
        "identity.identifier_mapping",
        [
            {"identifier_type": k, "identifier": f.format(name), "profile_id": f"p_{name}"}
            for name in NAMES
            for k, f in {"email": "{}@example.com", kind: form}.items()
        ],
    )


def stock(shop: Shop) -> str:
    """Forty people with consent, in requests of five."""
    name = webhook(shop, limits={"batch_rows": 5})
    consent(shop, *NAMES)
    fill(shop, name, dict.fromkeys(NAMES, "X"))
    return name


def withdraw(shop: Shop, identifier: str) -> dict[str, Any]:
    return decisions.record(shop.settings, identifier, REFUSED)


def emails(rows: list[dict[str, Any]]) -> set[str]:
    return {row["key"] for row in rows}


@pytest.mark.parametrize(
    ("kind", "form", "written"),
    [
        ("email", "{}@example.com", "email:N033@Example.com"),
        ("user_id", "{}-id", "user_id:n033-id"),
        ("cookie", "c-{}", "cookie:c-n033"),
        ("loyalty_id", "{}-id", "p_n033"),
        # The address was corrected; the old one still means the person.
        ("former", "", "email:old@example.com"),
        # Another person states the address.
        ("stated", "", "user_id:other"),
        # A number without its country, as a person would write it.
        ("phone", "+49176555{}", "phone:0176 555n033"),
    ],
)
def test_a_person_who_opts_out_is_in_no_request_that_starts_later(
    shop: Shop, receiver: Receiver, kind: str, form: str, written: str
) -> None:
    name = stock(shop)
    if kind == "former":
        owned(shop, "crm_id", "k-{}")
        shop.run("insert into lake.identity.profile_resolution values ('p_n033', 'p_n033')")
        shop.run(
            "insert into lake.marts.identifier_homes values ('email', 'old@example.com', 'p_n033',"
            " '2020-01-01', '2025-01-01', '2024-12-31', '9999-12-31', false)"
        )
    elif kind == "stated":
        owned(shop, "crm_id", "k-{}")
        shop.put(
            "identity.identifier_mapping",
            [{"identifier_type": "user_id", "identifier": "other", "profile_id": "p_other"}],
        )
        shop.run("insert into lake.identity.traits values ('p_other', 'n033@example.com', null)")
    elif kind == "phone":
        owned(shop, kind, "+49176555{}")
        shop.run(
            "update lake.identity.identifier_mapping set identifier = replace(identifier, 'n', '1')"
            " where identifier_type = 'phone'"
        )
        written = written.replace("n033", "1033")
    else:
        owned(shop, kind, form)
        shop.run("insert into lake.identity.profile_resolution values ('p_n033', 'p_n033')")
    later: list[set[str]] = []

    def script(number: int, rows: list[dict[str, Any]]) -> None:
        if number == 2:
            withdraw(shop, written)
        elif number > 2:
            later.append(emails(rows))

    receiver.script = script
    engine.run_sync(shop.settings, name)
    assert "n033@example.com" not in set().union(*later)
    assert len(receiver.people) == len(NAMES) - 1
    assert len(later) == 6


def test_the_next_apply_removes_the_person_and_nobody_else(shop: Shop, receiver: Receiver) -> None:
    name = stock(shop)
    owned(shop, "user_id", "{}-id")
    engine.run_sync(shop.settings, name)
    operate.publish(shop.settings)
    row = withdraw(shop, "user_id:n002-id")
    assert row["profiles"] == 1
    assert name in row["counts"]
    assert row["match"] == "exact"
    report = engine.run_sync(shop.settings, name)
    assert "1 remove" in report.notes[0]
    assert set(receiver.people) == {f"{one}@example.com" for one in NAMES if one != "n002"}
    assert engine.run_sync(shop.settings, name).status == "unchanged"


def test_an_attempt_that_starts_later_is_made_without_the_person(
    shop: Shop, receiver: Receiver
) -> None:
    name = stock(shop)
    owned(shop, "user_id", "{}-id")
    attempts: list[set[str]] = []

    def script(number: int, rows: list[dict[str, Any]]) -> None:
        attempts.append(emails(rows))
        if number == 1:
            withdraw(shop, f"email:{sorted(emails(rows))[0]}")
            raise Reply(503)

    receiver.script = script
    engine.run_sync(shop.settings, name)
    (lost,) = attempts[0] - attempts[1]
    assert all(lost not in attempt for attempt in attempts[1:])
    assert set(receiver.people) == {f"{one}@example.com" for one in NAMES} - {lost}
    # The first attempt may have arrived: the person is removed there.
    engine.run_sync(shop.settings, name)
    removed = receiver.requests[-1]["data"]["rows"]
    assert [(row["operation"], row["key"]) for row in removed] == [("remove", lost)]


def test_a_file_is_written_again_when_a_person_of_it_opts_out(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.sync("letters", options={"format": "ndjson"})
    shop.run("create table lake.audiences.aud_letters (row_key varchar, email varchar,"
             " first_name varchar)")  # fmt: skip
    consent(shop, *NAMES)
    fill(shop, "letters", dict.fromkeys(NAMES, "X"))
    owned(shop, "user_id", "{}-id")
    from activation.send import whole_file

    true = whole_file.plans.wanted_rows
    written: list[int] = []

    def wanted_rows(*given: Any) -> Any:
        for rows in true(*given):
            yield rows
            if not written:
                withdraw(shop, "email:n007@example.com")
            written.append(1)

    monkeypatch.setattr(whole_file.plans, "wanted_rows", wanted_rows)
    engine.run_sync(shop.settings, "letters")
    (file,) = (shop.settings.outbox / "letters").glob("*.ndjson")
    found = {json.loads(line)["email"] for line in file.read_text().splitlines()}
    assert found == {f"{one}@example.com" for one in NAMES if one != "n007"}


def test_a_refusal_of_one_purpose_or_channel_stops_no_other(shop: Shop, receiver: Receiver) -> None:
    name = stock(shop)
    owned(shop, "user_id", "{}-id")
    for purpose, channel in (("analytics", "any"), ("marketing", "sms"), ("advertising", "email")):
        refusal = Decision("withdrawn", purpose, channel)
        decisions.record(shop.settings, "email:n001@example.com", refusal)
    engine.run_sync(shop.settings, name)
    assert len(receiver.people) == len(NAMES)
    refusal = Decision("withdrawn", "marketing", "email")
    decisions.record(shop.settings, "email:n001@example.com", refusal)
    engine.run_sync(shop.settings, name)
    assert len(receiver.people) == len(NAMES) - 1


def test_a_refusal_waits_for_no_load_and_its_record_lands_afterwards(shop: Shop) -> None:
    from sources import landing

    with landing.one_at_a_time(shop.settings):
        withdraw(shop, "email:n001@example.com")
        with warehouse.connect(shop.settings) as lake:
            assert not warehouse.count(lake, "raw.consents")
            assert warehouse.count(lake, waiting.TABLE) == 1
    for _ in range(2):
        decisions.land_waiting(shop.settings)
    with warehouse.connect(shop.settings) as lake:
        ((raw,),) = lake.execute("select _raw from lake.raw.consents").fetchall()
    assert json.loads(raw)["identifier"] == "n001@example.com"


def test_a_refusal_waits_for_no_writer(shop: Shop) -> None:
    import fcntl

    with (shop.settings.home / "writer.lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        withdraw(shop, "email:n001@example.com")
    assert shop.rows(f"select match from lake.{waiting.TABLE}") == [("none",)]


def test_a_refusal_leaves_the_waiting_list_when_the_rule_has_it(shop: Shop) -> None:
    withdraw(shop, "email:n001@example.com")
    withdraw(shop, "email:n002@example.com")
    (consent_id,) = shop.rows(
        f"select consent_id from lake.{waiting.TABLE} where identifier like 'n001%'"
    )[0]
    shop.run("create schema if not exists lake.staging")
    shop.run("create table lake.staging.base_consents (consent_id varchar, record_id varchar)")
    shop.run(f"insert into lake.staging.base_consents values ('{consent_id}', 'r1')")
    at = datetime(2026, 1, 1)
    shop.put("marts.consents", [{"record_id": "r1", "status": "withdrawn", "decided_at": at}])
    decisions.land_waiting(shop.settings)
    assert shop.rows(f"select identifier from lake.{waiting.TABLE}") == [("n002@example.com",)]
