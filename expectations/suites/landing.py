"""Every landed record is accounted for, and no source is mostly broken."""

from __future__ import annotations

from collections.abc import Sequence

from expectations.suite import Rule, Suite, Table, View


def tables(view: View) -> Sequence[Table]:
    """The balance per batch, and the share of broken records per source."""
    limits = view.policies["raw"]
    share = "(quarantined - dismissed - deferred) / greatest(landed, 1)"
    return [
        Table(
            "staging.landing_balance",
            row_key="source || ' ' || batch_id",
            unique=("source", "batch_id"),
            query=_with_dismissed(view),
            rules=[
                Rule(
                    "landed = accepted + quarantined + duplicates",
                    "landed <> accepted + quarantined + duplicates",
                ),
                Rule(
                    "no count is negative", "least(landed, accepted, quarantined, duplicates) < 0"
                ),
                Rule(
                    f"a batch of {limits['min_records']:,} records or more has at most "
                    f"{limits['max_quarantined_share']:.0%} of them quarantined",
                    f"landed >= {limits['min_records']} and {share} >"
                    f" {limits['max_quarantined_share']} and batch_id not in ({_released(limits)})",
                ),
                Rule(
                    f"a batch has at most {limits['noticed_quarantined_share']:.0%} of its records"
                    " quarantined",
                    f"{share} > {limits['noticed_quarantined_share']}",
                    is_warning=True,
                ),
                # Nothing is wrong with an order of which the rate is not known yet: load rates, and
                # it counts.
                Rule("no order waits for an exchange rate", "deferred > 0", is_warning=True),
            ],
        ),
    ]


def _with_dismissed(view: View) -> str:
    """The balance with how many of a batch's rejected records an operator has dismissed."""
    if not (view.has("observability.quarantine_dismissals") and view.has("staging.quarantine")):
        return "select *, 0 as dismissed from lake.staging.landing_balance"
    return """
        select balance.*, coalesce(dismissals.dismissed, 0) as dismissed
        from lake.staging.landing_balance as balance
        left join (
            select _source as source, _batch_id as batch_id, count(*) as dismissed
            from lake.staging.quarantine
            where
                record_id in (select record_id from lake.observability.quarantine_dismissals)
                and reason <> 'unknown_rate'
            group by all
        ) as dismissals using (source, batch_id)
    """


def _released(limits: dict[str, list[str]]) -> str:
    names = [f"'{batch}'" for batch in limits["released_batches"] if batch.isalnum()]
    return ", ".join(names) or "''"


SUITE = Suite("raw", "Landed records are accounted for, and no batch is mostly broken.", tables)
