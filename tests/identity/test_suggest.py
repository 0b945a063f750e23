"""`identity suggest` on contacts from which little or nothing can be learned: a reason, never an
error of a library.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from cli.main import run
from identity import linking, policy
from segmentry import warehouse
from segmentry.settings import ROOT, Settings

Row = tuple[str | None, ...]
COLUMNS = ("first_name", "last_name", "birth_date", "postal_code", "city", "phone")


@pytest.fixture
def shop(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home without contacts, and with the stage switched on."""
    config = tmp_path / "config"
    shutil.copytree(ROOT / "config", config)
    policies = yaml.safe_load((config / "policies.yml").read_text(encoding="utf-8"))
    policies["identity"]["probabilistic"]["use"] = True
    (config / "policies.yml").write_text(yaml.safe_dump(policies), encoding="utf-8")
    monkeypatch.setenv("SEGMENTRY_CONFIG", str(config))
    with warehouse.connect(home) as lake:
        columns = ", ".join(f"{name} varchar" for name in COLUMNS)
        lake.execute(
            "create table lake.staging.stg_crm_contacts__contacts (contact_id varchar, created_at"
            f" timestamp, updated_at timestamp, {columns})"
        )
    return Settings.from_environment()


def fill(settings: Settings, count: int, made: Callable[[int], Row]) -> None:
    rows = [(f"k{n:03}", *made(n)) for n in range(count)]
    with warehouse.connect(settings) as lake:
        lake.execute("begin")
        for row in rows:
            lake.execute(
                "insert into lake.staging.stg_crm_contacts__contacts select ?, timestamp"
                " '2026-01-01', null, ?, ?, ?, ?, ?, ?",
                row,
            )
        lake.execute("commit")


def distinct(n: int) -> Row:
    return (
        f"first{n}",
        f"last{n}",
        f"19{n % 90:02}-0{n // 90 + 1}-01",
        str(10000 + n),
        f"c{n}",
        None,
    )


def same_birth(n: int) -> Row:
    first, last, _, place, city, phone = distinct(n)
    return first, last, "1980-01-01", place, city, phone


def doubled_without_birth_dates(n: int) -> Row:
    first, last, _, place, city, _ = distinct(n // 2)
    return first, last, None, place, city, f"555{n // 2:04}"


@pytest.mark.parametrize("count", [0, 1, 2, 49])
def test_few_contacts_are_not_compared_and_the_reason_is_printed(
    shop: Settings, capsys: pytest.CaptureFixture[str], count: int
) -> None:
    if count:
        fill(shop, count, lambda n: ("ann", "lee", "1980-01-01", "10115", "berlin", "030"))
    assert run(["identity", "suggest"]) == 0
    printed = capsys.readouterr().out
    assert f"the lake has {count} contact(s); at least 50 are needed" in printed
    assert "0 pair(s) wait for a review" in printed


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (distinct, "block birth_date: no two contacts agree on it"),
        (same_birth, "block birth_date: 100% of all pairs agree on it, at most 10% are allowed"),
        (lambda n: (None,) * 6, "block first_name, last_name: no two contacts agree on it"),
    ],
    ids=["nobody_agrees", "one_value", "all_empty"],
)
def test_contacts_without_a_block_that_separates_people_give_no_pair(
    shop: Settings, made: Callable[[int], Row], reason: str
) -> None:
    fill(shop, 60, made)
    remarks: list[str] = []
    assert linking.suggest(shop, remarks.append) == 0
    assert len(remarks) == 3
    assert any(remark.startswith(reason) for remark in remarks), remarks


@pytest.mark.slow
def test_a_column_that_nobody_fills_in_costs_its_block_alone(shop: Settings) -> None:
    fill(shop, 60, doubled_without_birth_dates)
    remarks: list[str] = []
    assert linking.suggest(shop, remarks.append) == 30
    assert remarks[0] == "block birth_date: no two contacts agree on it, so it is not used"
    assert remarks[1].startswith("no pair was accepted in a review yet")
    assert len(remarks) == 2
    assert linking.suggest(shop) == 30, "to look again changes nothing"


def test_the_share_of_accepted_pairs_that_the_blocks_reach_is_printed(
    shop: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(shop, 60, doubled_without_birth_dates)
    policy.write_policy(shop)
    with warehouse.connect(shop) as lake:
        # Two pairs of one person each, and two contacts that agree on nothing.
        for one, other, verdict in (
            ("k000", "k001", "accepted"),
            ("k002", "k003", "accepted"),
            ("k004", "k006", "accepted"),
            ("k008", "k010", "refused"),
        ):
            lake.execute(
                f"insert into lake.{linking.CANDIDATES} values (?, ?, .9, timestamp '2026-01-01',"
                " ?, timestamp '2026-01-02')",
                [one, other, verdict],
            )
    assert run(["identity", "suggest"]) == 0
    assert (
        "`block` can reach 2 of 3 accepted pair(s) (67%; first_name, last_name: 2; last_name,"
        " postal_code: 2)"
    ) in capsys.readouterr().out
