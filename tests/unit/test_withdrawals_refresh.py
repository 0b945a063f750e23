"""What is built when a job stops before its syncs: consent where it is old, suppressions where they
may be.
"""

from __future__ import annotations

from typing import Any

import pytest

from segmentry import dbt, freshness, warehouse, withdrawals
from segmentry.settings import Settings
from segmentry.stages import RunContext, StageReport


def prepared(settings: Settings, *, suppressed: bool) -> None:
    with warehouse.connect(settings) as lake:
        for relation in (
            *withdrawals.NEEDED,
            *(["audiences.suppressed_contacts"] if suppressed else []),
        ):
            lake.execute(f"create table lake.{relation} (i int)")
        lake.execute("create table lake.marts.consents (status varchar, match varchar)")


@pytest.mark.parametrize(
    ("current", "suppressed", "wanted"),
    [
        (set(), False, withdrawals.MODELS),
        (set(), True, (*withdrawals.MODELS, "suppressed_contacts")),
        ({"marts"}, True, ("suppressed_contacts",)),
        ({"marts", "audiences"}, True, ()),
        ({"marts"}, False, ()),
    ],
)
def test_what_is_old_is_built_and_nothing_else(
    home: Settings,
    monkeypatch: pytest.MonkeyPatch,
    current: set[str],
    suppressed: bool,
    wanted: tuple[str, ...],
) -> None:
    prepared(home, suppressed=suppressed)
    built: list[str] = []

    def build(_settings: Settings, select: str, **_: Any) -> StageReport:
        built.extend(select.split())
        return StageReport()

    monkeypatch.setattr(dbt, "build", build)
    monkeypatch.setattr(freshness, "is_current", lambda _settings, layer: layer in current)
    monkeypatch.setattr(freshness, "is_intact", lambda *_: False)
    report = withdrawals.refresh(RunContext(home))
    assert tuple(built) == wanted
    assert (report.status == "unchanged") is (not wanted)
