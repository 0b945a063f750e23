"""Metrics against scikit-learn's and against cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from ml.evaluate import metrics
from ml.spec import Costs

RANDOM = np.random.default_rng(4)
SCORES = np.round(RANDOM.random(500), 2)  # rounded, so that there are ties
LABELS = (RANDOM.random(500) < SCORES).astype(int)


def test_areas_equal_scikit_learn() -> None:
    assert metrics.roc_auc(LABELS, SCORES) == pytest.approx(reference.roc_auc_score(LABELS, SCORES))
    assert metrics.average_precision(LABELS, SCORES) == pytest.approx(
        reference.average_precision_score(LABELS, SCORES)
    )
    assert metrics.log_loss(LABELS, SCORES) == pytest.approx(
        reference.log_loss(LABELS, np.clip(SCORES, 1e-6, 1 - 1e-6))
    )
    assert metrics.f1(LABELS, SCORES, 0.5) == pytest.approx(
        reference.f1_score(LABELS, SCORES >= 0.5)
    )


def test_one_class_has_no_auc() -> None:
    assert np.isnan(metrics.roc_auc(np.zeros(5), np.arange(5)))


def test_calibration_error_of_true_probabilities_is_what_chance_shows() -> None:
    honest = metrics.calibration_error(LABELS, SCORES)
    boastful = metrics.calibration_error(LABELS, np.where(SCORES > 0.5, 0.99, 0.01))
    assert honest <= metrics.chance_calibration_error(SCORES, seed=1) < boastful


def test_cost_weighs_missed_cases_against_contacts() -> None:
    costs = Costs(contact=1, missed=10, saved=0.5)
    labels = np.array([1, 0])
    scores = np.array([0.9, 0.1])
    assert metrics.cost_per_person(labels, scores, 0.5, costs) == pytest.approx((1 + 5) / 2)
    assert metrics.cost_per_person(labels, scores, 1.0, costs) == pytest.approx(10 / 2)


def test_paired_gain_sees_a_small_difference_that_separate_intervals_hide() -> None:
    worse = SCORES + RANDOM.normal(0, 0.15, SCORES.size)
    samples = metrics.draws(SCORES.size, 200, seed=1)
    gain = metrics.paired_gain(metrics.roc_auc, LABELS, SCORES, worse, samples, 0.95)
    ours, theirs = (metrics.interval(metrics.roc_auc, LABELS, s, samples) for s in (SCORES, worse))
    assert gain.low > 0
    assert ours.low < theirs.high
    assert metrics.paired_gain(metrics.roc_auc, LABELS, SCORES, SCORES, samples, 0.95).low == 0


def test_lift_of_a_perfect_order_is_one_over_the_rate() -> None:
    labels = np.array([1] * 10 + [0] * 90)
    assert metrics.lift(labels, labels.astype(float)) == pytest.approx(10.0)
