"""Decides which links are dropped where a component would break a limit.

Links are taken strongest first (rule, then first stated, then key); one that would bring more
values of a type together than a profile may have is refused. Each component is decided by itself,
so the work follows the contested components alone, and the result depends on the set of links only,
not on their order of arrival.
"""

import pyarrow as pa


def model(dbt, session):
    """Refused links with the limit each would break, as an Arrow table."""
    dbt.config(materialized="transient", database="memory")
    limits = {
        row[0]: row[1]
        for row in (
            dbt.source("identity_policy", "policy_types")
            .project("identifier_type, most_per_profile")
            .fetchall()
        )
        if row[1] is not None
    }
    links = (
        dbt.ref("contested_links")
        .order("component, strength, first_seen_at, link_id")
        .project(
            "link_id, left_node, right_node, left_type, right_type, is_left_renamed,"
            " is_right_renamed"
        )
    )
    refused = _refused(links, limits)
    return pa.table(
        {
            "link_id": pa.array([link for link, _ in refused], pa.string()),
            "reason": pa.array([reason for _, reason in refused], pa.string()),
        }
    )


def _refused(links, limits):
    parent = {}
    counts = {}
    refused = []
    while batch := links.fetchmany(100_000):
        for link_id, left, right, left_type, right_type, left_renamed, right_renamed in batch:
            left = _enter(left, left_type, left_renamed, parent, counts, limits)
            right = _enter(right, right_type, right_renamed, parent, counts, limits)
            if left == right:
                continue
            broken = _broken(counts[left], counts[right], limits)
            if broken:
                refused.append((link_id, "limit_" + broken))
                continue
            if sum(counts[left].values()) < sum(counts[right].values()):
                left, right = right, left
            parent[right] = left
            for kind, number in counts.pop(right).items():
                counts[left][kind] = counts[left].get(kind, 0) + number
    return refused


def _enter(node, kind, is_renamed, parent, counts, limits):
    """The root of a node; a new node counts for its type, unless the type has no limit or it was
    renamed.
    """
    if node not in parent:
        parent[node] = node
        counts[node] = {kind: 1} if kind in limits and not is_renamed else {}
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


def _broken(one, other, limits):
    """The first type (by name) of which the two together would have too many."""
    return min((k for k in one if k in other and one[k] + other[k] > limits[k]), default=None)
