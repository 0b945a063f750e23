"""Relations that activation names by themselves exist: one that is renamed must not be passed over
in silence.
"""

from __future__ import annotations

from activation import audience_texts, consent, published, withdrawals
from segmentry.settings import ROOT
from segmentry.withdrawals import MODELS, SUPPRESSED


def models() -> set[str]:
    """Every relation that a model of the project makes, with its schema."""
    layers = ROOT / "dbt_project" / "models"
    found = {
        f"{path.relative_to(layers).parts[0]}.{path.stem}"
        for path in layers.rglob("*")
        if path.suffix in {".sql", ".py"}
    }
    return found | {f"activation.{name}" for name in published.COLUMNS}


def test_the_list_of_who_must_not_be_reached_is_made_by_a_model() -> None:
    assert f"- name: {SUPPRESSED}\n" in audience_texts.SUPPRESSED_YML
    there = {*models(), f"audiences.{SUPPRESSED}"}
    for named in (
        withdrawals.REFUSAL_SOURCES,
        consent.RELATIONS,
        consent.STANDINGS,
        [f"marts.{name}" for name in MODELS],
    ):
        assert set(named) <= there
