"""Every column of the models, of the sources and of the product's own relations has a class."""

from __future__ import annotations

from pathlib import Path

import pytest

from activation import published
from segmentry import class_check, classes, warehouse
from segmentry.class_check import LakeColumn
from segmentry.classes import ColumnClass
from segmentry.errors import ConfigError
from segmentry.settings import ROOT, Settings

FOLDER = ROOT / "dbt_project" / "classes"


def known() -> classes.Classes:
    return classes.load(Settings.from_environment({}))


def test_each_schema_of_the_lake_has_a_file() -> None:
    assert {path.stem for path in FOLDER.glob("*.yml")} == set(warehouse.SCHEMAS)


def test_no_column_of_a_model_or_source_is_without_a_class() -> None:
    columns = set(class_check.documented(ROOT / "dbt_project"))
    assert len(columns) > 1000
    assert class_check.without_class(known(), columns) == []


def test_no_column_of_what_activation_writes_is_without_a_class() -> None:
    columns = [
        LakeColumn("activation", relation, definition.split()[0])
        for relation, text in published.COLUMNS.items()
        for definition in text.split(", ")
    ]
    assert class_check.without_class(known(), columns) == []


def test_what_names_a_person_is_a_direct_identifier_wherever_it_is() -> None:
    found = {
        str(column): known().of(*column)
        for column in class_check.documented(ROOT / "dbt_project")
        if column.column in {"email", "phone", "first_name", "last_name", "identifier", "_raw"}
    }
    assert found
    assert set(found.values()) == {ColumnClass.direct_identifier}


def test_a_column_that_no_file_names_counts_as_a_direct_identifier() -> None:
    found = known()
    assert found.stated("profiles", "profiles", "shoe_size_of_a_new_source") is None
    assert found.of("profiles", "profiles", "shoe_size_of_a_new_source") is (
        ColumnClass.direct_identifier
    )
    assert found.of("another_schema", "x", "country") is ColumnClass.direct_identifier
    forgotten = LakeColumn("marts", "orders", "gift_note")
    assert class_check.without_class(found, [forgotten]) == [forgotten]


def test_the_own_relation_comes_before_the_schema_and_a_name_before_a_pattern(
    tmp_path: Path,
) -> None:
    path = tmp_path / "marts.yml"
    path.write_text(
        "direct_identifier: ['*_name', refunds.note]\nnone: [page_name, note]\n", encoding="utf-8"
    )
    found = classes.read_file(path)
    assert found.of("events", "page_name") is ColumnClass.none
    assert found.of("events", "court_name") is ColumnClass.direct_identifier
    assert found.of("events", "note") is ColumnClass.none
    assert found.of("refunds", "note") is ColumnClass.direct_identifier
    assert found.of("refunds", "amount") is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("secret: [email]\n", "'secret' is no class"),
        ("none: [city]\nsensitive: [city]\n", "'city' is listed twice"),
        ("none: city\n", "none is no list of names"),
        ("- email\n", "no mapping"),
    ],
)
def test_a_faulty_file_is_named(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "marts.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=named):
        classes.read_file(path)
