"""The records for auditors state what the files and the lake state."""

from __future__ import annotations

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from cli.main import run
from ml.evaluate.fairness import Audit, GroupFigures
from ml.evaluate.metrics import Interval
from privacy import impact, processing, processing_texts
from privacy.processing import Periods, ProcessingRecord
from segmentry import warehouse
from segmentry.classes import ColumnClass
from segmentry.settings import ROOT, Settings

PERIODS = Periods(snapshots=11, logs=12, erasure=13)
SYNC = """
name: partner_feed
description: People of two segments for a partner that prints cards.
owner: loyalty
destination: klaviyo
connection: {url: A_URL, api_key: A_KEY, list_id: A_LIST}
audience: {segments: [loyal_customers]}
purpose: personalization
channel: any
key: mail
columns:
  mail: {from: email}
  greeting: {template: "{first_name} of {city}"}
  place: {from: city}
  orders: {from: orders_lifetime}
"""


@pytest.fixture
def changed(tmp_path: Path) -> Settings:
    """A home without a lake, with configuration of its own: one more sync, and another basis."""
    folder = tmp_path / "config"
    shutil.copytree(ROOT / "config", folder)
    (folder / "syncs" / "partner_feed.yml").write_text(SYNC, encoding="utf-8")
    policies = yaml.safe_load((folder / "policies.yml").read_text(encoding="utf-8"))
    policies["consent"]["purposes"]["personalization"] = {
        "basis": "opt_out", "opt_in_countries": ["DE", "FR"],
    }  # fmt: skip
    policies["records"] = {
        "controller": "Shop | Ltd", "transfers": {"klaviyo": "USA, by contract"},
    }  # fmt: skip
    (folder / "policies.yml").write_text(yaml.safe_dump(policies), encoding="utf-8")
    environment = {"SEGMENTRY_HOME": str(tmp_path / "home"), "SEGMENTRY_CONFIG": str(folder)}
    return Settings.from_environment(environment)


def gathered(settings: Settings) -> ProcessingRecord:
    return processing.gather(settings, PERIODS)


def test_a_disclosure_has_fields_by_class_basis_recipient_and_period(changed: Settings) -> None:
    found = {one.name: one for one in gathered(changed).of_kind(processing.DISCLOSURE)}
    feed = found["partner_feed"]
    assert feed.fields == {
        "mail": ColumnClass.direct_identifier,
        "greeting": ColumnClass.direct_identifier,
        "place": ColumnClass.quasi_identifier,
        "orders": ColumnClass.none,
    }
    assert (feed.receives, feed.owner, feed.segments) == (
        "klaviyo",
        "loyalty",
        ("loyal_customers",),
    )
    assert "legitimate interests" in feed.legal_basis
    assert feed.legal_basis.endswith("in DE, FR: consent (GDPR, article 6(1)(a))")
    assert "13 days" in feed.period
    assert found["newsletter_file"].legal_basis == "consent (GDPR, article 6(1)(a))"


def test_every_source_sync_and_purpose_has_an_activity(changed: Settings) -> None:
    record = gathered(changed)
    stems = {
        folder: {path.stem for path in (changed.config / folder).glob("*.yml")}
        for folder in ("sources", "syncs")
    }
    assert {one.name for one in record.of_kind(processing.COLLECTION)} == stems["sources"]
    assert {one.name for one in record.of_kind(processing.DISCLOSURE)} == stems["syncs"]
    purposes = {one.name for one in record.of_kind(processing.SEGMENTATION)}
    assert "marketing" in purposes
    sources = {one.name: one for one in record.of_kind(processing.COLLECTION)}
    assert "email" in sources["crm_contacts"].of_class(ColumnClass.direct_identifier)
    assert "no field is about a person" in sources["products"].legal_basis
    # No run has shown the fields of events: nothing is claimed to be without persons.
    assert sources["events"].fields == {}
    assert "consent" in sources["events"].legal_basis


def test_csv_and_json_have_the_same_rows(changed: Settings) -> None:
    record = gathered(changed)
    rows = list(csv.DictReader(io.StringIO(processing_texts.as_csv(record))))
    assert rows == json.loads(processing_texts.as_json(record))
    feed = next(row for row in rows if row["name"] == "partner_feed")
    assert feed["transfer"] == "USA, by contract"
    assert feed["direct_identifier_fields"] == "greeting, mail"
    assert {row["controller"] for row in rows} == {"Shop | Ltd"}
    assert {row["contact"] for row in rows} == {processing.NOT_STATED}


def test_the_graph_leads_from_each_source_to_each_recipient(changed: Settings) -> None:
    record = gathered(changed)
    lines = processing_texts.graph(record).splitlines()
    assert lines[0] == "flowchart LR"
    (into,) = [line for line in lines if '["crm_contacts"]' in line]
    assert into.endswith("| lake") and "direct identifier" in into
    ends = [line for line in lines if line.endswith('[/"klaviyo"/]')]
    assert len(ends) == 2 and len({line.split("| ")[-1] for line in ends}) == 1
    odd = replace(record, activities=(replace(record.activities[0], name='a"]; <b> & c'),))
    assert '["a&quot;]; &lt;b> &amp; c"]' in processing_texts.graph(odd)


def test_the_markdown_has_graph_periods_and_cells_without_bars(changed: Settings) -> None:
    text = processing_texts.markdown(gathered(changed), PERIODS)
    assert "```mermaid" in text and "Controller: Shop | Ltd" in text
    assert "Logs stay 12 days, snapshots of the lake 11 days." in text
    assert "### partner_feed" in text and "- Recipient: klaviyo" in text
    assert processing_texts.table(["a"], [["x|y\nz"]])[-1] == "| x\\|y z |"


@pytest.mark.slow
def test_a_former_sync_is_listed_while_its_destination_has_rows(home: Settings) -> None:
    with warehouse.connect(home) as lake:
        lake.execute(
            "create table lake.activation.sync_snapshot as select unnest(['old_list', 'old_list',"
            " 'newsletter_file']) as sync"
        )
    (found,) = gathered(home).of_kind(processing.FORMER)
    assert found.name == "old_list" and "2 row(s)" in found.description


@pytest.mark.slow
def test_the_command_writes_every_file_twice_alike(
    home: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "records"
    names = {"flows.md", "flows.mmd", "records.csv", "records.json", "models.md", "models.json"}
    assert run(["privacy", "flows", "--to", str(to)]) == 0
    first = {path.name: path.read_bytes() for path in to.iterdir()}
    assert set(first) == names
    assert run(["privacy", "flows", "--to", str(to)]) == 0
    assert {path.name: path.read_bytes() for path in to.iterdir()} == first
    assert b"the model was not trained in this home" in first["models.md"]
    capsys.readouterr()
    assert run(["privacy", "flows", "--to", str(to / "flows.md")]) == 2
    assert "is no folder" in capsys.readouterr().err


def group(trait: str, name: str, gap: float, auc: float | None, share: float) -> GroupFigures:
    def interval(value: float) -> Interval:
        return Interval(value, value - 0.1, value + 0.1)

    return GroupFigures(
        trait, name, 50, 0.2, interval(auc) if auc is not None else None, interval(gap),
        {"act": interval(share)}, ("is ranked worse",) if name == "u" else (),
    )  # fmt: skip


def test_the_gaps_are_those_of_the_audit() -> None:
    audit = Audit(
        (
            group("gender", "f", 0.02, 0.8, 0.5),
            group("gender", "u", -0.07, 0.7, 0.2),
            group("country", "DE", 0.01, None, 0.3),
        ),
        {"act": 0.5},
        {"gender": 1, "age_band": 4},
    )
    found = {gap.trait: gap for gap in impact.gaps_of(audit.as_json())}
    gender = found["gender"]
    assert (gender.groups, gender.too_small) == (2, 1)
    assert gender.calibration == pytest.approx(0.07)
    assert gender.ranking == pytest.approx(0.1)
    assert gender.selection == pytest.approx(0.4)
    assert gender.remarks == ("u is ranked worse",)
    country = found["country"]
    assert (country.ranking, country.selection) == (None, None)
    assert (found["age_band"].groups, found["age_band"].calibration) == (0, None)
    summary = impact.ImpactSummary(
        "m", "Text.", "3",
        {"usual_city": ColumnClass.quasi_identifier, "sessions_30d": ColumnClass.none},
        ("s",), (), tuple(found.values()),
    )  # fmt: skip
    assert summary.sensitive == ["usual_city"]
    assert summary.proxies == {"usual_city": "income"}
    text = impact.markdown([summary])
    assert "| gender | 2 | 1 | 0.070 | 0.100 | 0.400 | u is ranked worse |" in text
    assert "| age_band | 0 | 4 | not known |" in text
