"""Syncs that are deleted or disabled are listed, opt-outs leave them, and they can be retired."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from activation import engine, operate, retirement, stages
from cli import doctor
from segmentry.errors import ConnectionNotConfigured, SegmentryError, UsageError
from segmentry.stages import RunContext
from tests.activation.engine_shop import (
    Receiver,
    Reply,
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


def _file(shop: Shop, name: str) -> Path:
    return shop.settings.config / "syncs" / f"{name}.yml"


def _deleted(shop: Shop, name: str) -> None:
    _file(shop, name).unlink()


def _disabled(shop: Shop, name: str) -> None:
    webhook(shop, name, enabled=False)


ENDS: dict[str, Callable[[Shop, str], None]] = {
    retirement.DELETED: _deleted,
    retirement.DISABLED: _disabled,
}


def _sent(shop: Shop, name: str = "hook") -> str:
    webhook(shop, name)
    consent(shop, *PEOPLE)
    fill(shop, name, dict.fromkeys(PEOPLE, "x"))
    engine.run_sync(shop.settings, name)
    return name


@pytest.mark.parametrize("why", sorted(ENDS))
def test_it_is_listed_everywhere_until_it_is_retired(
    shop: Shop, receiver: Receiver, why: str
) -> None:
    name = _sent(shop)
    assert retirement.orphans(shop.settings) == []
    ENDS[why](shop, name)
    (orphan,) = retirement.orphans(shop.settings)
    assert (orphan.name, orphan.why, orphan.rows) == (name, why, 3)
    (row,) = [row for row in operate.status(shop.settings, []) if row["sync"] == name]
    assert (row["status"], row["destination"]) == ("orphaned", "webhook")
    assert "3 row(s)" in row["note"]
    with pytest.raises(SegmentryError, match="orphaned"):
        doctor._orphaned_syncs(shop.settings)
    assert any(
        "sync retire hook" in note for note in stages.sync(RunContext(shop.settings), name).notes
    )

    assert retirement.retire(shop.settings, name).status == retirement.RETIRED
    assert receiver.people == {}
    assert retirement.orphans(shop.settings) == []
    assert name not in stages.sync_items(RunContext(shop.settings))
    assert "no destination" in doctor._orphaned_syncs(shop.settings)


def test_an_opt_out_leaves_it_before_it_is_retired(shop: Shop, receiver: Receiver) -> None:
    name = _sent(shop)
    _deleted(shop, name)
    shop.put("marts.consents", [decision("ann", "withdrawn", "2026-05-20")])
    assert stages.sync(RunContext(shop.settings), name).status == "withdrawals"
    assert set(receiver.people) == {"bob@example.com", "cid@example.com"}
    retirement.retire(shop.settings, name)
    assert receiver.people == {}


def test_rows_that_the_destination_does_not_let_go_stay_listed(
    shop: Shop, receiver: Receiver
) -> None:
    name = _sent(shop)
    _deleted(shop, name)

    def refuse(_number: int, _rows: list[dict[str, object]]) -> None:
        raise Reply(422)

    receiver.script = refuse
    report = retirement.retire(shop.settings, name)
    assert report.status == "partial"
    assert [orphan.rows for orphan in retirement.orphans(shop.settings)] == [3]
    receiver.script = lambda _number, _rows: None
    assert retirement.retire(shop.settings, name).status == retirement.RETIRED
    assert receiver.people == {}


def test_a_later_sync_of_the_same_name_has_no_rows_at_first(shop: Shop, receiver: Receiver) -> None:
    name = _sent(shop)
    _disabled(shop, name)
    retirement.retire(shop.settings, name)
    webhook(shop, name)
    fill(shop, name, {"bob": "x"})
    engine.run_sync(shop.settings, name)
    assert set(receiver.people) == {"bob@example.com"}
    assert retirement.orphans(shop.settings) == []


def test_it_is_emptied_where_it_was_sent_and_not_where_a_later_file_points(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address = f"sqlite:///{tmp_path}/crm.sqlite"
    monkeypatch.setenv("CRM_URL", address)
    with sa.create_engine(address).begin() as table:
        table.exec_driver_sql("create table people (email varchar primary key, first_name varchar)")
    webhook(shop, "hook")
    shop.sync(
        "hook", destination="sql_table", connection={"url": "CRM_URL"}, options={"table": "people"}
    )
    consent(shop, *PEOPLE)
    fill(shop, "hook", dict.fromkeys(PEOPLE, "x"))
    engine.run_sync(shop.settings, "hook")
    with sa.create_engine(address).begin() as table:
        table.exec_driver_sql("insert into people values ('own@example.com', 'Own')")
    _disabled(shop, "hook")  # and points to the receiver now
    monkeypatch.delenv("CRM_URL")
    with pytest.raises(ConnectionNotConfigured) as caught:
        retirement.retire(shop.settings, "hook")
    assert "CRM_URL" in caught.value.remedy
    monkeypatch.setenv("CRM_URL", address)
    retirement.retire(shop.settings, "hook")
    with sa.create_engine(address).begin() as table:
        left = table.exec_driver_sql("select email from people").scalars().all()
    assert left == ["own@example.com"], "rows of others are left alone"
    assert receiver.requests == []


def test_wrong_names_are_refused_with_what_they_are(shop: Shop, receiver: Receiver) -> None:
    _sent(shop)
    with pytest.raises(UsageError, match="is enabled"):
        retirement.retire(shop.settings, "hook")
    assert len(receiver.people) == 3
    with pytest.raises(UsageError, match="no destination has rows"):
        retirement.retire(shop.settings, "hok")
    _file(shop, "hook").write_text("name: hook\n  destination: [")
    assert retirement.orphans(shop.settings) == [], "an invalid file is a fault of its own"
    with pytest.raises(UsageError, match="is invalid"):
        retirement.retire(shop.settings, "hook")


def test_a_manual_sync_is_no_orphan(shop: Shop, receiver: Receiver) -> None:
    name = _sent(shop)
    webhook(shop, name, schedule="manual")
    assert retirement.orphans(shop.settings) == []
