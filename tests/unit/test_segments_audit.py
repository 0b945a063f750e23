"""The audit of hand-made memberships, and the precision that follows from reviewers' verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from segmentry import warehouse
from segmentry.errors import UsageError
from segmentry.settings import Settings
from segments import audit, audit_page
from segments.guard import parse
from segments.installed import Segment

CLOCK = datetime(2026, 6, 30)
DAY = timedelta(days=1)
# Segment, profile, days before the clock of entry and of exit.
STAYS: list[tuple[str, str, int, int | None]] = [
    ("gold", "ann", 60, None),
    ("gold", "bob", 60, 10),
    ("gold", "cat", 5, None),
    ("deals", "ann", 60, None),
    ("deals", "dan", 60, 31),
    ("quiet", "dan", 60, 30),
    ("quiet", "ann", 60, None),
    ("moved", "ann", 29, None),
]


def segment(name: str, **meta: Any) -> Segment:
    return Segment(
        name, Path(f"{name}.sql"), "", meta, parse("orders > 1", {"orders": "bigint"}), None, ""
    )


FOUND = {
    "gold": segment("gold", action="reward"),
    "deals": segment("deals", action="discount", conflicts_with=["reward"]),
    "quiet": segment("quiet"),
    "moved": segment("moved"),
    "tiny": segment("tiny", min_size=2),
    "nobody": segment("nobody", min_size=2),
}


@pytest.fixture
def lake(home: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with warehouse.connect(home) as connection:
        fill(connection)
        yield connection


def fill(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "create table lake.observability.clock as select timestamp '2026-06-30' as as_of"
    )
    connection.execute(
        "create table lake.segments.membership_history"
        " (segment varchar, profile_id varchar, entered_at timestamp, left_at timestamp)"
    )
    for name, who, entered, left in STAYS:
        times = [CLOCK - entered * DAY, None if left is None else CLOCK - left * DAY]
        connection.execute(
            "insert into lake.segments.membership_history values (?, ?, ?, ?)", [name, who, *times]
        )
    connection.execute(
        "create table lake.segments.segment_memberships as select segment, profile_id, entered_at"
        " from lake.segments.membership_history where left_at is null"
    )
    connection.execute(
        "create table lake.segments.dwell_states as select segment, profile_id, entered_at, left_at"
        " from lake.segments.membership_history union all select 'tiny', 'ann', timestamp"
        " '2026-06-01', null"
    )
    connection.execute(
        "create table lake.profiles.profiles as select who as profile_id, length(who) as orders"
        " from (values ('ann'), ('cat')) as people (who)"
    )


def test_sizes_moves_and_remarks(lake: duckdb.DuckDBPyConnection) -> None:
    rows = {row["segment"]: row for row in audit.sizes(lake, FOUND, 30)}
    assert [(row["members"], row["entered"], row["left"]) for row in rows.values()] == [
        (2, 1, 1), (1, 0, 0), (1, 0, 0), (1, 1, 0), (0, 0, 0), (0, 0, 0),
    ]  # fmt: skip
    assert rows["gold"]["churn"] == pytest.approx(1 / 3), "of three who were in it, one left"
    # The last change of deals is 31 days old, of quiet exactly 30: neither moved within the 30
    # days.
    assert {name: row["remark"] for name, row in rows.items()} == {
        "gold": "",
        "deals": "unchanged: no profile entered or left for 30 days",
        "quiet": "unchanged: no profile entered or left for 30 days",
        "moved": "",
        "tiny": "too small: 1 where 2 are needed",
        "nobody": "empty",
    }
    longer = {row["segment"]: row["remark"] for row in audit.sizes(lake, FOUND, 61)}
    assert longer["deals"] == "", "observed for 60 days only: nothing is known of 61"
    assert "unchanged" in {r["segment"]: r["remark"] for r in audit.sizes(lake, FOUND, 29)}["quiet"]


def test_conflicts_and_overlaps(lake: duckdb.DuckDBPyConnection) -> None:
    assert audit.conflicts(lake, FOUND) == [
        {
            "segment": "deals",
            "action": "discount",
            "conflicts_with": "gold",
            "its_action": "reward",
            "profiles": 1,
        }
    ]
    pairs = [
        (row["smaller"], row["larger"], row["share_of_smaller"]) for row in audit.overlaps(lake)
    ]
    assert ("deals", "gold", 1.0) in pairs
    assert len(pairs) == 6, "each pair once"


def test_a_sample_is_reproducible_and_its_verdicts_come_back(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    rows = audit.sample(lake, FOUND["gold"], 10, seed=1)
    assert rows == audit.sample(lake, FOUND["gold"], 10, seed=1)
    assert {row["profile_id"] for row in rows} == {"ann", "cat"}
    assert all(row["orders"] == 3 and row["verdict"] == "" for row in rows), (
        "the values that decided"
    )
    path = tmp_path / "to_judge.csv"
    with pytest.raises(UsageError, match="cannot be written"):
        audit.write(rows, tmp_path / "nowhere" / path.name)
    audit.write(rows, path)
    with pytest.raises(UsageError, match="no verdict yet"):
        audit.judged(path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1] + "Yes", lines[2] + "no"]))
    found = audit.precision(audit.judged(path))
    assert (found["judged"], found["right"], found["precision"]) == (2, 1, 0.5)
    path.write_text("\n".join([lines[0], lines[1] + "perhaps"]))
    with pytest.raises(UsageError, match="line 2: a verdict that is neither"):
        audit.judged(path)


def test_the_page_shows_the_verdicts_and_takes_nothing_for_markup(
    home: Settings, lake: duckdb.DuckDBPyConnection
) -> None:
    rows = [
        {"profile_id": "ann", "note": "<b>", "verdict": "yes"},
        {"profile_id": "cat", "note": "", "verdict": "no"},
    ]
    audit_page.keep(home, "gold", audit.precision(rows), rows)
    text = audit_page.write(home, audit.report(lake, FOUND, 30)).read_text()
    assert "<td>gold</td>" in text
    assert 'aria-label="0.095 to 0.905"' in text, "Wilson's interval of one in two"
    assert '<td class="yes">yes</td>' in text
    assert '<td class="no">no</td>' in text
    assert "&lt;b&gt;" in text
    assert "<b>" not in text
    assert "http" not in text, "nothing is fetched from elsewhere"
    assert all(
        f"<h2>{title}</h2>" in text for title in ("Precision", "Sizes", "Conflicts", "Overlaps")
    )


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    # By the formula of the score interval, solved for p: |p' - p| = z sqrt(p (1 - p) / n).
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (45, 50, 0.7864, 0.9565), (1, 2, 0.0945, 0.9055)],
)
def test_the_interval_is_wilsons(right: int, total: int, low: float, high: float) -> None:
    assert audit.wilson(right, total) == (
        pytest.approx(low, abs=1e-4),
        pytest.approx(high, abs=1e-4),
    )
