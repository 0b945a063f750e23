"""What `segmentry sources new` writes, and what it refuses."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from segmentry import registry
from segmentry.errors import SegmentryError, SourceError, UsageError
from segmentry.settings import Settings
from sources import checking, scaffold
from sources.definitions import source_named

ORDERS = (
    "Bestellnr;Bestelldatum;Kundenmail;Summe;Bestellstatus\n"
    "B1;31.12.2025;ann@shop.test;1.250,50;bezahlt\nB2;01.01.2026;bob@shop.test;9,00;storniert\n"
)
CONTACTS = (
    "Contact No,E-Mail,First Name,Last Modified\n1,ann@shop.test,Ann,2026-01-01\n"
    "2,bob@shop.test,Bob,2026-01-02\n"
)
PRODUCTS = "SKU,Title,Category,Price,Updated\n1,Lamp,Home,9.50,2026-01-01\n"
EVENTS = "Customer No,Event Name,Date\nu1,Product Viewed,2026-01-01\nu2,Seen,2026-01-01\n"
CONSENTS = (
    "E-Mail,Purpose,Channel,Decision,Date\nann@shop.test,marketing,email,ja,2026-01-01\n"
    "bob@shop.test,marketing,email,abgemeldet,2026-01-02\n"
)
POINTS = (
    "Booking No,Loyalty Id,E-Mail,Points,Booked At\nb1,L1,ann@shop.test,5,31.12.2025 10:00\n"
    "b2,L2,bob@shop.test,7,01.01.2026 10:00\n"
)


@pytest.fixture
def copy(home: Settings, tmp_path: Path) -> Settings:
    """The repository's configuration and project, which a test may add to."""
    shutil.copytree(home.config, tmp_path / "config")
    shutil.copytree(home.dbt_project, tmp_path / "dbt")
    return replace(home, config=tmp_path / "config", dbt_project=tmp_path / "dbt")


def made(
    settings: Settings, text: str, name: str | None = None, kind: str | None = None
) -> scaffold.NewSource:
    path = settings.home / "export.csv"
    path.write_text(text, encoding="utf-8")
    return scaffold.new_source(settings, str(path), name, kind)


def written(settings: Settings, name: str) -> dict[str, Any]:
    text = (settings.config / "sources" / f"{name}.yml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def every_file(settings: Settings) -> set[Path]:
    return {
        path for folder in (settings.config, settings.dbt_project) for path in folder.rglob("*")
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (ORDERS, "orders"),
        (CONTACTS, "crm_contacts"),
        (PRODUCTS, "products"),
        (EVENTS, "events"),
        (CONSENTS, "consents"),
        (POINTS, None),
    ],
)
def test_a_file_is_what_it_looks_like_and_is_read_at_once(
    copy: Settings, text: str, kind: str | None
) -> None:
    source = made(copy, text)
    assert (source.name, source.kind) == ("export", kind)
    assert len(source.files) == (7 if kind is None else 1)
    assert len(source.commands) == 3 and "--source export" in source.commands[0]
    mapping = source_named(copy, "export").mapping
    assert (mapping.kind if mapping else None) == kind
    report = checking.check(copy, str(copy.home / "export.csv"), "export")
    assert (report.status, report.problems, report.records) == ("landed", 0, text.count("\n") - 1)


@pytest.mark.slow
def test_formats_are_proposed_where_the_sample_shows_them(copy: Settings) -> None:
    source = made(copy, ORDERS, "shop")
    assert source.notes == (
        "its keys begin with shop: give all sources of one system the same keys",
    )
    content = written(copy, "shop")
    assert content["formats"] == {
        "ordered_at": {"date_format": "%d.%m.%Y"},
        "total": {"decimal": ","},
        "status": {"values": {"bezahlt": "completed", "storniert": "cancelled"}},
    }
    assert (content["keys"], content["delimiter"]) == ("shop", ";")


def test_an_own_source_is_landed_and_claims(copy: Settings) -> None:
    made(copy, POINTS, "points")
    assert "points" in registry.landed_sources(copy)
    assert registry.claim_relations(copy)["points"] == ["stg_points__records", "booked_at"]
    assert source_named(copy, "points").known.names == (
        "booking_no", "loyalty_id", "e_mail", "points", "booked_at",
    )  # fmt: skip
    assert source_named(copy, "points").known.required == ("booking_no", "booked_at")


def test_whatever_identifiers_a_record_has_are_put_together(copy: Settings) -> None:
    made(copy, "User Id,E-Mail,Handy,At\nu,a@b.test,+49 151 2345678,2026-01-01\n", "odd")
    sql = (copy.dbt_project / "models/identity/claims/claims__odd.sql").read_text("utf-8")
    for link in (
        "['form', 'email', 'phone'],",
        "['form', 'email', 'user_id'],",
        "['form', 'phone', 'user_id', 'email is null'],",
    ):
        assert f"        {link}\n" in sql


@pytest.mark.slow
def test_unknown_words_and_opt_outs_are_noted(copy: Settings) -> None:
    rows = "".join(f"{one},2026-01-01,a{one}@b.test,5,{'xy'[one % 2]},no\n" for one in range(9))
    source = made(copy, f"Order No,Date,Mail,Total,Status,Do Not Mail\n{rows}")
    notes = "\n".join(source.notes)
    assert "Status: 2 of its words are unknown to orders" in notes
    assert "Do Not Mail may be an opt-out" in notes


def test_a_person_may_state_what_the_file_is(copy: Settings) -> None:
    source = made(copy, "E-Mail,Status,Date\nann@shop.test,yes,2026-01-01\n", "news", "consents")
    assert written(copy, "news")["constants"] == {
        "identifier_type": "email",
        "purpose": "any",
        "channel": "email",
    }
    notes = "\n".join(source.notes)
    assert "purpose is 'any' in every record" in notes
    assert "grants are quarantined until constants.purpose names it" in notes


@pytest.mark.parametrize(
    ("text", "name", "kind", "error", "received"),
    [
        (POINTS, "orders", None, UsageError, "the name 'orders' is taken"),
        (POINTS, "Points", None, UsageError, "the name 'Points'"),
        (POINTS, "points", "invoices", UsageError, "--as is 'invoices'"),
        (POINTS, "points", "products", SourceError, "no column for product_id, name"),
        ("a,b\n1,2\n", "points", None, SourceError, "no column of export.csv names a person"),
        ("", "points", None, SourceError, "it contains no record"),
        ("a@b.test,1\nc@d.test,2\n", "points", None, SourceError, "is no header"),
    ],
)
def test_wrong_input_is_refused_and_writes_nothing(
    copy: Settings,
    text: str,
    name: str,
    kind: str | None,
    error: type[SegmentryError],
    received: str,
) -> None:
    before = every_file(copy)
    with pytest.raises(error) as caught:
        made(copy, text, name, kind)
    assert received in caught.value.received
    assert caught.value.allowed and caught.value.remedy
    assert caught.value.exit_code == (2 if error is UsageError else 1)
    assert every_file(copy) == before


def test_nothing_is_overwritten(copy: Settings) -> None:
    made(copy, POINTS, "points")
    before = {path: path.stat().st_mtime_ns for path in every_file(copy)}
    with pytest.raises(UsageError, match="'points' is taken"):
        made(copy, POINTS, "points")
    assert {path: path.stat().st_mtime_ns for path in every_file(copy)} == before


def test_names_that_sql_reserves_or_staging_gives_are_renamed(copy: Settings) -> None:
    made(copy, 'order,Occurred At,E-Mail,1st,Größe,x"y\n1,2026-01-01,a@b.test,2,L,3\n', "odd")
    names = source_named(copy, "odd").known.names
    assert names == ("order", "Occurred At", "e_mail", "1st", "Größe")
    sql = (copy.dbt_project / "models/staging/odd/stg_odd__records.sql").read_text("utf-8")
    for name in ("order_stated", "occurred_at_stated", "n1st", "groesse"):
        assert f"    {name},\n" in sql
