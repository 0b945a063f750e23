"""Replays a segment over the past: features as of earlier times, then the predicate and the dwell
rules at each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb

from segmentry import dbt, registry, warehouse
from segmentry.errors import SegmentryError, UsageError
from segmentry.settings import Settings
from segments import manifest
from segments.dwell import Evaluation, Flow, Rules, replayed
from segments.installed import Segment
from segments.limits import MOST_WEEKS
from segments.predicates import columns_of

SCHEMA = "replay"


def checked(segment: Segment, weeks: int) -> Segment:
    """The segment, or UsageError where it or the number of weeks cannot be replayed."""
    if not 1 <= weeks <= MOST_WEEKS:
        raise UsageError(
            f"--weeks is {weeks}",
            allowed=f"a whole number from 1 to {MOST_WEEKS}",
            remedy="choose another number",
        )
    if segment.predicate is None:
        raise UsageError(
            f"the segment '{segment.name}' is free SQL, which cannot be replayed",
            allowed="a segment of kind predicate",
            remedy="turn its windows and joins into features, then write it as a predicate",
        )
    return segment


def simulated(settings: Settings, segment: Segment, weeks: int) -> dict[str, Any]:
    """Sizes, entries and exits week by week with and without the segment's dwell rules, and what
    the rules save.
    """
    evaluations = _evaluated(settings, checked(segment, weeks), weeks)
    bare = [
        (as_of, {who: True for who, is_match in matches.items() if is_match})
        for as_of, matches in evaluations
    ]
    return _compared(replayed(bare, Rules()), replayed(evaluations, Rules.of(segment)))


def sizes(settings: Settings, segment: Segment, weeks: int) -> list[dict[str, Any]]:
    """How many profiles the predicate matched at the clock and at the end of each week before it,
    the oldest first.
    """
    return [
        {"as_of": as_of, "members": sum(matches.values())}
        for as_of, matches in _evaluated(settings, checked(segment, weeks), weeks)
    ]


def _evaluated(settings: Settings, segment: Segment, weeks: int) -> list[Evaluation]:
    read = {
        name
        for rule in (segment.predicate, segment.stay)
        if rule is not None
        for name in columns_of(rule)
    }
    needed = [
        subject
        for subject in registry.feature_subjects(settings)
        if read & manifest.columns(settings, subject)
    ]
    with warehouse.connect(settings, read_only=True) as lake:
        warehouse.require(lake, "profiles.profiles", made_by="profiles")
    with (
        warehouse.writing(settings),
        _features_of_the_past(settings, weeks, needed),
        warehouse.connect(settings, read_only=True) as lake,
    ):
        return _evaluations(lake, segment, _profiles(lake, settings, needed, read))


def _compared(without: list[Flow], with_rules: list[Flow]) -> dict[str, Any]:
    # The first evaluation has no past to compare with: all its profiles would count as entries.
    moves = [
        sum(flow.entries + flow.exits for flow in flows[1:]) for flows in (without, with_rules)
    ]
    return {
        "weeks": [
            {
                "as_of": ruled.as_of,
                "members_by_predicate": plain.members,
                "entries_by_predicate": plain.entries,
                "exits_by_predicate": plain.exits,
                "members": ruled.members,
                "entries": ruled.entries,
                "exits": ruled.exits,
            }
            for plain, ruled in zip(without, with_rules, strict=True)
        ],
        "moves_by_predicate": moves[0],
        "moves": moves[1],
        "moves_saved": moves[0] - moves[1],
    }


@contextmanager
def _features_of_the_past(
    settings: Settings, weeks: int, subjects: Sequence[str]
) -> Iterator[None]:
    """Build these subjects' features weekly into a schema of their own, and drop it on leaving."""
    variables = {"features_schema": SCHEMA, "spine_days": [7 * week for week in range(weeks + 1)]}
    models = [f"+features__{subject},path:models/features" for subject in subjects]
    words = ["run", "--select", "spine", *models, "--vars", json.dumps(variables)]
    # Nobody reads the manifest of this build; writing it takes a second.
    words.append("--no-write-json")
    try:
        # A target folder of its own: other variables would make the next run of the job parse
        # everything again.
        result = dbt.invoke(settings, words, target="target_replay")
        if not result.success:
            raise SegmentryError(
                "the features of the past could not be built",
                allowed="a lake in which the stage 'features' has run",
                remedy="run `segmentry run --select features`, then try again",
            )
        yield
    finally:
        with warehouse.connect(settings) as lake:
            lake.execute(f"drop schema if exists lake.{SCHEMA} cascade")


def _evaluations(
    lake: duckdb.DuckDBPyConnection, segment: Segment, profiles: str
) -> list[Evaluation]:
    match = segment.predicate.to_sql() if segment.predicate else "false"
    stay = segment.stay.to_sql() if segment.stay else "false"
    rows = lake.execute(f"""
        with profiles as ({profiles})
        select
            as_of,
            list(profile_id) filter (where is_match) as matching,
            list(profile_id) filter (where not is_match and is_staying) as staying
        from (
            select as_of, profile_id, coalesce({match}, false) as is_match,
                coalesce({stay}, false) as is_staying
            from profiles
        )
        group by as_of
        order by as_of
        """).fetchall()
    return [
        (as_of, {**dict.fromkeys(matching or [], True), **dict.fromkeys(staying or [], False)})
        for as_of, matching, staying in rows
    ]


def _profiles(
    lake: duckdb.DuckDBPyConnection, settings: Settings, subjects: Sequence[str], read: set[str]
) -> str:
    """What these columns of profiles.profiles were at each time; traits and consent flags are those
    of now.
    """
    joins = [
        f"inner join lake.{SCHEMA}.features__{subject} using (profile_id, as_of)"
        for subject in subjects
    ]
    for model, is_choice in registry.scored_models().items():
        if not read & {f"{model}_score", model}:
            continue
        choice = f", {_outcome(lake)} as {model}" if is_choice else ""
        joins.append(
            f"asof left join (select profile_id, as_of as scored_{model}_at, score as"
            f" {model}_score{choice} from lake.ml.scores where model = '{model}') as scored_{model}"
            f" on spine.profile_id = scored_{model}.profile_id and spine.as_of >="
            f" scored_{model}.scored_{model}_at"
        )
    joins += [
        (
            "asof left join (select profile_id, as_of as clustered_at, cluster_id, persona,"
            " confidence as persona_confidence from lake.ml.cluster_assignments) as clustered"
            " on spine.profile_id = clustered.profile_id and spine.as_of >= clustered.clustered_at"
        ),
        "left join lake.identity.traits as traits on spine.profile_id = traits.profile_id",
        (
            "left join lake.profiles.profile_consents as consents on spine.profile_id ="
            " consents.profile_id"
        ),
    ]
    return f"select * from lake.{SCHEMA}.spine as spine " + " ".join(joins)


def _outcome(lake: duckdb.DuckDBPyConnection) -> str:
    # A lake of an earlier release gets the column when a model is next scored.
    columns = [row[0] for row in lake.execute("describe lake.ml.scores").fetchall()]
    return "outcome" if "outcome" in columns else "null::varchar"
