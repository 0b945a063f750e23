"""A sync that was renamed has the rows of its former name, and sends nothing for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from activation import engine, operate, renaming, retirement, stages
from activation.ledger import runs
from activation.ledger.database import Ledger
from segmentry import sync_files
from segmentry.errors import ConfigError
from segmentry.stages import RunContext
from tests.activation.engine_shop import (
    Receiver,
    consent,
    fill,
    open_lake,
    receiver,
    webhook,
)
from tests.activation.shop import Shop, decision

__all__ = ["open_lake", "receiver"]

pytestmark = pytest.mark.usefixtures("open_lake")

PEOPLE = ("ann", "bob", "cid")


def _send(shop: Shop, name: str) -> tuple[int, str]:
    report = engine.run_sync(shop.settings, name)
    return sum(report.rows.values()), report.status


def _file(shop: Shop, name: str) -> Path:
    return shop.settings.config / "syncs" / f"{name}.yml"


def _renamed(shop: Shop, old: str, new: str, **content: Any) -> None:
    _file(shop, old).unlink()
    webhook(shop, new, renamed_from=old, **content)
    fill(shop, new, dict.fromkeys(PEOPLE, "x"))


@pytest.fixture
def hook(shop: Shop, receiver: Receiver) -> str:
    webhook(shop, "hook")
    consent(shop, *PEOPLE)
    fill(shop, "hook", dict.fromkeys(PEOPLE, "x"))
    assert _send(shop, "hook") == (3, "done")
    return "hook"


def test_its_rows_move_and_nothing_is_sent(shop: Shop, receiver: Receiver, hook: str) -> None:
    _renamed(shop, hook, "members")
    assert retirement.orphans(shop.settings) == []
    context = RunContext(shop.settings)
    assert stages.sync_items(context) == ["members"]
    assert operate.plan(shop.settings, ["members"])[0]["add"] == 0
    assert _send(shop, "members") == (0, "unchanged")
    assert len(receiver.requests) == 1
    shop.put("marts.consents", [decision("ann", "withdrawn", "2026-05-20")])
    assert _send(shop, "members")[0] == 1
    assert set(receiver.people) == {"bob@example.com", "cid@example.com"}
    assert receiver.requests[-1]["data"]["sync"] == "hook", "the tool knows it as before"


def test_a_disabled_one_is_orphaned_under_its_new_name(
    shop: Shop, receiver: Receiver, hook: str
) -> None:
    _renamed(shop, hook, "members", enabled=False)
    (orphan,) = retirement.orphans(shop.settings)
    assert (orphan.name, orphan.why, orphan.rows) == ("members", retirement.DISABLED, 3)
    retirement.retire(shop.settings, "members")
    assert receiver.people == {}


@pytest.mark.slow
def test_a_name_that_the_tool_has_in_its_place_stays(shop: Shop, receiver: Receiver) -> None:
    columns = "row_key varchar, email varchar, first_name varchar"
    shop.sync("letters")
    shop.run(f"create table lake.audiences.aud_letters ({columns})")
    consent(shop, *PEOPLE)
    fill(shop, "letters", dict.fromkeys(PEOPLE, "x"))
    _send(shop, "letters")
    before = sorted((shop.settings.outbox / "letters").iterdir())
    _file(shop, "letters").unlink()
    shop.sync("mail", renamed_from="letters")
    shop.run("create table lake.audiences.aud_mail as from lake.audiences.aud_letters")
    assert _send(shop, "mail") == (0, "unchanged")
    assert sorted((shop.settings.outbox / "letters").iterdir()) == before
    shop.sync("mail")  # from now on under its own name
    assert _send(shop, "mail") == (6, "done")
    assert operate.verify(shop.settings, ["mail"])[0][0]["matched"] == 3
    left = [path.read_text() for path in (shop.settings.outbox / "letters").glob("*.csv")]
    assert left == ["email,first_name\n"]


def test_a_former_name_that_cannot_be_is_refused(shop: Shop, receiver: Receiver, hook: str) -> None:
    webhook(shop, "members", renamed_from="hook")
    with pytest.raises(ConfigError, match="'hook', whose file exists"):
        sync_files.load(shop.settings)
    fitting, faults = sync_files.load_each(shop.settings)
    assert set(fitting) == {"hook"}
    assert set(faults) == {"members"}
    _file(shop, "hook").unlink()
    webhook(shop, "guests", renamed_from="hook")
    with pytest.raises(ConfigError, match="'hook', as another file does"):
        sync_files.load(shop.settings)
    assert sync_files.load_each(shop.settings)[0] == {}
    _file(shop, "guests").unlink()
    webhook(shop, "members", renamed_from="members")
    with pytest.raises(ConfigError, match="whose file exists"):
        sync_files.load(shop.settings)
    assert len(receiver.people) == 3


@pytest.mark.slow
def test_rows_of_both_names_are_not_mixed(shop: Shop, receiver: Receiver, hook: str) -> None:
    webhook(shop, "members")
    fill(shop, "members", {"ann": "x"})
    _send(shop, "members")
    _renamed(shop, hook, "members")
    (orphan,) = retirement.orphans(shop.settings)
    assert (orphan.name, orphan.rows) == ("hook", 3)


@pytest.mark.slow
def test_it_waits_while_the_former_name_is_being_run(
    shop: Shop, receiver: Receiver, hook: str
) -> None:
    _renamed(shop, hook, "members")
    ledger = Ledger(shop.settings)
    sync = sync_files.one(shop.settings, "members")
    with runs.lease(ledger, "hook"):
        renaming.settle(ledger, sync)
        assert _names(ledger) == {"hook"}
    renaming.settle(ledger, sync)
    renaming.settle(ledger, sync)
    assert _names(ledger) == {"members"}
    ledger.close()


def _names(ledger: Ledger) -> set[str]:
    with ledger.begin() as c:
        return set(c.execute(sa.text("select distinct sync from sync_configs")).scalars())
