"""From the text of a banner, on an event or a record, to who may be sent: by the real models."""

from __future__ import annotations

import shutil

import pytest

from activation import engine, stages
from segmentry import dbt
from segmentry.settings import ROOT
from segmentry.stages import RunContext
from tests.activation.shop import Shop
from tests.unit.test_consent_strings import american, banner

EVENTS = (
    "event_id varchar, event_at timestamp, anonymous_id varchar, user_id varchar, country varchar,"
    " consent varchar"
)
RECORDS = (
    "consent_id varchar, identifier_type varchar, identifier varchar, purpose varchar, channel"
    " varchar, status varchar, jurisdiction varchar, occurred_at timestamp, source varchar, proof"
    " varchar, consent_string varchar"
)
REFUSALS = (
    "decision_id varchar, identifier_type varchar, identifier varchar, purpose varchar, channel"
    " varchar, status varchar, jurisdiction varchar, source varchar, record_id varchar, proof"
    " varchar, decided_at timestamp"
)
GIVEN = banner({1, 3, 4})
REFUSED = banner({1})
OPTED_OUT = american(16, "BVWSSVWA.YA")


def real_models(shop: Shop) -> None:
    """The models of consents in place of the stub, over staging made by hand."""
    models = shop.settings.dbt_project / "models"
    for name in ("consents.sql", "consent_decisions.sql", "consent_answers.py"):
        shutil.copyfile(ROOT / "dbt_project" / "models" / "marts" / name, models / "marts" / name)
    for name, columns in {
        "stg_events__events": f"{EVENTS}, record_id varchar",
        "stg_consents__consents": f"{RECORDS}, record_id varchar",
        "stg_email_events__email_events": (
            "event_id varchar, event_type varchar, email varchar, occurred_at timestamp,"
            " record_id varchar"
        ),
    }.items():
        shop.run(
            f"create schema if not exists lake.staging; create table lake.staging.{name}"
            f" ({columns})"
        )
        stub = models / "staging" / f"{name}.sql"
        stub.parent.mkdir(exist_ok=True)
        stub.write_text(f"select 1 as {name}\n", encoding="utf-8")
    for name, accepted in {
        "base_events": "stg_events__events",
        "base_consents": "stg_consents__consents",
    }.items():
        every = f"select *, 'accepted' as outcome from lake.staging.{accepted}"
        shop.run(f"create view lake.staging.{name} as {every}")
        (models / "staging" / f"{name}.sql").write_text(f"select 1 as {name}\n", encoding="utf-8")
    shop.run(f"create table lake.marts.quarantined_refusals ({REFUSALS})")
    (models / "marts" / "quarantined_refusals.sql").write_text(
        "select 1 as quarantined_refusals\n", encoding="utf-8"
    )


NAMES = ("ann", "bob", "cid", "dee", "eve", "fay")
TEXTS = {
    "ann": f'{{"tcString":"{GIVEN}"}}',
    "bob": f'{{"tcString":"{REFUSED}"}}',
    "cid": f'{{"gpp":{{"gppString":"{OPTED_OUT}"}}}}',
    "dee": '{"categoryPreferences":{"Advertising":false}}',
}


def insert_text(shop: Shop, event: str, at: str, who: str, text: str) -> None:
    """An event of the person's browser that carries the text."""
    shop.run(
        "insert into lake.staging.stg_events__events values"
        f" ('{event}', '{at}', 'c-{who}', null, 'DE', '{text}', 'v{event}')"
    )


def staged(shop: Shop) -> None:
    """Everyone but eve opted in by e-mail; afterwards the answers on banners differ."""
    shop.people(*NAMES, consent=False)
    known = [("cookie", "c-{}"), ("email", "{}@example.com")]
    shop.put(
        "identity.identifier_mapping",
        [
            {"identifier_type": kind, "identifier": form.format(name), "profile_id": f"p_{name}"}
            for name in NAMES
            for kind, form in known
        ],
    )
    records = [
        f"('g{n}', 'email', '{n}@example.com', 'advertising', 'any', 'granted', 'DE', '2026-01-01',"
        f" 'form', null, null, 'r{n}')"
        for n in NAMES
        if n != "eve"
    ]
    strings = {"eve": ("email", "eve@example.com", GIVEN), "fay": ("cookie", "c-fay", OPTED_OUT)}
    records += [
        f"('s{n}', '{kind}', '{value}', null, null, null, 'DE', '2026-02-01', null, null, '{text}',"
        f" 't{n}')"
        for n, (kind, value, text) in strings.items()
    ]
    shop.run(f"insert into lake.staging.stg_consents__consents values {', '.join(records)}")
    for name, text in TEXTS.items():
        insert_text(shop, name, "2026-02-01", name, text)


@pytest.mark.slow
def test_answers_on_banners_decide_who_is_sent(shop: Shop) -> None:
    real_models(shop)
    shop.sync("ads", purpose="advertising", channel="ads")
    staged(shop)
    dbt.build(shop.settings, "consent_answers consent_decisions consents")
    stages.audiences(RunContext(shop.settings))
    verdicts = dict(
        shop.rows("select profile_id, verdict from audiences.candidates where sync = 'ads'")
    )
    assert verdicts == {
        f"p_{name}": "eligible" if name in ("ann", "eve") else "refused" for name in NAMES
    }
    decisions = shop.rows(
        "select record_id, status, cast(decided_at as varchar), source, proof from marts.consents"
        " where purpose = 'advertising' and source <> 'form' order by 1"
    )
    assert decisions == [
        ("teve", "granted", "2026-01-02 23:59:59.999999", "tcf", GIVEN),
        ("tfay", "denied", "2026-02-01 00:00:00", "gpp", OPTED_OUT),
        ("vann", "granted", "2026-01-02 23:59:59.999999", "tcf", TEXTS["ann"]),
        ("vbob", "denied", "2026-02-01 00:00:00", "tcf", TEXTS["bob"]),
        ("vcid", "denied", "2026-02-01 00:00:00", "gpp", TEXTS["cid"]),
        ("vdee", "denied", "2026-02-01 00:00:00", "events", TEXTS["dee"]),
    ]
    assert engine.run_sync(shop.settings, "ads").rows == {"sync ads": 2}
    # A refusal on a banner after the build of the audience removes a person who was sent.
    insert_text(shop, "late", "2026-05-01", "ann", TEXTS["bob"])
    dbt.build(shop.settings, "consent_answers consent_decisions consents")
    engine.run_sync(shop.settings, "ads")
    assert shop.rows("select count(*) from audiences.aud_ads where row_key = 'p_ann'") == [(1,)]
    files = list((shop.settings.outbox / "ads").glob("*.csv*"))
    assert files
    assert not any("ann@" in path.read_text() for path in files)
