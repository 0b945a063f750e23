"""The answers of every consent text, each decoded once: there are few texts, and many events carry
one of them.
"""

import pyarrow as pa

from segmentry import consent_strings, tcf_vendors


def model(dbt, session):
    """One row per text and purpose, and one without a purpose for a text with a string that cannot
    be read.
    """
    dbt.config(materialized="table")
    # Of quarantined records too: a refusal in one of them counts.
    judged = "outcome <> 'duplicate' and"
    events = (
        dbt.ref("base_events").filter(f"{judged} consent is not null").project("consent as text")
    )
    records = dbt.ref("base_consents").filter(f"{judged} consent_string is not null")
    records = records.project("consent_string as text")
    texts = events.union(records).distinct().order("text")
    vendors = tcf_vendors.of_policy()
    columns = {"consent": [], "purpose": [], "is_granted": [], "stated_in": [], "stated_at": []}
    while batch := texts.fetchmany(100_000):
        for (text,) in batch:
            found, unreadable = consent_strings.answers(text, vendors)
            rows = [(text, a.purpose, a.is_granted, a.stated_in, a.stated_at) for a in found]
            for row in rows + [(text, None, None, "unreadable", None)] * bool(unreadable):
                for column, value in zip(columns.values(), row, strict=True):
                    column.append(value)
    types = {"is_granted": pa.bool_(), "stated_at": pa.timestamp("us")}
    return pa.table(
        {name: pa.array(column, types.get(name, pa.string())) for name, column in columns.items()}
    )
