"""What a replay refuses before it builds anything, and what it makes of a lake of an earlier
release.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from segmentry import warehouse
from segmentry.errors import NotReadyError, UsageError
from segmentry.settings import Settings
from segments import replay
from segments.guard import parse
from segments.installed import Segment

PREDICATE = parse("next_category = 'Books'", {"next_category": "varchar"})
LIKELY = Segment("likely", Path("likely.sql"), "", {}, PREDICATE, None, "")
FREE = Segment("free", Path("free.sql"), "", {"kind": "batch_only"}, None, None, "select 1")
# ml.scores before models of choices wrote what they chose.
SCORES = (
    "profile_id varchar, model varchar, as_of timestamp, score double, model_version varchar,"
    " scored_at timestamp"
)


@pytest.mark.parametrize("weeks", [-1, 0, 53])
def test_weeks_out_of_range_are_named_as_typed(weeks: int) -> None:
    with pytest.raises(UsageError, match=f"--weeks is {weeks}"):
        replay.checked(LIKELY, weeks)
    assert replay.checked(LIKELY, 1) is replay.checked(LIKELY, 52) is LIKELY


def test_free_sql_is_named_as_the_reason(home: Settings) -> None:
    with pytest.raises(UsageError, match="'free' is free SQL"):
        replay.simulated(home, FREE, 4)


def test_for_an_empty_lake_the_message_names_what_to_run(home: Settings) -> None:
    with pytest.raises(NotReadyError, match=r"profiles\.profiles is not there yet"):
        replay.sizes(home, LIKELY, 4)


def test_a_lake_of_an_earlier_release_has_no_choices(home: Settings) -> None:
    with warehouse.connect(home) as lake:
        lake.execute(f"create table lake.ml.scores ({SCORES})")
        for expected in ("null::varchar as next_category", "outcome as next_category"):
            sql = replay._profiles(lake, home, [], {"next_category"})
            assert expected in sql
            assert "churn_score" not in sql, "a score that nobody reads is not looked for"
            lake.execute("alter table lake.ml.scores add column if not exists outcome varchar")
