"""Probabilistic links between contacts: an optional stage of its own that proposes, and by itself
joins nobody.

Likely pairs go to identity.link_candidates and wait there for a review. A candidate becomes a link
of the rule `probabilistic` when a reviewer accepts it, or from the probability on at which the
policy needs no review.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb

from identity.policy import write_policy
from segmentry import clock, configuration, warehouse
from segmentry.errors import NotReadyError, UsageError
from segmentry.settings import Settings

CANDIDATES = "identity.link_candidates"
# Sampled pairs of contacts that show how often a field agrees by chance; Splink's advice for more
# than a million pairs.
_SAMPLED_PAIRS = 1_000_000
_SEED = 7
# From fewer contacts nothing can be learned about how often two people agree by chance.
LEAST_CONTACTS = 50
# Columns on which more of all pairs agree do not separate people: a column with one value, for
# example.
MOST_AGREEING = 0.1


def suggest(settings: Settings, report: Callable[[str], None] = lambda line: None) -> int:
    """Find likely pairs of contacts and keep them for review; what has been decided stays. Returns
    how many wait.

    report: gets one line for each reason why contacts or a list of `block` are not compared, and
    one on how many of the pairs that reviewers accepted the lists of `block` can reach.
    """
    policy = configuration.policies(settings)["identity"].get("probabilistic")
    if not policy or not policy["use"]:
        raise NotReadyError(
            "probabilistic linking is off",
            allowed="identity.probabilistic.use: true in config/policies.yml",
            remedy="switch it on, then run the command again",
        )
    write_policy(settings)
    with warehouse.connect(settings, read_only=True) as lake:
        warehouse.require(lake, "staging.stg_crm_contacts__contacts", made_by="staging")
        contacts = _contacts(lake, policy["compare"])
        accepted = lake.execute(
            f"select left_crm_id, right_crm_id from lake.{CANDIDATES} where verdict = 'accepted'"
        ).to_arrow_table()
    with duckdb.connect(config=warehouse.duckdb_config(settings)) as bench:
        bench.register("landed", contacts)
        bench.execute("create table contacts as from landed")
        blocks = _usable_blocks(bench, policy["block"], report)
        bench.register("accepted", accepted)
        if blocks:
            report(_reach(bench, blocks))
        found = (
            pairs(bench, "contacts", "contact_id", {**policy, "block": blocks})
            if blocks
            else (
                "select contact_id as one, contact_id as other, 0.0 as probability from contacts"
                " where false"
            )
        )
        rows = bench.execute(
            f"""select one, other, probability,
                greatest(lefts.known_at, rights.known_at) as known_at
            from ({found}) as pairs
            inner join contacts as lefts on one = lefts.contact_id
            inner join contacts as rights on other = rights.contact_id"""
        ).to_arrow_table()
    return _keep(settings, rows)


def _contacts(lake: duckdb.DuckDBPyConnection, compared: Iterable[str]) -> Any:
    """Key, first time and compared columns of every contact, as an Arrow table."""
    columns = ", ".join(
        f"nullif(lower(trim(cast({name} as varchar))), '') as {name}" for name in compared
    )
    return lake.execute(
        f"select contact_id, coalesce(created_at, updated_at) as known_at, {columns} from"
        " lake.staging.stg_crm_contacts__contacts where contact_id is not null order by"
        " contact_id"
    ).to_arrow_table()


def _usable_blocks(
    bench: duckdb.DuckDBPyConnection, blocks: Sequence[Sequence[str]],
    report: Callable[[str], None],
) -> list[Sequence[str]]:  # fmt: skip
    """The lists of columns on which some pairs of contacts agree, and not too many."""
    (contacts,) = bench.execute("select count(*) from contacts").fetchone() or (0,)
    if contacts < LEAST_CONTACTS:
        report(
            f"the lake has {contacts} contact(s); at least {LEAST_CONTACTS} are needed to estimate"
            " which pairs are likely one person"
        )
        return []
    usable = []
    for columns in blocks:
        known = " and ".join(f"{column} is not null" for column in columns)
        (agreeing,) = bench.execute(
            "select coalesce(sum(n * (n - 1) / 2), 0) from (select count(*)::bigint as n from"
            f" contacts where {known} group by {', '.join(columns)})"
        ).fetchone() or (0,)
        share = float(agreeing) / (contacts * (contacts - 1) / 2)
        if not agreeing:
            report(f"block {', '.join(columns)}: no two contacts agree on it, so it is not used")
        elif share > MOST_AGREEING:
            report(
                f"block {', '.join(columns)}: {share:.0%} of all pairs agree on it, at most"
                f" {MOST_AGREEING:.0%} are allowed, so it is not used"
            )
        else:
            usable.append(columns)
    return usable


def _reach(bench: duckdb.DuckDBPyConnection, blocks: Sequence[Sequence[str]]) -> str:
    """How many of the pairs that reviewers accepted agree on some list of columns: no other pair
    can be found, however much alike its contacts are.
    """
    agreements = [
        " and ".join(f"lefts.{column} = rights.{column}" for column in columns)
        for columns in blocks
    ]
    counts = [f"count_if({agreement})" for agreement in ["true", *agreements]]
    found = bench.execute(
        f"""select count_if({" or ".join(agreements)}), {", ".join(counts)}
        from accepted
        inner join contacts as lefts on left_crm_id = lefts.contact_id
        inner join contacts as rights on right_crm_id = rights.contact_id"""
    ).fetchone()
    reached, accepted, *by_block = found or (0, 0)
    if not accepted:
        return (
            "no pair was accepted in a review yet, so the share of true pairs that `block` can"
            " reach is not known"
        )
    parts = [
        f"{', '.join(columns)}: {number}" for columns, number in zip(blocks, by_block, strict=True)
    ]
    return (
        f"`block` can reach {reached} of {accepted} accepted pair(s) ({reached / accepted:.0%};"
        f" {'; '.join(parts)})"
    )


def pairs(
    connection: duckdb.DuckDBPyConnection, relation: str, key: str, policy: Mapping[str, Any]
) -> str:
    """A query of likely pairs (one, other, probability) of a relation with a unique key, by Splink.

    The model is trained without labels: the chance agreement of each field from random pairs, the
    rest by expectation maximisation within each block. policy: `compare` (column to kind), `block`
    (lists of columns), `review_above`.
    """
    import splink.comparison_library as kinds
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    compared = {
        "name": lambda column: kinds.JaroWinklerAtThresholds(column, [0.92, 0.8]),
        "text": lambda column: kinds.LevenshteinAtThresholds(column, [1, 3]),
        "digits": lambda column: kinds.DamerauLevenshteinAtThresholds(column, [1, 2]),
        "exact": kinds.ExactMatch,
    }
    blocks: list[Any] = [block_on(*columns) for columns in policy["block"]]
    database = DuckDBAPI(connection)
    linker = Linker(
        database.register(relation),
        SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name=key,
            comparisons=[compared[kind](column) for column, kind in policy["compare"].items()],
            blocking_rules_to_generate_predictions=blocks,
        ),
        log_level="ERROR",
    )
    # Seven in ten true pairs agreeing on some block is Splink's own default guess; it moves the
    # prior, not the order.
    linker.training.estimate_probability_two_random_records_match(blocks, recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=_SAMPLED_PAIRS, seed=_SEED)
    for block in blocks:
        linker.training.estimate_parameters_using_expectation_maximisation(block)
    found = linker.inference.predict(
        threshold_match_probability=policy["review_above"], warning_mode="never"
    )
    return (
        f"select least({key}_l, {key}_r) as one, greatest({key}_l, {key}_r) as other,"
        f" match_probability as probability from {found.physical_name}"
    )


def waiting(lake: duckdb.DuckDBPyConnection, limit: int) -> list[dict[str, Any]]:
    """Candidates that nobody has decided on, the most likely first."""
    warehouse.require(lake, CANDIDATES, made_by="identity")
    return warehouse.records(
        lake,
        f"""select left_crm_id, right_crm_id, round(probability, 4) as probability from {CANDIDATES}
        where verdict is null order by probability desc, left_crm_id, right_crm_id limit ?""",
        [limit],
    )


def decide(settings: Settings, one: str, other: str, verdict: str) -> None:
    """Record a reviewer's decision on a candidate or on two other contacts; a later one replaces an
    earlier one.

    Raises UsageError if the two are no candidate and not two contacts that identity knows.
    """
    pair = sorted((one, other))
    at: datetime = clock.read(settings)
    with warehouse.connect(settings) as lake:
        warehouse.require(lake, CANDIDATES, made_by="identity")
        where = "where left_crm_id = ? and right_crm_id = ?"
        if not lake.execute(f"select 1 from lake.{CANDIDATES} {where}", pair).fetchone():
            _add_pair(lake, pair)
        lake.execute(
            f"update lake.{CANDIDATES} set verdict = ?, decided_at = ? {where}",
            [verdict, at, *pair],
        )


def _add_pair(lake: duckdb.DuckDBPyConnection, pair: Sequence[str]) -> None:
    """Make two contacts a candidate that no search has found; known since the later of the two."""
    found: list[tuple[Any, ...]] = []
    if warehouse.relation_exists(lake, "identity.identifier_groups"):
        found = lake.execute(
            "select first_seen_at from lake.identity.identifier_groups"
            " where identifier_type = 'crm_id' and identifier in (?, ?)",
            pair,
        ).fetchall()
    if len(found) < 2:
        raise UsageError(
            "these two are no candidate, and not two known contacts",
            allowed="a pair that `segmentry identity reviews` lists, or two CRM ids",
            remedy="check the two CRM ids",
        )
    lake.execute(
        f"insert into lake.{CANDIDATES} values (?, ?, null, ?, null, null)",
        [*pair, max(at for (at,) in found)],
    )


def _keep(settings: Settings, rows: Any) -> int:
    with warehouse.connect(settings) as lake:
        lake.register("found", rows)
        lake.execute("begin")
        lake.execute(f"delete from lake.{CANDIDATES} where verdict is null")
        lake.execute(
            f"""insert into lake.{CANDIDATES}
            select one, other, probability, known_at, null, null from found
            anti join lake.{CANDIDATES} as existing on one = existing.left_crm_id
                and other = existing.right_crm_id"""
        )
        lake.execute("commit")
        row: Sequence[Any] | None = lake.execute(
            f"select count(*) from lake.{CANDIDATES} where verdict is null"
        ).fetchone()
    return int(row[0]) if row else 0
