"""The simulated shop: reproducible, well-formed, and in agreement with its truth."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import duckdb
import pytest

from cli.main import run

ARGUMENTS = ["simulate", "--people", "120", "--days", "40", "--seed", "3", "--out"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated") / "shop"
    assert run([*ARGUMENTS, str(out)]) == 0
    return out


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def test_same_arguments_give_the_same_bytes(shop: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert run([*ARGUMENTS, str(again)]) == 0
    first = _digests(shop)
    assert _digests(again) == first
    print(f"{len(first)} files, byte for byte")


def test_the_same_simulation_is_not_done_twice(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in shop.rglob("*")}
    assert run([*ARGUMENTS, str(shop)]) == 0
    assert "already contains this simulation" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in shop.rglob("*")} == before


def test_messages_keep_a_path_with_brackets_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "[red] shop" / ("long" * 30)
    small = ["simulate", "--people", "20", "--days", "5", "--seed", "1", "--out", str(out)]
    assert run(small) == 0
    assert run(small) == 0
    assert f"{out} already contains this simulation" in capsys.readouterr().err


def test_another_simulation_is_refused(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--people", "9", "--days", "9", "--seed", "9", "--out", str(shop)]) == 2
    assert "--force" in capsys.readouterr().err


def test_a_killed_simulation_is_done_again(tmp_path: Path) -> None:
    out = tmp_path / "shop"
    small = ["simulate", "--people", "20", "--days", "5", "--seed", "1", "--out", str(out)]
    assert run(small) == 0
    whole = _digests(out)
    (out / "truth" / "simulation.json").rename(out / "truth" / "begun.json")
    (out / "orders").rename(out / "surveys")
    assert run(small) == 0
    assert _digests(out) == whole


@pytest.mark.parametrize(
    ("option", "value"),
    [("--people", "0"), ("--days", "0"), ("--seed", "-1"), ("--end-date", "June")],
)
def test_wrong_arguments_are_wrong_use(
    option: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["simulate", "--out", str(tmp_path / "shop"), option, value]) == 2
    assert option in capsys.readouterr().err
    assert not (tmp_path / "shop").exists()


def test_broken_events_are_exactly_those_the_truth_names(shop: Path) -> None:
    named = duckdb.sql(
        f"select file, line, fault from '{shop}/truth/dirt.parquet' where source = 'events'"
    ).fetchall()
    broken = {(file, line) for file, line, fault in named if fault == "malformed_json"}
    found = set()
    for path in sorted((shop / "events").iterdir()):
        for number, line in enumerate(
            gzip.decompress(path.read_bytes()).decode().splitlines(), start=1
        ):
            try:
                event = json.loads(line)
            except ValueError:
                found.add((path.name, number))
                continue
            assert event["type"] in {"track", "identify", "page", "screen", "alias"}
            assert "person-" not in line
    assert found == broken


def test_identifiers_of_the_truth_occur_in_the_data(shop: Path) -> None:
    cookies = {row[0] for row in _truth_identifiers(shop, "cookie")}
    users = {row[0] for row in _truth_identifiers(shop, "user_id")}
    seen = duckdb.sql(
        f"""select distinct "anonymousId", "userId" from
            read_json('{shop}/events/*.gz', format='newline_delimited',
        ignore_errors=true, columns={{anonymousId: 'varchar', userId: 'varchar'}})"""
    ).fetchall()
    nobody = {
        row[0]
        for row in duckdb.sql(f"select identifier from '{shop}/truth/shared.parquet'").fetchall()
    }
    assert cookies - nobody == {row[0] for row in seen if row[0]} - nobody
    assert {row[1] for row in seen if row[1]} <= users


def _truth_identifiers(shop: Path, kind: str) -> list[tuple[str]]:
    sql = f"select identifier from '{shop}/truth/identifiers.parquet' where identifier_type = ?"
    return duckdb.execute(sql, [kind]).fetchall()


def test_probabilities_agree_with_what_happened(tmp_path: Path) -> None:
    out = tmp_path / "shop"
    assert (
        run(["simulate", "--people", "3000", "--days", "60", "--seed", "5", "--out", str(out)]) == 0
    )
    row = duckdb.sql(
        f"""select count(*), avg(churn_probability_90d), avg(has_churned_90d::int),
            avg(upsell_probability_90d),
        avg(has_upgraded_90d::int) from '{out}/truth/people.parquet' where orders_before > 0"""
    ).fetchone()
    assert row is not None
    print("customers {}, churn {:.3f} against {:.3f}, upsell {:.3f} against {:.3f}".format(*row))
    assert abs(row[1] - row[2]) < 0.05
    assert abs(row[3] - row[4]) < 0.05


def test_hard_cases_are_added_and_the_shop_stays_the_same(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "hard"
    assert run([*ARGUMENTS, str(out), "--hard"]) == 0
    plain = _digests(shop)
    hard = _digests(out)
    changed = {name for name, digest in plain.items() if hard[name] != digest}
    assert changed == {
        f"truth/{name}" for name in ("identifiers.parquet", "shared.parquet", "simulation.json")
    }
    assert len(hard.keys() - plain.keys()) == 4
    cases = duckdb.sql(
        f"""select hard.case as name, count(distinct person_id) as people, count(*) as rows
        from read_parquet('{out}/truth/hard.parquet') as hard
        inner join read_parquet('{out}/truth/identifiers.parquet') as stated using (person_id)
        group by all"""
    ).fetchall()
    people = {name: number for name, number, _ in cases}
    assert len(people) >= 20
    assert (people["agent 60 contacts"], people["family 4 accounts"]) == (61, 4)
    double = duckdb.sql(
        f"""select identifier_type, identifier
        from read_parquet('{out}/truth/identifiers.parquet')
        where not is_shared group by all having count(distinct person_id) > 1"""
    ).fetchall()
    assert double == [], "an identifier is of one person or shared"
