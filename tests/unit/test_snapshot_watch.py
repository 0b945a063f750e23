"""The newest snapshot, asked for before every request."""

from __future__ import annotations

import pytest

from segmentry import snapshots, warehouse
from segmentry.settings import Settings


def test_a_commit_is_seen_at_once_and_the_catalog_is_left_alone_meanwhile(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    ask = warehouse.current_snapshot

    def counted(lake: object) -> int:
        asked.append(lake)
        return ask(lake)  # type: ignore[arg-type]

    monkeypatch.setattr(warehouse, "current_snapshot", counted)
    with warehouse.connect(home, read_only=True) as lake, warehouse.connect(home) as writer:
        newest = snapshots.watch(home, lake)
        before = newest()
        for number in range(20):
            writer.execute(
                f"create or replace table lake.marts.counts as select {number} as number"
            )
            assert newest() == before + number + 1
        monkeypatch.setattr(snapshots, "SETTLED_NS", -1)  # as if a while had passed
        newest()
        asked.clear()
        assert {newest() for _ in range(100)} == {before + 20}
        assert asked == []
        writer.execute("drop table lake.marts.counts")
        assert newest() == before + 21
