"""Suppression lists of the policy: who is on one is in no later request, and one that cannot be
read stops sending.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from activation import engine, operate, suppression_lists
from segmentry import warehouse
from segmentry.errors import SourceError
from tests.activation.engine_shop import Receiver, consent, fill, open_lake, receiver, webhook
from tests.activation.shop import Shop

__all__ = ["open_lake", "receiver"]
pytestmark = pytest.mark.usefixtures("open_lake")
NAMES = [f"n{number:02}" for number in range(10)]


def listing(shop: Shop, *entries: dict[str, str]) -> None:
    path = shop.settings.config / "policies.yml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["consent"]["suppression_lists"] = list(entries)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


def write(shop: Shop, text: str, name: str = "left.csv") -> Path:
    """As a careful writer does it: alongside, then renamed over."""
    path = shop.settings.config / name
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
    return path


def settle(path: Path) -> None:
    """As if the file had been written some time ago."""
    at = path.stat().st_mtime_ns - 10_000_000_000
    os.utime(path, ns=(at, at))


def stock(shop: Shop) -> str:
    """Ten people with consent, in requests of two."""
    name = webhook(shop, limits={"batch_rows": 2})
    consent(shop, *NAMES)
    fill(shop, name, dict.fromkeys(NAMES, "X"))
    people = [
        {"identifier_type": kind, "identifier": form.format(name), "profile_id": f"p_{name}"}
        for name in NAMES
        for kind, form in (("email", "{}@example.com"), ("user_id", "u-{}"))
    ]
    shop.put("identity.identifier_mapping", people)
    return name


def reached(receiver: Receiver) -> set[str]:
    return {key.partition("@")[0] for key in receiver.people}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("identifier\nemail: N03@Example.com\n", {"n03"}),
        ("user_id;note\nu-n04;x\nu-n05;y\n", {"n04", "n05"}),
        ('{"profile_id": "p_n06"}\n{"identifier": "u-n07", "identifier_type": "fax"}\n',
         {"n06", "n07"}),
        ("email,channel\nn01@example.com,sms\nn02@example.com,Email\nn08@example.com,\n",
         {"n02", "n08"}),
        ("email\n", set()),
    ],
)  # fmt: skip
def test_who_is_on_a_list_is_not_sent(
    shop: Shop, receiver: Receiver, text: str, left: set[str]
) -> None:
    name = stock(shop)
    listing(shop, {"name": "left", "file": "left.csv"})
    write(shop, text)
    engine.run_sync(shop.settings, name)
    assert reached(receiver) == set(NAMES) - left


def test_a_list_that_grows_during_a_run_counts_for_the_next_request(
    shop: Shop, receiver: Receiver
) -> None:
    name = stock(shop)
    listing(shop, {"name": "left", "file": "left.csv"})
    settle(write(shop, "email\nn00@example.com\n"))
    later: set[str] = set()

    def script(number: int, rows: list[dict[str, Any]]) -> None:
        if number == 2:
            write(shop, "email\nn00@example.com\nn08@example.com\n")
        elif number > 2:
            later.update(row["key"] for row in rows)

    receiver.script = script
    engine.run_sync(shop.settings, name)
    assert reached(receiver) == set(NAMES) - {"n00", "n08"}
    assert "n08@example.com" not in later


@pytest.mark.slow
def test_a_person_who_comes_onto_a_list_is_removed_and_one_who_leaves_it_returns(
    shop: Shop, receiver: Receiver
) -> None:
    name = stock(shop)
    listing(shop, {"name": "left", "file": "left.csv"})
    settle(write(shop, "email\n"))
    engine.run_sync(shop.settings, name)
    assert reached(receiver) == set(NAMES)
    settle(write(shop, "email\nn04@example.com\n"))
    (planned,) = operate.plan(shop.settings, [name])
    assert planned["withdraw"] == 1
    engine.run_sync(shop.settings, name)
    assert reached(receiver) == set(NAMES) - {"n04"}
    listing(shop)
    engine.run_sync(shop.settings, name)
    assert reached(receiver) == set(NAMES)
    assert shop.rows("select count(*) from lake.activation.suppressions") == [(0,)]


@pytest.mark.slow
def test_a_list_that_did_not_change_is_not_opened_and_changes_nothing(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = stock(shop)
    listing(shop, {"name": "left", "file": "left.csv"})
    path = write(shop, "email\nn04@example.com\n")
    settle(path)
    engine.run_sync(shop.settings, name)

    def snapshot() -> int:
        with warehouse.connect(shop.settings) as lake:
            return warehouse.current_snapshot(lake)

    before = snapshot()
    with monkeypatch.context() as patch:
        patch.setattr(suppression_lists, "_of_file", None)
        assert engine.run_sync(shop.settings, name).status == "unchanged"
    assert snapshot() == before
    # Another time and the same content: it is read, and nobody's suppression changes.
    path.write_text("email\nn04@example.com\n", encoding="utf-8")
    settle(path)
    assert engine.run_sync(shop.settings, name).status == "unchanged"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ["No such file"]), (b"", ["is empty"]), (b"town\nx\n", ["no column"]),
        (b"email\n\xff\n", ["UTF-8"]), (b"email,note\na@example.com\n", ["line 2", "1 cells"]),
        (b"{\n", ["line 1", "not JSON"]), (b"email,note\n,x\n", ["line 2", "no identifier"]),
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_read_stops_additions_and_no_removal(
    shop: Shop, receiver: Receiver, content: bytes | None, words: Sequence[str]
) -> None:
    name = stock(shop)
    listing(shop, {"name": "left", "file": "left.csv"})
    path = write(shop, "email\nn04@example.com\n")
    fill(shop, name, dict.fromkeys(NAMES[:6], "X"))
    engine.run_sync(shop.settings, name)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    fill(shop, name, dict.fromkeys(NAMES, "X"))
    consent(shop, "n02", status="withdrawn", decided_at=None)
    with pytest.raises(SourceError) as raised:
        engine.run_sync(shop.settings, name)
    assert all(word in str(raised.value) for word in ["'left'", *words])
    assert "example.com" not in str(raised.value)
    # The list as it was read last still counts, and who opted out is removed.
    assert reached(receiver) == set(NAMES[:6]) - {"n04", "n02"}
    (planned,) = operate.plan(shop.settings, [name])
    assert "'left' cannot be read" in planned["note"]
    (row,) = suppression_lists.state(shop.settings)
    assert row["identifiers"] == 1 and words[0] in str(row["fault"])


def test_a_list_that_becomes_unreadable_during_a_run_stops_it(
    shop: Shop, receiver: Receiver
) -> None:
    name = stock(shop)
    listing(shop, {"name": "left", "file": "left.csv"})
    path = write(shop, "email\n")

    def script(number: int, rows: list[dict[str, Any]]) -> None:
        if number == 2:
            path.unlink()

    receiver.script = script
    with pytest.raises(SourceError):
        engine.run_sync(shop.settings, name)
    assert len(receiver.requests) == 2
    write(shop, "email\nn09@example.com\n")
    engine.run_sync(shop.settings, name)
    assert reached(receiver) == set(NAMES) - {"n09"}


@pytest.mark.slow
def test_a_relation_is_a_list_too(shop: Shop, receiver: Receiver) -> None:
    name = stock(shop)
    listing(shop, {"name": "legal", "relation": "marts.legal", "channel": "email"})
    with pytest.raises(SourceError, match=r"marts\.legal is missing"):
        engine.run_sync(shop.settings, name)
    shop.run("create table lake.marts.legal (identifier_type varchar, identifier varchar)")
    shop.run("insert into lake.marts.legal values ('User ID', 'u-n01')")

    def script(number: int, rows: list[dict[str, Any]]) -> None:
        if number == 2:
            shop.run("insert into lake.marts.legal values ('e-mail', 'N08@example.com')")

    receiver.script = script
    engine.run_sync(shop.settings, name)
    assert reached(receiver) == set(NAMES) - {"n01", "n08"}
    (row,) = suppression_lists.state(shop.settings)
    assert (row["identifiers"], row["fault"]) == (2, "")
