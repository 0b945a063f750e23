"""Which user agents are crawlers, each decided once: an agent is on many events, and there are few
of them.
"""

import pyarrow as pa

from segmentry.crawlers import CrawlerJudge, CrawlerPolicy


def model(dbt, session):
    """One row per user agent of a crawler; is_excluded: its events belong to nobody."""
    dbt.config(materialized="table")
    policy = CrawlerPolicy.read()
    judge = CrawlerJudge(policy)
    agents = (
        dbt.ref("stg_events__events")
        .filter("user_agent is not null")
        .project("user_agent")
        .distinct()
    )
    found = []
    ordered = agents.order("user_agent")
    while batch := ordered.fetchmany(100_000):
        found += [agent for (agent,) in batch if judge.is_crawler(agent)]
    return pa.table(
        {
            "user_agent": pa.array(found, pa.string()),
            "is_excluded": pa.array([policy.is_excluded] * len(found), pa.bool_()),
        }
    )
