"""Which rows of people who withdrew leave: under a former id, in files, several per person."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest

from activation import engine, operate
from tests.activation.engine_shop import (
    Receiver,
    consent,
    fill,
    mails,
    open_lake,
    opt_out,
    receiver,
    stopped,
    webhook,
)
from tests.activation.shop import Shop, decision

__all__ = ["open_lake", "receiver"]

pytestmark = pytest.mark.usefixtures("open_lake")


def test_people_under_former_ids_under_none_and_by_suppression(
    shop: Shop, receiver: Receiver
) -> None:
    """Rows that the ledger has under a merged id, an id that no profile has any more, or an
    address alone.
    """
    by_mail = webhook(shop, "by_mail", mode="insert")
    by_id = webhook(
        shop,
        "by_id",
        key="person",
        columns={"person": {"from": "profile_id"}, "email": {"from": "email"}},
    )
    shop.run(
        "create or replace table lake.audiences.aud_by_id (row_key varchar, email varchar, person"
        " varchar)"
    )
    names = ("merged", "deleted", "parted", "listed", "bounced", "ann", "bob", "odd\u200b")
    consent(shop, *names[:-1])
    shop.put("marts.consents", [decision(names[-1], identifier="odd@example.com")])
    for name in (by_mail, by_id):
        fill(shop, name, {person: f"p_{person}" for person in names})
        assert engine.run_sync(shop.settings, name, release=["first_run"]).status == "done"
        fill(shop, name, {})
    shop.run(
        "insert into lake.identity.profile_resolution values ('p_merged', 'p_new'), ('p_ann',"
        " 'p_ann')"
    )
    shop.run(
        "create table lake.identity.id_mapping_scd as select 'email' as identifier_type,"
        " 'deleted@example.com' as identifier, 'p_deleted' as profile_id union all"
        " select 'email', 'parted@example.com', 'p_parted'"
    )
    shop.put(
        "marts.consents",
        [
            decision("new", "withdrawn", "2026-05-20", identifier_type="user_id", identifier="u1"),
            decision("other", "withdrawn", "2026-05-20", identifier="deleted@example.com"),
            decision(
                "other", "denied", "2026-05-20", identifier="parted@example.com", profile_id=None
            ),
            decision(
                "other", "denied", "2026-05-20", identifier="odd@example.com", profile_id=None
            ),
        ],
    )
    shop.run(
        "create table lake.audiences.suppressed_contacts (identifier_type varchar, identifier"
        " varchar, channel varchar)"
    )
    shop.run(
        "insert into lake.audiences.suppressed_contacts values ('profile_id', 'p_bounced',"
        " 'email'), ('email', 'listed@example.com', 'any'), ('profile_id', 'p_listed', 'any'),"
        " ('profile_id', 'p_ann', 'sms')"
    )
    engine.run_sync(shop.settings, by_mail)
    assert "the audience is empty" in stopped(shop, by_id)
    left = {key for key in receiver.people if not key.startswith("p_")}
    assert left == mails("ann", "bob"), "in the mode insert, nobody but the withdrawn leaves"
    assert {key for key in receiver.people if key.startswith("p_")} - {"p_odd\u200b"} == {
        "p_ann",
        "p_bob",
    }


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
def test_a_file_is_written_again_without_the_person_when_its_audience_is_stopped(
    shop: Shop, form: str
) -> None:
    shop.sync("letters", options={"format": form}, guardrails={"max_added_rows": 2})
    shop.run(
        "create table lake.audiences.aud_letters (row_key varchar, email varchar, first_name"
        " varchar)"
    )
    consent(shop, "ann", "bob", "+cid", "dee", "eve", "fay")
    shop.put("marts.consents", [decision("cid", identifier="+cid@example.com")])
    fill(shop, "letters", {"ann": 'A,"n"\nn', "bob": None, "+cid": "=1+1"})
    engine.run_sync(shop.settings, "letters", release=["additions"])
    before = delivered(shop, "letters")
    fill(shop, "letters", {"ann": "new", "+cid": "new", "dee": "new", "eve": "new", "fay": "new"})
    opt_out(shop, "bob", "+cid")
    assert "2 withdrawal(s) were sent" in stopped(shop, "letters")
    after = delivered(shop, "letters")
    assert [row["email"] for row in before] == [
        "+cid@example.com",
        "ann@example.com",
        "bob@example.com",
    ] or form == "csv"
    assert after == [row for row in before if row["email"] == "ann@example.com"], (
        "what was delivered, without them"
    )
    folder = shop.settings.outbox / "letters"
    assert len(list(folder.iterdir())) == 2
    verified = operate.verify(shop.settings, ["letters"])[0][0]
    assert (verified["held"], verified["missing"], verified["surplus"]) == (1, 0, 0)
    engine.run_sync(shop.settings, "letters", release=["additions"])
    assert {row["email"] for row in delivered(shop, "letters")} == mails("ann", "dee", "eve", "fay")


def delivered(shop: Shop, name: str) -> list[dict[str, Any]]:
    """Rows of the file that the manifest names."""
    import pyarrow.parquet as pq

    folder = shop.settings.outbox / name
    manifest = json.loads((folder / "manifest.json").read_text())
    path = folder / manifest["files"][0]["path"]
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    elif path.suffix == ".ndjson":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    else:
        rows = list(csv.DictReader(path.open(newline="")))
    assert manifest["files"][0]["rows"] == len(rows)
    return rows


@pytest.mark.parametrize("grain", ["membership", "transition"])
def test_exports_of_several_rows_per_person_lose_all_of_them(
    shop: Shop, receiver: Receiver, grain: str
) -> None:
    columns = {
        "person": {"from": "profile_id"},
        "email": {"from": "email"},
        "segment": {"row": "segment"},
    }
    shop.sync("moves", audience={"segments": "all", "grain": grain}, columns=columns, key="person")
    names = {"url": "SEGMENTRY_WEBHOOK_URL", "secret": "SEGMENTRY_WEBHOOK_SECRET"}
    shop.sync(
        "hook",
        audience={"segments": "all", "grain": grain},
        columns=columns,
        key="person",
        destination="webhook",
        connection=names,
    )
    consent(shop, "ann", "bob")
    values = ", ".join(
        f"('p_{n}:{s}', 'p_{n}', '{n}@example.com', '{s}')"
        for n in ("ann", "bob")
        for s in ("a", "b")
    )
    for name in ("moves", "hook"):
        shop.run(
            f"create table lake.audiences.aud_{name} (row_key varchar, person varchar, email"
            " varchar, segment varchar)"
        )
        shop.run(f"insert into lake.audiences.aud_{name} values {values}")
        engine.run_sync(shop.settings, name)
        shop.run(f"drop table lake.audiences.aud_{name}")
    opt_out(shop, "bob", channel="any")
    for name in ("moves", "hook"):
        stopped(shop, name)
        assert operate.status(shop.settings, [name])[0]["held"] == 2
    assert [(row["person"], row["segment"]) for row in delivered(shop, "moves")] == [
        ("p_ann", "a"),
        ("p_ann", "b"),
    ]
    assert [r["operation"] for r in receiver.requests[-1]["data"]["rows"]] == ["remove", "remove"]
    assert {r["row_key"] for r in receiver.requests[-1]["data"]["rows"]} == {"p_bob:a", "p_bob:b"}
