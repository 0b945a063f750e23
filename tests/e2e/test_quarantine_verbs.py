"""One lake with a bad batch: listed, dismissed, replayed and withdrawn, with the balance kept
throughout.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.main import run as cli
from segmentry import warehouse
from segmentry.settings import Settings
from segmentry.stages import RunContext
from sources import loading, quarantine, stages, withdrawal
from sources.definitions import all_sources, source_named
from sources.quarantine import Selection

pytestmark = pytest.mark.slow

AT = "2026-02-03T00:00:00Z"


def rows(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    with warehouse.connect(settings, read_only=True) as lake:
        return lake.execute(sql).fetchall()


def load(settings: Settings, path: Path, lines: list[str]) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    (report,) = loading.load(settings, source_named(settings, path.parent.name), [str(path)])
    assert report.status == "landed", report
    return str(rows(settings, f"select batch_id from raw._loads where file = '{path}'")[0][0])


def consent(number: int, status: str) -> str:
    return f"k{number},email,p{number}@example.net,marketing,email,{status},{AT}"


def survey(comment: str) -> str:
    return json.dumps(
        {"response_id": "r1", "survey": "s1", "email": "r@example.net", "submitted_at": AT,
        "comment": comment,
         "answers": {"nps": 9 if comment == "first" else 3}, "nps": 9 if comment == "first" else 3}
    )  # fmt: skip


def balance(settings: Settings) -> dict[str, tuple[int, ...]]:
    found = rows(
        settings,
        "select batch_id, landed, accepted, quarantined, duplicates from staging.landing_balance",
    )
    assert all(row[1] == sum(row[2:]) for row in found)
    return {row[0]: row[1:] for row in found}


def read_the_list(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["quarantine", "list", "--batch", bad, "-o", "json"]) == 0
    assert {row["line"] for row in json.loads(capsys.readouterr().out)} == {3, 4}
    assert cli(["quarantine", "show", f"{bad}:3"]) == 0
    assert "email: text" in (shown := capsys.readouterr().out) and "@example" not in shown
    assert cli(["quarantine", "show", f"{bad}:3", "--values"]) == 0
    assert "b@example.net" in capsys.readouterr().out


def load_again(path: Path, good: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["load", "crm_contacts", str(path), "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["status"] == "withdrawn"
    assert cli(["sources", "withdraw", "nosuch", "--reason", "x"]) == 2
    assert good in capsys.readouterr().err
    assert cli(["load", "crm_contacts", str(path), "--force", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["records"] == 3


def test_a_bad_batch_is_handled_without_losing_an_opt_out(
    home: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stages.ensure_raw(home)
    contacts = tmp_path / "crm_contacts"
    header = "contact_id,email,updated_at"
    rejected = [header, f"x1,old@example.net,{AT}", "x2,b@example.net,soon", f",c@example.net,{AT}"]
    bad = load(home, contacts / "a.csv", rejected)
    good = load(
        home, contacts / "b.csv", [header, f"x1,new@example.net,{AT}", f"x3,d@example.net,{AT}"]
    )
    columns = "consent_id,identifier_type,identifier,purpose,channel,status,occurred_at"
    answers = [consent(1, "granted"), consent(2, "withdrawn"), consent(3, "Denied")]
    answered = load(home, tmp_path / "consents" / "c.csv", [columns, *answers])
    other = load(home, tmp_path / "surveys" / "s.ndjson", [survey("first")])
    displaced = load(home, tmp_path / "surveys" / "t.ndjson", [survey("second")])
    stages.staging(RunContext(home))
    before = balance(home)
    assert (before[bad], before[other], before[displaced]) == (
        (3, 1, 2, 0),
        (1, 1, 0, 0),
        (1, 0, 1, 0),
    )
    read_the_list(bad, capsys)
    assert quarantine.dismiss(home, Selection(batch=bad), "tests of the agency") == 2
    assert quarantine.dismiss(home, Selection(batch=bad), "again") == 0
    again = quarantine.replay(home, Selection(source="crm_contacts"), list(all_sources(home)))
    assert (again.selected, again.accepted, again.quarantined) == (2, 0, 2)
    assert balance(home) == before

    withdrawals = [
        withdrawal.withdraw(home, batch, "a mistake") for batch in (bad, answered, other)
    ]
    assert [(one.records, one.kept_refusals) for one in withdrawals] == [(3, 0), (1, 2), (1, 0)]
    stages.staging(RunContext(home))
    after = balance(home)
    assert (after[good][0], after[displaced]) == (
        2,
        (1, 1, 0, 0),
    ), "what a batch had displaced is accepted"
    assert not {bad, other} & set(after)
    assert rows(home, "select consent_id from staging.stg_consents__consents order by 1") == [
        ("k2",),
        ("k3",),
    ]
    assert rows(home, "select count(*), sum(records) from observability.withdrawn_batches") == [
        (3, 5)
    ]
    load_again(contacts / "a.csv", good, capsys)


def test_a_file_is_checked_without_landing_anything(
    home: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "people.csv"
    path.write_text(
        f"Contact ID,E-Mail,Updated_At,Shoe\nz1,z@example.net,{AT},9\n", encoding="utf-8"
    )
    assert cli(["sources", "check", str(path), "-o", "json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert (report["source"], report["status"], report["unread_columns"]) == (
        "crm_contacts",
        "landed",
        ["Shoe"],
    )
    path.write_text("1,2\n3,4\n", encoding="utf-8")
    assert cli(["sources", "check", str(path), "--source", "crm_contacts"]) == 1
    assert cli(["sources", "check", str(path)]) == 2
    assert cli(["sources", "list"]) == 0
