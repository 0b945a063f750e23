"""Each feature table has one row per spine row, nothing from the future, and values in their range.

A row with a value out of its range is reported; only many of them stop the job.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from expectations.suite import Rule, Suite, Table, View, row_faults

_SHARES = ("_share", "_rate")
_NUMBERS = ("INTEGER", "BIGINT", "DOUBLE", "HUGEINT", "DECIMAL", "FLOAT")


def tables(view: View) -> Sequence[Table]:
    """The spine and every ``features__<subject>``."""
    key = "profile_id || ' ' || as_of"
    spine = Table(
        "features.spine",
        row_key=key,
        unique=("profile_id", "as_of"),
        rules=[
            Rule(
                "nothing is computed for a time after the clock",
                "as_of > (select max(as_of) from lake.observability.clock)",
            )
        ],
        at_least=1,
    )
    return [
        spine,
        *(_features(view, relation, key) for relation in view.relations("features", "features__")),
    ]


def _features(view: View, relation: str, key: str) -> Table:
    same = f"(select count(*) from lake.features.spine) <> (select count(*) from lake.{relation})"
    rules = [
        Rule("there is one row per spine row", same),
        Rule(
            "each row is a row of the spine",
            "not exists (select 1 from lake.features.spine as spine"
            " where spine.profile_id = t.profile_id and spine.as_of = t.as_of)",
        ),
    ]
    faults = list(_faults(view.columns(relation)))
    if faults:
        rules += row_faults(
            "shares lie in 0..1, spans of time are not negative, no value is infinite",
            " or ".join(faults),
            relation,
            view.policies["features"],
        )
    return Table(relation, row_key=key, unique=("profile_id", "as_of"), rules=rules, at_least=1)


def _faults(columns: dict[str, str]) -> Iterator[str]:
    """Predicates that are true of a row with a value that cannot be."""
    for name, kind in columns.items():
        if not kind.startswith(_NUMBERS):
            continue
        if name.endswith(_SHARES):
            # A margin may be a loss of any size.
            yield f"{name} > 1" if name.startswith("margin") else f"not ({name} between 0 and 1)"
        if name.startswith("days_since_"):
            yield f"{name} < 0"
        if kind in {"DOUBLE", "FLOAT"}:
            yield f"isinf({name}) or isnan({name})"


SUITE = Suite(
    "features",
    "One row per profile and as_of, nothing from the future, values in their range.",
    tables,
)
