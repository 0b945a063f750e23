"""The report of a home: what it shows, what it shows when little is there, and that it is valid
markup whatever the names are.
"""

from __future__ import annotations

import re

from runtime import report
from segmentry import page, warehouse
from segmentry.settings import Settings


def test_an_empty_home_has_a_report_of_what_is_missing(home: Settings) -> None:
    warehouse.prepare(home)
    text = report.write(home, []).read_text(encoding="utf-8")
    assert text.count("None.") == 5
    assert "http" not in text, "it needs no network"


def test_bars_are_as_long_as_the_numbers_and_the_largest_comes_first(home: Settings) -> None:
    with warehouse.connect(home) as lake:
        lake.execute(
            "create table lake.segments.segment_memberships (segment varchar, profile_id varchar)"
        )
        lake.execute(
            "insert into lake.segments.segment_memberships select 'small', range from range(10)"
        )
        lake.execute(
            "insert into lake.segments.segment_memberships select 'large', range from range(40)"
        )
        lake.execute(
            "create table lake.profiles.profiles as select range as profile_id from range(1234)"
        )
        lake.execute(
            "create table lake.marts.orders as select 10.5::decimal(18, 4) as net_revenue from"
            " range(3)"
        )
    assert report.largest_segments(home, 1) == [{"segment": "large", "people": 40}]
    text = report.write(home, [{"model": "churn", "quality": 0.75}]).read_text(encoding="utf-8")
    large, small = (float(width) for width in re.findall(r'<rect [^>]*width="([\d.]+)"', text))
    assert large == 4 * small
    for shown in ("1,234", "31.50", "churn", "0.750"):
        assert shown in text


def test_names_are_escaped_wherever_they_are() -> None:
    evil = "<script>alert(1)</script>"
    parts = [page.bars({evil: 1}, evil), page.table([{evil: evil}]), page.tiles({evil: evil})]
    text = page.document(evil, [*parts, page.section(evil, evil, "")])
    assert "<script" not in text
    assert text.count("&lt;script&gt;") == 10
