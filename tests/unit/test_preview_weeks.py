"""`segments preview`: a question without files is answered from the lake as it is; past weeks are
built where they are asked for, or where a file is about to be deployed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.main import run as cli
from cli.segments import PREVIEWED_WEEKS
from segmentry import warehouse
from segmentry.settings import Settings
from segments import replay
from segments.installed import Segment
from tests.unit.test_segments_refused import SQL, YML

QUESTION = ["segments", "preview", "--where", "orders_lifetime >= 3"]


@pytest.fixture
def built(home: Settings, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A lake of four profiles, and the numbers of weeks that are built."""
    with warehouse.connect(home) as lake:
        lake.execute("create schema if not exists lake.profiles")
        lake.execute(
            "create table lake.profiles.profiles as"
            " select 'p' || n as profile_id, n as orders_lifetime from range(1, 5) as r(n)"
        )
    weeks_built: list[int] = []

    def sizes(settings: Settings, segment: Segment, weeks: int) -> list[dict[str, int]]:
        weeks_built.append(weeks)
        return [{"members": 0}]

    monkeypatch.setattr(replay, "sizes", sizes)
    return weeks_built


def test_a_question_builds_no_past_weeks(
    built: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli([*QUESTION, "--output", "json"]) == 0
    printed = capsys.readouterr().out
    assert '"members": 2' in printed
    assert '"weeks"' not in printed
    assert not built


def test_weeks_are_built_where_they_are_asked_for(built: list[int]) -> None:
    assert cli([*QUESTION, "--weeks", "5"]) == 0
    assert built == [5]


def test_a_file_is_shown_with_past_weeks(built: list[int], tmp_path: Path) -> None:
    path = tmp_path / "loyal_customers.sql"
    path.write_text(SQL.format("orders_lifetime >= 3"), encoding="utf-8")
    path.with_suffix(".yml").write_text(YML, encoding="utf-8")
    assert cli(["segments", "preview", str(path)]) == 0
    assert built == [PREVIEWED_WEEKS]
