"""The audit of a model by groups of people: each kind of unequal treatment is named, and chance is
not.
"""

from __future__ import annotations

from datetime import date, datetime

import duckdb
import numpy as np
import pandas as pd
import pytest

from ml.data import traits
from ml.data.dataset import Part
from ml.evaluate import fairness, thresholds
from ml.evaluate.fairness import Audit
from ml.policy import TrainingPolicy
from segmentry.settings import Settings

SIZE = 1200
POLICY = TrainingPolicy()
AS_OF = datetime(2026, 6, 30)
THRESHOLDS = {"likely_buyers": 0.6}


def shop(seed: int = 5) -> tuple[Part, np.ndarray, pd.DataFrame]:
    """Calibrated scores of three groups of one trait that are treated alike."""
    random = np.random.default_rng(seed)
    scores = random.beta(0.6, 0.6, SIZE)
    labels = (random.random(SIZE) < scores).astype(np.int64)
    people = pd.DataFrame({"profile_id": [f"p{n}" for n in range(SIZE)], "as_of": AS_OF})
    groups = np.array(["red", "green", "blue"], dtype=object)[np.arange(SIZE) % 3]
    return (
        Part(people, pd.DataFrame(index=people.index), labels),
        scores,
        pd.DataFrame({"profile_id": people["profile_id"], "colour": groups}),
    )


def audited(part: Part, scores: np.ndarray, known: pd.DataFrame) -> Audit:
    return fairness.audit(part, scores, known, THRESHOLDS, POLICY)


@pytest.mark.parametrize("seed", range(6))
def test_groups_that_are_treated_alike_are_not_accused(seed: int) -> None:
    found = audited(*shop(seed))
    assert [group.name for group in found.groups] == [
        "colour=blue", "colour=green", "colour=red",
    ]  # fmt: skip
    assert found.remarks == []
    for group in found.groups:
        assert group.rows == SIZE // 3
        assert group.auc is not None
        assert group.auc.low <= group.auc.value <= group.auc.high
        assert abs(group.calibration_gap.value) < 0.08


@pytest.mark.parametrize(("shift", "word"), [(-0.25, "too low"), (0.25, "too high")])
def test_a_group_whose_scores_are_off_is_named(shift: float, word: str) -> None:
    part, scores, known = shop()
    ours = np.where(known["colour"] == "green", np.clip(scores + shift, 0, 1), scores)
    found = audited(part, ours, known)
    (text,) = [text for text in found.remarks if "is scored" in text]
    assert text.startswith(f"colour=green is scored {word} by ")


def test_a_group_that_is_selected_less_is_named_with_its_true_share() -> None:
    part, scores, known = shop()
    ours = np.where(known["colour"] == "red", scores * 0.65, scores)
    remarks = audited(part, ours, known).remarks
    (text,) = [text for text in remarks if "is selected by likely_buyers less" in text]
    assert text.startswith("colour=red ")
    assert "true share" in text


def test_a_small_group_without_a_selected_person_is_not_accused() -> None:
    part, scores, known = shop()
    low = np.where(scores < 0.9, 0.0, scores) * (np.arange(SIZE) % 7 == 0)
    known["colour"] = ["few" if n < 65 else "many" for n in range(SIZE)]
    ours = np.where(known["colour"] == "few", 0.0, low)
    found = audited(part, ours, known)
    few = next(group for group in found.groups if group.group == "few")
    assert few.selected["likely_buyers"].value == 0
    assert few.selected["likely_buyers"].high == pytest.approx(2.7055 / (65 + 2.7055), abs=1e-3)
    assert not [text for text in found.remarks if "selected" in text]


def test_a_group_in_which_scores_mean_nothing_is_named() -> None:
    part, scores, known = shop()
    shuffled = np.random.default_rng(1).permutation(scores)
    ours = np.where(known["colour"] == "blue", shuffled, scores)
    (text,) = [text for text in audited(part, ours, known).remarks if "ranked worse" in text]
    assert text.startswith("colour=blue is ranked worse: AUC ")


def test_small_groups_are_counted_and_not_judged() -> None:
    part, scores, known = shop()
    known["colour"] = ["rare" if n < 59 else "other" if n < 118 else "usual" for n in range(SIZE)]
    found = audited(part, scores, known)
    assert [group.group for group in found.groups] == ["usual"]
    assert found.too_small == {"colour": 2}
    card = "\n".join(fairness.lines(found, POLICY))
    assert "groups with fewer than 60 rows, not judged: colour 2" in card
    assert "rare" not in card


def test_a_group_with_one_outcome_has_no_auc_and_the_card_prints_it() -> None:
    part, scores, known = shop()
    labels = np.where(known["colour"] == "blue", 0, part.labels)
    found = audited(Part(part.keys, part.features, labels), scores, known)
    blue = next(group for group in found.groups if group.group == "blue")
    assert blue.auc is None
    assert "| colour | blue | 400 | 0.000 | too few |" in "\n".join(fairness.lines(found, POLICY))


def test_without_traits_the_card_states_so() -> None:
    part, scores, _ = shop()
    found = audited(part, scores, pd.DataFrame(columns=["profile_id", "colour"]))
    assert "no traits are known" in "\n".join(fairness.lines(found, POLICY))


def test_the_limits_are_those_of_the_policy() -> None:
    part, scores, known = shop()
    ours = np.where(known["colour"] == "green", np.clip(scores - 0.25, 0, 1), scores)
    lax = TrainingPolicy(max_group_calibration_gap=0.5, min_selection_ratio=0.1)
    assert fairness.audit(part, ours, known, THRESHOLDS, lax).remarks == []


@pytest.mark.parametrize(
    ("born", "band"),
    [
        (date(2008, 7, 1), "under 18"),
        (date(2008, 6, 30), "18-24"),
        (date(2001, 7, 1), "18-24"),
        (date(2001, 6, 30), "25-34"),
        (date(1961, 7, 1), "55-64"),
        (date(1961, 6, 30), "65 and over"),
        (None, traits.NOT_KNOWN),
    ],
)
def test_the_age_band_is_that_at_the_time_of_the_test(born: date | None, band: str) -> None:
    with duckdb.connect() as lake:
        lake.execute("attach ':memory:' as lake; use lake; create schema identity")
        lake.execute(
            "create table identity.traits as select 'ann' as profile_id, ?::date as birth_date,"
            " null::varchar as gender, 'DE' as country",
            [born],
        )
        lake.execute(
            "create schema features; create table features.features__context as select 'ann' as"
            " profile_id, unnest(['desktop', 'mobile']) as usual_device_type, unnest([timestamp"
            " '2026-04-01', timestamp '2026-06-30']) as as_of"
        )
        (row,) = traits.of_people(lake, AS_OF).to_dict("records")
    assert row == {
        "profile_id": "ann",
        "age_band": band,
        "gender": traits.NOT_KNOWN,
        "country": "DE",
        "device_type": "mobile",
    }


def test_a_trait_without_a_column_is_left_out() -> None:
    with duckdb.connect() as lake:
        lake.execute("attach ':memory:' as lake; use lake; create schema identity")
        lake.execute("create table identity.traits as select 'ann' as profile_id, 'DE' as country")
        known = traits.of_people(lake, AS_OF)
    assert known.to_dict("records") == [{"profile_id": "ann", "country": "DE"}]


def test_selection_is_judged_where_segments_select() -> None:
    settings = Settings.from_environment()
    assert thresholds.of_segments(settings, "churn_score") == {"at_risk_of_churn": 0.7}
    assert thresholds.of_segments(settings, "upsell_score") == {"likely_to_upgrade": 0.6}
    assert thresholds.of_segments(settings, "no_such_score") == {}
