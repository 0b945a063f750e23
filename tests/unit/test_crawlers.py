"""Crawlers, monitors and scripts are flagged and are no people; a visitor with another trace stays
a person.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from segmentry.crawlers import CrawlerJudge, CrawlerPolicy
from segmentry.errors import ConfigError
from tests.dbt_sql import Project

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/131.0.0.0 Safari/537.36"
)
CRAWLERS = [
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    (
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0)"
        " Chrome/116.0.0.0 Safari/537.36"
    ),
    CHROME.replace("Chrome", "HeadlessChrome"),
    "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
    "curl/7.88.1",
    "python-requests/2.32.3",
    "Wget/1.21",
    "facebookexternalhit/1.1",
    "OurCrawler/2.1 (+https://example.org/crawler)",
    "Playwright/1.49",
]
PEOPLE = [
    CHROME,
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
        " Gecko) Mobile/15E148"
    ),
    (
        "Mozilla/5.0 (Linux; Android 12; CUBOT NOTE 21) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/130.0 Safari/537.36"
    ),
    "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8)",
    "okhttp/4.12.0",
    "Shop/42 CFNetwork/1568.200.51 Darwin/24.1.0",
    "analytics-python/2.3.2",
    "analytics-ruby/2.4.0",
    "analytics-node/5.1.0",
    "posthog-python/3.7.0",
    "",
    " ",
]


@pytest.mark.parametrize("agent", CRAWLERS)
def test_programs_are_crawlers(agent: str) -> None:
    assert CrawlerJudge(CrawlerPolicy()).is_crawler(agent)


@pytest.mark.parametrize("agent", [*PEOPLE, None])
def test_browsers_apps_and_tracking_libraries_are_not(agent: str | None) -> None:
    assert not CrawlerJudge(CrawlerPolicy()).is_crawler(agent)


def test_the_policies_add_and_except() -> None:
    judge = CrawlerJudge(
        CrawlerPolicy.of({"crawler_agents": ["^InHouse"], "people_agents": ["^curl/7"]})
    )
    assert [judge.is_crawler(agent) for agent in ("InHouse/1", "curl/7.1", "curl/8.1")] == [
        True,
        False,
        True,
    ]
    with pytest.raises(ConfigError, match="no regular expression"):
        CrawlerJudge(CrawlerPolicy.of({"crawler_agents": ["("]}))


def test_a_long_agent_takes_no_time() -> None:
    assert not CrawlerJudge(CrawlerPolicy()).is_crawler("a" * 2_000_000)


def shop(folder: Path, monkeypatch: pytest.MonkeyPatch, policy: str) -> duckdb.DuckDBPyConnection:
    """A crawler, a customer whose cookie one crawler used too, a visitor with an odd and a usual
    agent.
    """
    (folder / "policies.yml").write_text(f"events: {policy}\n")
    monkeypatch.setenv("SEGMENTRY_DBT_CONFIG", str(folder))
    lake = duckdb.connect(":memory:")
    for schema in ("staging", "identity", "marts", "features", "observability"):
        lake.execute(f"create schema {schema}")
    lake.execute("create table observability.clock as select timestamp '2026-03-01' as as_of")
    events = [
        ("e1", "crawler", None, CRAWLERS[0]),
        ("e2", "crawler", None, CRAWLERS[0]),
        ("e3", "customer", "u1", "python-requests/2.32.3"),
        ("e4", "customer", "u1", CHROME),
        ("e5", "visitor", None, "curl/8.1"),
        ("e6", "visitor", None, CHROME),
        ("e7", "buyer", None, "curl/8.1"),
        ("e8", "app", None, None),
    ]
    lake.execute(
        "create table staging.stg_events__events (event_id varchar, anonymous_id varchar, user_id"
        " varchar, user_agent varchar, event_at timestamp default timestamp '2026-02-01', device_id"
        " varchar, trait_email varchar)"
    )
    lake.executemany("insert into staging.stg_events__events"
        " (event_id, anonymous_id, user_id, user_agent)"
                     " values (?, ? || '-7f3a91', ?, ?)", events)  # fmt: skip
    lake.execute(
        "create table identity.identifier_mapping as select 'cookie' as identifier_type, c ||"
        " '-7f3a91' as identifier, c as profile_id, timestamp '2026-02-01' as first_seen_at from"
        " (values ('crawler'), ('customer'), ('visitor'), ('buyer'), ('app')) as cookies (c) union"
        " all select 'user_id', 'u1', 'customer', timestamp '2026-02-01' union all select 'email',"
        " 'mia.kern@mail.de', 'buyer', timestamp '2026-02-01'"
    )
    lake.execute("create table marts.restricted_profiles (profile_id varchar)")
    project = Project(lake)
    project.variables["spine_days"] = [0]
    project.python("marts/crawler_agents")
    for model in ("marts/event_profiles", "marts/crawler_profiles", "features/spine"):
        project.table(model)
    return lake


def test_a_crawler_is_no_person_and_its_events_are_nobodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = shop(tmp_path, monkeypatch, "{crawlers: exclude}")
    people = lake.execute("select profile_id from features.spine order by 1").fetchall()
    assert people == [("app",), ("buyer",), ("customer",), ("visitor",)]
    found = lake.execute(
        "select event_id, profile_id, is_bot from marts.event_profiles order by 1"
    ).fetchall()
    assert found == [
        ("e1", None, True), ("e2", None, True), ("e3", None, True), ("e4", "customer", False),
        ("e5", None, True), ("e6", "visitor", False), ("e7", None, True), ("e8", "app", False),
    ]  # fmt: skip


def test_the_policies_may_keep_crawlers_as_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = shop(tmp_path, monkeypatch, "{crawlers: keep}")
    assert len(lake.execute("select profile_id from features.spine").fetchall()) == 5
    found = lake.execute(
        "select count(profile_id), count(*) filter (where is_bot) from marts.event_profiles"
    )
    assert found.fetchall() == [(8, 5)], "flagged all the same"
