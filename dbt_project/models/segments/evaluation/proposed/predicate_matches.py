"""Asks the predicates of all segments of all profiles; segments.matching describes how and why."""

from segments.matching import Scan, questions


def model(dbt, session):
    """Rows (segment, profile_id, is_match) for each predicate that is true."""
    dbt.config(materialized="table")
    rules = (
        dbt.ref("proposed_rules")
        .order("segment")
        .project("segment, predicate, stay_while")
        .fetchall()
    )
    profiles = dbt.ref("profiles")
    vocabulary = {
        name: str(kind) for name, kind in zip(profiles.columns, profiles.types, strict=True)
    }
    profiles.create_view("matching_given", replace=True)
    return Scan(session, "matching_given", questions(rules, vocabulary)).run()
