"""A home as a run leaves it, with three people, written by hand: the pages read relations alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import duckdb
from starlette.testclient import TestClient

from activation import published
from activation.ledger import runs
from activation.ledger.database import Ledger
from console.access import ConsoleVisitor, Role
from console.app import application
from segmentry import warehouse
from segmentry.settings import Settings
from segments import installed

ANN = "aaaabbbbccccddddeeeeffff00001111"
BOB = "bbbbccccddddeeeeffff000011112222"
CEM = "ccccddddeeeeffff0000111122223333"
ADDRESS = "zebulonia.quixwort@mail.example.com"
PHONE = "+4917655501234"
# What a source may contain: markup must come out as text.
NAME = "<script>alert(1)</script>"
AS_OF = "timestamp '2026-05-01 06:00:00'"

RELATIONS: Mapping[str, str] = {
    "observability.clock": f"select {AS_OF} as as_of, false as is_given",
    "identity.policy_types": "select * from (values ('user_id', 1), ('email', 2), ('phone', 3))"
    " as t (identifier_type, priority)",
    "identity.profile_resolution": f"select unnest(['{ANN}', '{BOB}', '{CEM}']) as profile_id,"
    " profile_id as current_profile_id",
    "identity.identifier_mapping": f"""select *, {AS_OF} as first_seen_at, {AS_OF} as last_seen_at
        from (values ('email', '{ADDRESS}', '{ANN}'), ('phone', '{PHONE}', '{ANN}'),
            ('user_id', 'u0777123', '{ANN}'), ('user_id', 'u2', '{BOB}'),
            ('user_id', 'u3', '{CEM}'))
        as t (identifier_type, identifier, profile_id)""",
    "identity.identifier_values": f"""select 'email' as identifier_type, '{ADDRESS}' as value,
        '{ADDRESS}' as identifier, 'crm' as source, 'r1' as record_id""",
    "identity.identifier_links": f"""select 'l1' as link_id, 'email' as left_type,
        '{ADDRESS}' as left_identifier, 'user_id' as right_type, 'u0777123' as right_identifier,
        'login' as rule, 1 as strength, {AS_OF} as first_seen_at, {AS_OF} as last_seen_at,
        'events' as source, 'e1' as record_id, 7 as records, 1 as left_node, 2 as right_node""",
    "identity.refused_links": f"""select 'x' as link_id, 'hub' as reason, 'email' as left_type,
        '{ADDRESS}' as left_identifier, 'user_id' as right_type, 'u2' as right_identifier,
        'login' as rule, {AS_OF} as first_seen_at, '' as detail""",
    "identity.merge_events": f"""select 'merge' as event, 'old' as merged_profile_id,
        '{ANN}' as surviving_profile_id, {AS_OF} as merged_at, 'login' as rule, '' as evidence""",
    "identity.trait_provenance": f"""select '{ANN}' as profile_id, * from (values
        ('first_name', '{NAME}', 'crm', 'r1'), ('email', '{ADDRESS}', 'crm', 'r1'),
        ('country', 'DE', 'crm', 'r1'))
        as t (trait, value, source, record_id), (select {AS_OF} as observed_at,
        'newest' as strategy)""",
    "ml.scores": f"select '{ANN}' as profile_id, 'churn' as model, {AS_OF} as as_of, 0.4321 as"
    " score, '3' as model_version",
    "ml.score_reasons": f"""select '{ANN}' as profile_id, 'churn' as model, {AS_OF} as as_of,
        1 as rank, 'orders_lifetime' as feature, '4' as value, '2' as usual, -0.2 as effect""",
    "ml.cluster_assignments": f"""select '{ANN}' as profile_id, {AS_OF} as as_of, 1 as cluster_id,
        'Night Shopper' as persona, 0.8 as confidence, '1' as model_version, 'kept' as status""",
    "segments.segment_memberships": f"""select segment, profile_id, {AS_OF} as entered_at,
        'v' as definition_version from (values ('loyal_customers', '{ANN}'),
        ('loyal_customers', '{BOB}'), ('new_visitors', '{ANN}')) as t (segment, profile_id)""",
    "segments.segment_rules": """select segment, 'v' as definition_version, 'crm' as owner,
        'marketing' as purpose, 10 as priority, null::varchar as exclusive_group,
        null::varchar as action, interval 0 day as enter_after, interval 7 day as exit_after,
        interval 0 day as min_stay, 0 as min_size, null::double as max_changed_share,
        null::varchar as merge_into, predicate, null::varchar as stay_while,
        false as has_stay_while
        from (values ('loyal_customers', 'orders_lifetime >= 3 and email is not null'),
            ('new_visitors', 'orders_lifetime = 0')) as t (segment, predicate)""",
    "observability.segment_sizes": f"""select 'loyal_customers' as segment, as_of, people,
        1 as entered, 0 as left_segment from (values ({AS_OF}, 2),
        ({AS_OF} - interval 1 day, 1)) as t (as_of, people)""",
    "observability.console_overlaps": """select * from (values
        ('loyal_customers', 'new_visitors', 1, 0.5), ('new_visitors', 'loyal_customers', 1, 1.0))
        as t (segment, other, in_common, share)""",
    "observability.console_journeys": """select 'customer' as journey, * from (values
        ('new', 'awareness', 30, 30, null), ('awareness', 'decision', 20, 19, 4.5),
        ('decision', 'lapsed', 5, 5, 61.0)) as t
        (from_stage, to_stage, transitions, profiles, average_days)""",
    "marts.consents": f"""select 'd1' as decision_id, '{ANN}' as profile_id, 'marketing' as purpose,
        'email' as channel, 'granted' as status, {AS_OF} as decided_at, 'consents' as source,
        'c1' as record_id""",
    "marts.events": f"""select 'e1' as event_id, '{ANN}' as profile_id, 'Product Viewed' as event,
        {AS_OF} - interval 2 day as event_at, 'Shoes' as page_name, 'fashion' as category,
        'Acme' as brand, 'mobile' as device_type""",
    "marts.orders": f"""select '{ANN}' as profile_id, {AS_OF} - interval 3 day as ordered_at,
        'paid' as status, 42.5 as net_revenue, 2 as items""",
    "marts.messages": f"""select '{ANN}' as profile_id, {AS_OF} - interval 4 day as occurred_at,
        'email' as channel, 'opened' as event_type, 'Spring' as campaign_name""",
    "marts.tickets": f"""select '{ANN}' as profile_id, {AS_OF} - interval 5 day as created_at,
        'open' as status, 'email' as channel, 'returns' as category, 'high' as priority""",
    "observability.gate_results": f"""select * from (values ('raw', true, 40, 0, 0),
        ('features', false, 12, 2, 1)) as t (gate, passed, evaluated, unexpected, warnings),
        (select {AS_OF} as as_of, 7 as snapshot_id, {AS_OF} as checked_at)""",
    "observability.gate_failures": f"""select 'features' as gate, {AS_OF} as as_of,
        'features.features__orders' as relation, 'orders_lifetime is at least 0' as expectation,
        'error' as severity, 2 as failing_rows, 'k' as row_key, 7 as snapshot_id""",
    "observability.source_freshness": f"""select 'events' as source, 100 as landed, 90 as accepted,
        8 as quarantined, 2 as duplicates, {AS_OF} as oldest_at, {AS_OF} as newest_at,
        {AS_OF} as last_landed_at, 50 as hours_behind""",
    "observability.quarantine_reasons": "select 'events' as source, 'missing_field' as reason,"
    " 8 as records, 2 as batches",
    "ml.score_runs": f"""select 'churn' as model, {AS_OF} as as_of, '3' as model_version,
        3 as scored_rows, {AS_OF} as scored_at""",
    "ml.model_metrics": f"""select 'churn' as model, '3' as model_version, {AS_OF} as as_of,
        {AS_OF} - interval 90 day as period_as_of, {AS_OF} as period_until, 539 as tested_rows,
        'roc_auc' as metric, 0.834 as model_value, 0.8 as model_low, 0.86 as model_high,
        0.744 as rule_value, 0.71 as rule_low, 0.78 as rule_high""",
    "ml.performance": f"""select 'churn' as model, '3' as model_version,
        {AS_OF} - interval (120 - 40 * month) day as as_of, {AS_OF} as until_at,
        {AS_OF} as measured_as_of, 812 as people, 3 as unmatched, metric, realized,
        realized - 0.03 as realized_low, realized + 0.03 as realized_high, 0.834 as promised,
        0.79 as promised_low, 0.87 as promised_high, verdict
        from (values (0, 'roc_auc', 0.821, 'as promised'), (1, 'roc_auc', 0.617, 'worse'),
        (1, 'lift_top_decile', 0.836, 'as promised')) as t (month, metric, realized, verdict)""",
    "observability.drift": f"""select 'churn' as model, {AS_OF} as as_of, '3' as model_version,
        * from (values ('orders_lifetime', 0.31, 0.2, 'alarm'), ('country', 0.01, 0.0, 'stable'))
        as t (feature, psi, ks, verdict)""",
    "measurement.sync_lift": """select 'sync' as kind, 'newsletter_file' as name, metric,
        metric = 'unsubscribes' as is_guardrail, 900 as people_sent, 100 as people_held_out,
        12.0 as mean_sent, 10.0 as mean_held_out, 2.0 as effect, 0.5 as low, 3.5 as high,
        0.25 as daily_low, 3.75 as daily_high, 0.01 as p_value, 0.04 as p_adjusted,
        'This sync has earned 1,800 +- 1,500 EUR so far.' as verdict
        from (values ('revenue'), ('unsubscribes')) as t (metric)""",
    "measurement.experiment_effects": f"""select 'welcome' as experiment, 'all' as segment,
        'orders' as metric, true as is_primary, false as is_guardrail, '{NAME}' as variant,
        0.5 as mean, 0.4 as mean_control, 0.1 as effect, 0.05 as daily_low, 0.15 as daily_high,
        0.02 as p_adjusted, 'b improves orders.' as verdict""",
    "observability.unconverted_amounts": "select 'orders' as source, 'XTS' as currency,"
    " 'no_rate' as reason, 3 as amounts",
}  # fmt: skip


def build(settings: Settings) -> None:
    """Fill the home, with one sync that a guardrail stops."""
    with warehouse.connect(settings) as lake:
        for relation, query in RELATIONS.items():
            lake.execute(f"create table lake.{relation} as {query}")
        _profiles(settings, lake)
        _manifest(settings)
        _ledger(settings, lake)


def _profiles(settings: Settings, lake: duckdb.DuckDBPyConnection) -> None:
    """The contract's columns; of three profiles, two have three orders."""
    known = {
        "profile_id": f"unnest(['{ANN}', '{BOB}', '{CEM}'])",
        "as_of": AS_OF,
        "orders_lifetime": "unnest([3, 5, 0])",
        "email": f"unnest(['{ADDRESS}', null, null])",
        "country": "unnest(['DE', 'O''Land', 'FR'])",
        "rfm_frequency_score": "5",
        "days_since_last_order": "3",
    }
    words = installed.vocabulary(settings)
    columns = [f"cast({known.get(n, 'null')} as {t}) as {n}" for n, t in words.items()]
    lake.execute(f"create table lake.profiles.profiles as select {', '.join(columns)}")


def _manifest(settings: Settings) -> None:
    """dbt's manifest of two columns: email is a trait, country is one of two models."""
    path = settings.home / "dbt" / "target" / "manifest.json"
    path.parent.mkdir(parents=True)
    landed = "source.segmentry.raw.crm_contacts"
    nodes = {
        "traits": ("identity", ["email", "country"], [landed, "source.segmentry.raw._loads"]),
        "unused": ("features", ["email"], ["source.segmentry.raw.surveys"]),
        "profiles": ("profiles", ["email", "country"], ["model.segmentry.traits"]),
    }
    made = {
        f"model.segmentry.{name}": {
            "resource_type": "model", "name": name, "schema": schema,
            "columns": {key: {} for key in columns}, "depends_on": {"nodes": needs},
        }
        for name, (schema, columns, needs) in nodes.items()
    }  # fmt: skip
    path.write_text(json.dumps({"nodes": made}), encoding="utf-8")


def _ledger(settings: Settings, lake: duckdb.DuckDBPyConnection) -> None:
    ledger = Ledger(settings)
    run = runs.Run("newsletter_file")
    run.planned.update({"add": 5, "remove": 900})
    runs.save(ledger, run, "stopped")
    runs.raise_review(ledger, run, "removals", "900 of 1,000 row(s) would be removed")
    published.publish(lake, ledger)
    lake.execute(
        "insert into lake.activation.dead_letters values ('newsletter_file', 'k1', 'add',"
        f" 'rejected', 'the address bounces', 3, {AS_OF}, {AS_OF}, '{ANN}')"
    )
    lake.execute(
        "insert into lake.activation.sync_snapshot values"
        f" ('newsletter_file', 'k1', 'h', {AS_OF}, '{ANN}')"
    )
    ledger.close()


def client(settings: Settings, role: Role = Role.engineer, **headers: str) -> TestClient:
    """A browser that is signed in as ``vera`` with this role."""

    async def sign_in(_: Mapping[str, Any], __: Mapping[str, str]) -> ConsoleVisitor:
        return ConsoleVisitor("vera", role)

    app = application(settings, sign_in, frozenset({"testserver"}))
    return TestClient(app, follow_redirects=False, headers=headers)
