"""Decisions of a whole file: each row counts or is named by its line, and nothing is dropped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from activation import engine
from cli.consent import app
from segmentry import waiting
from segmentry.errors import UsageError
from segmentry.settings import Settings
from segmentry.statements import Decision
from sources import decision_files, decisions
from sources.decision_files import RecordedFile
from tests.activation.engine_shop import Receiver, consent, fill, receiver, webhook
from tests.activation.shop import Shop

__all__ = ["receiver"]
WITHDRAWN = Decision("withdrawn", "any", "any")
GRANTED = Decision("granted", "marketing", "email", "form of May")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[decisions.Statement]:
    """What would be recorded, in place of the lake."""
    stated: list[decisions.Statement] = []

    def record_all(_: Settings, given: list[decisions.Statement]) -> dict[str, Any]:
        stated.extend(given)
        return {"identifiers": len(given)}

    monkeypatch.setattr(decisions, "record_all", record_all)
    return stated


def recorded(home: Settings, text: str, decision: Decision = WITHDRAWN) -> RecordedFile:
    path = home.home / "decisions.txt"
    path.write_bytes(text.encode())
    return decision_files.record_file(home, path, decision)


@pytest.mark.parametrize(
    "text",
    [
        "identifier\nemail:a@example.com\nphone:+442079460000\n",
        "Identifier_Type,Identifier\nemail,a@example.com\nphone,+442079460000\n",
        "\ufeffemail;phone\r\na@example.com;\r\n;+442079460000\r\n",
        'email\tname\n"a@example.com"\t"two\nlines"\n\n',
        '{"email": "a@example.com", "note": null}\n{"identifier": "phone:+442079460000"}\n',
        '{"email": "a@example.com", "phone": "+442079460000"}\n',
    ],
)
def test_every_form_of_a_file_is_read(
    home: Settings, written: list[decisions.Statement], text: str
) -> None:
    done = recorded(home, text)
    assert not done.faults
    named = [(one.identifier_type, one.identifier) for one in written]
    both = [("email", "a@example.com"), ("phone", "+442079460000")]
    assert named == (both[:1] if "\t" in text else both)


def test_rows_that_cannot_be_recorded_are_named_by_their_line(
    home: Settings, written: list[decisions.Statement]
) -> None:
    lines = [
        "identifier,purpose,channel,occurred_at,note", "email:a@example.com,,,,",
        "a@example.com,,,,", "email:nobody,,,,", "fax:1234567,,,,", ",,,,x",
        "email:b@example.com,selling,,,", "email:c@example.com,,letter,,",
        "email:d@example.com,,,yesterday,", "email:e@example.com,,,2999-01-01,", "email:f@x.org",
        'email:g@example.com,Analytics,SMS,2026-02-03T04:05:06+02:00,"two', 'lines"',
        "email:h@example.com,,,,,",
    ]  # fmt: skip
    done = recorded(home, "\n".join(lines))
    assert [fault.line for fault in done.faults] == [3, 4, 5, 6, 7, 8, 9, 10, 11, 14]
    assert (done.rows, done.recorded) == (12, 2)
    assert len(written) == 2
    assert written[1].decision == Decision("withdrawn", "analytics", "sms")
    assert written[1].decided_at.isoformat() == "2026-02-03T02:05:06"
    assert not any("example" in fault.reason for fault in done.faults)


def test_rows_of_json_that_are_none_are_named_by_their_line(
    home: Settings, written: list[decisions.Statement]
) -> None:
    lines = ['{"email": "a@example.com"}', "{", '["x"]', '{"email": ["a@x.org"]}', "", "{}"]
    done = recorded(home, "\n".join(lines))
    assert [fault.line for fault in done.faults] == [2, 3, 4, 6]
    assert (done.rows, done.recorded, len(written)) == (5, 1, 1)


def test_a_grant_needs_its_proof_and_one_purpose(
    home: Settings, written: list[decisions.Statement]
) -> None:
    rows = ["a@example.com,,letter 7", "b@example.com,,", "c@example.com,any,letter 8", "017,,l"]
    text = "\n".join(["email,purpose,proof", *rows])
    done = recorded(home, text, Decision("granted", "marketing", "email"))
    assert [fault.line for fault in done.faults] == [3, 4, 5]
    assert [one.decision.proof for one in written] == ["letter 7"]
    assert not recorded(home, "email\nb@example.com\n", GRANTED).faults
    assert written[1].decision == GRANTED


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty"), (b"name,town\nx,y\n", "no column"), (b"email\n\xff\xfe\n", "UTF-8"),
        (None, "cannot be read"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_records_nothing(
    home: Settings, written: list[decisions.Statement], content: bytes | None, fault: str
) -> None:
    path = home.home / "decisions.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=fault):
        decision_files.record_file(home, path, WITHDRAWN)
    assert not written


@pytest.mark.slow
def test_the_people_of_a_file_are_in_no_later_request(shop: Shop, receiver: Receiver) -> None:
    names = [f"n{number}" for number in range(12)]
    hook = webhook(shop, limits={"batch_rows": 2})
    consent(shop, *names)
    fill(shop, hook, dict.fromkeys(names, "X"))
    path = shop.folder / "left.csv"
    path.write_text("email,occurred_at\nN7@Example.com,2026-05-01\nn9@example.com,2026-05-01\n")
    later: set[str] = set()

    def script(number: int, rows: list[dict[str, Any]]) -> None:
        if number == 1:
            decision_files.record_file(shop.settings, path, WITHDRAWN)
        else:
            later.update(row["key"] for row in rows)

    receiver.script = script
    engine.run_sync(shop.settings, hook)
    assert not {"n7@example.com", "n9@example.com"} & later
    assert len(receiver.people) == len(names) - 2
    # Again: the same rows with the same times change nothing.
    before = shop.rows(f"select * from lake.{waiting.TABLE} order by all")
    assert decision_files.record_file(shop.settings, path, WITHDRAWN).recorded == 2
    assert shop.rows(f"select * from lake.{waiting.TABLE} order by all") == before
    assert shop.rows("select count(*) from lake.raw.consents") == [(2,)]


def test_the_exit_status_states_what_was_recorded(
    home: Settings, written: list[decisions.Statement], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("SEGMENTRY_HOME", str(home.home))
    path = tmp_path / "left.csv"

    def status(text: str) -> tuple[int, dict[str, Any]]:
        path.write_text(text)
        words = ["withdraw", "--file", str(path), "--output", "json"]
        result = CliRunner().invoke(app, words)
        return result.exit_code, json.loads(result.stdout)[0]

    assert status("email\na@x.org\nb@x.org\n")[0] == 0
    code, shown = status("email\na@x.org\nb\n")
    assert (code, shown["recorded"], shown["rows"]) == (1, 1, 2)
    assert [fault["line"] for fault in shown["faults"]] == [3]
    assert status("email\nb\n")[0] == 2
    for words in ([], ["email:a@x.org", "--file", str(path)]):
        found = CliRunner().invoke(app, ["withdraw", *words])
        assert isinstance(found.exception, UsageError)
