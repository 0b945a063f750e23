"""Recognizes programs by their user agent: crawlers, monitors and scripts are visitors and are not
people.

The list is crawlerdetect's (the data of CrawlerDetect, github.com/JayBizzle/Crawler-Detect).
Libraries of server-side tracking and of mobile apps send what people do and are not crawlers,
even if that list has them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

from segmentry.errors import ConfigError
from segmentry.settings import ROOT

# dbt's Python models have no settings: the folder of the configuration reaches them by this
# variable.
CONFIG_VARIABLE = "SEGMENTRY_DBT_CONFIG"
# Longer agents are no browser's; the rest of one could only slow the search down.
LONGEST = 1_000
# Tracking libraries name themselves after their language; okhttp and Dalvik carry the requests of
# Android apps.
PEOPLE = (
    r"^(segment[ ._-]?)?analytics["
    r" ._-](android|cpp|csharp|dotnet|flutter|go|ios|java|js|kotlin|net|next|node|php"
    r"|python|react|ruby|rust|swift|unity)\b",
    r"^(rudder|rudderstack|posthog|mixpanel|amplitude|snowplow|matomo)[ ._-]?[a-z]*\b",
    r"^(okhttp|dalvik|alamofire)/",
)
CRAWLERS = (r"\b(playwright|puppeteer|selenium|webdriver)\b",)


@dataclass(frozen=True)
class CrawlerPolicy:
    """The policies' ``events``. is_excluded: crawlers are not people. Both lists are regular
    expressions.
    """

    is_excluded: bool = True
    crawlers: Sequence[str] = ()
    people: Sequence[str] = ()

    @classmethod
    def read(cls, config: Path | None = None) -> CrawlerPolicy:
        """From policies.yml in the folder, by default that of the running dbt, else the shipped
        one.
        """
        folder = config or Path(os.environ.get(CONFIG_VARIABLE) or ROOT / "config")
        path = folder / "policies.yml"
        content = (
            yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
            if path.exists()
            else {}
        )
        return cls.of((content or {}).get("events") or {})

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> CrawlerPolicy:
        """From the entry ``events`` of the policies."""
        return cls(
            entry.get("crawlers", "exclude") == "exclude",
            tuple(entry.get("crawler_agents", ())),
            tuple(entry.get("people_agents", ())),
        )


class CrawlerJudge:
    """Decides on user agents: what browsers have in common is left out before the long list is
    searched.
    """

    def __init__(self, policy: CrawlerPolicy) -> None:
        """Raises ConfigError where an expression of the policy is none."""
        from crawlerdetect.crawlerdetect import (
            get_compiled_crawler_regex,
            get_compiled_exclusions_regex,
        )

        self._common = get_compiled_exclusions_regex()
        self._known = get_compiled_crawler_regex()
        self._crawlers = _either([*policy.crawlers, *CRAWLERS], "crawler_agents")
        self._own = _either(policy.crawlers, "crawler_agents")
        self._people = _either([*policy.people, *PEOPLE], "people_agents")
        self._decided: dict[str, bool] = {}

    def is_crawler(self, agent: str | None) -> bool:
        """Whether the agent is a program that reads pages by itself."""
        text = (agent or "").strip()[:LONGEST]
        if not text:
            return False
        if self._own.search(text):
            return True
        if self._people.search(text):
            return False
        return bool(self._crawlers.search(text)) or self._is_known(text)

    def _is_known(self, text: str) -> bool:
        rest = self._common.sub("", text)
        if rest not in self._decided:
            self._decided[rest] = bool(rest) and self._known.search(rest) is not None
        return self._decided[rest]


def notes(lake: duckdb.DuckDBPyConnection) -> list[str]:
    """How many events of crawlers there are, for the report of a stage; nothing if there are
    none.
    """
    row = lake.execute("""
        select count(*), count(*) filter (where is_excluded),
            (select count(*) from lake.marts.crawler_agents),
                (select count(*) from lake.marts.crawler_profiles)
        from lake.marts.event_profiles where is_bot
        """).fetchone()
    events, excluded, agents, profiles = row or (0, 0, 0, 0)
    if not events:
        return []
    outcome = "kept as people's"
    if excluded:
        outcome = f"{excluded:,} belong to nobody, {profiles:,} visitor(s) are no people"
    return [f"{events:,} event(s) of {agents:,} crawler(s): {outcome}"]


def _either(expressions: Sequence[str], place: str) -> re.Pattern[str]:
    for expression in expressions:
        try:
            re.compile(expression)
        except re.error as error:
            raise ConfigError(
                f"events.{place} in policies.yml: '{expression}' is no regular expression"
                f" ({error})",
                allowed="expressions of Python's re, such as '^InHouseMonitor/'",
                remedy="correct it",
            ) from None
    # Without any expression: what matches nothing.
    return re.compile("|".join(f"(?:{e})" for e in expressions) or r"(?!)", re.IGNORECASE)
