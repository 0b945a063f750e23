"""Learners of a treatment's effect per person, cross-fitted: two-model, X and DR."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml.data.frames import FeatureSet
from ml.estimators import Estimator, Model
from ml.evaluate.metrics import Vector
from ml.fit import pipeline

FOLDS = 3
# The doubly robust learner is one regression, so it is served as a plain pipeline.
SERVED = "dr"
Flags = np.ndarray[tuple[int], np.dtype[np.bool_]]
Predict = Callable[[pd.DataFrame], Vector]


@dataclass(frozen=True)
class Learning:
    """Rows of a trial, and how to fit a regressor to some of them.

    features: the matrix; treated: one flag per row; outcome: one amount per row.
    """

    features: pd.DataFrame
    treated: Flags
    outcome: Vector
    feature_set: FeatureSet
    estimator: Callable[[], Estimator]
    seed: int

    @property
    def share(self) -> float:
        """Share of the rows that is treated; the propensity, as the treatment is random."""
        return float(self.treated.mean())

    def at(self, rows: np.ndarray) -> Learning:
        """The learning from these rows alone."""
        return Learning(
            self.features.iloc[rows].reset_index(drop=True), self.treated[rows], self.outcome[rows],
            self.feature_set, self.estimator, self.seed,
        )  # fmt: skip

    def regress(self, rows: np.ndarray, target: Vector) -> Model:
        """The regressor fitted to rows of the matrix and a target for each."""
        steps = pipeline.build(self.estimator(), self.feature_set)
        return steps.fit(self.features.iloc[rows], target)

    def arms(self) -> tuple[Model, Model]:
        """Outcome models of the treated rows and of the others."""
        treated = np.flatnonzero(self.treated)
        others = np.flatnonzero(~self.treated)
        return (
            self.regress(treated, self.outcome[treated]),
            self.regress(others, self.outcome[others]),
        )

    def folds(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Rows to fit and rows to predict, each with both groups in the same proportion."""
        from sklearn.model_selection import StratifiedKFold

        split = StratifiedKFold(FOLDS, shuffle=True, random_state=self.seed)
        return list(split.split(self.features, self.treated))


def two_model(data: Learning) -> Predict:
    """The difference of two outcome models (T-learner; Kuenzel et al. 2019, PNAS 116(10))."""
    treated, others = data.arms()
    return lambda rows: np.asarray(treated.predict(rows) - others.predict(rows))


def x_learner(data: Learning) -> Predict:
    """Effects imputed by the other group's model, then weighted by the propensity (same source)."""
    treated, others = data.arms()
    ours = np.flatnonzero(data.treated)
    theirs = np.flatnonzero(~data.treated)
    gained = data.outcome[ours] - others.predict(data.features.iloc[ours])
    missed = treated.predict(data.features.iloc[theirs]) - data.outcome[theirs]
    of_treated = data.regress(ours, gained)
    of_others = data.regress(theirs, missed)
    share = data.share
    return lambda rows: np.asarray(
        share * of_others.predict(rows) + (1 - share) * of_treated.predict(rows)
    )


def pseudo_outcomes(data: Learning) -> Vector:
    """One unbiased, noisy effect per row; the outcome models never saw the row that they correct.

    Kennedy (2023), Electronic Journal of Statistics 17(2): doubly robust scores.
    """
    found = np.zeros(len(data.outcome))
    share = data.share
    for fitted, rows in data.folds():
        treated, others = data.at(fitted).arms()
        features = data.features.iloc[rows]
        if_treated = treated.predict(features)
        if_not = others.predict(features)
        flags = data.treated[rows]
        outcome = data.outcome[rows]
        found[rows] = (
            if_treated
            - if_not
            + np.where(flags, (outcome - if_treated) / share, (if_not - outcome) / (1 - share))
        )
    return found


def dr_model(data: Learning) -> Model:
    """The DR-learner's second stage: a regression of the pseudo-outcomes on the features."""
    return data.regress(np.arange(len(data.outcome)), pseudo_outcomes(data))


def dr_learner(data: Learning) -> Predict:
    """The doubly robust learner's prediction (Kennedy 2023)."""
    model = dr_model(data)
    return lambda rows: np.asarray(model.predict(rows))


def response(data: Learning) -> Predict:
    """The response model that uplift must beat: the outcome of treated people, without control."""
    treated, _ = data.arms()
    return lambda rows: np.asarray(treated.predict(rows))


LEARNERS: dict[str, Callable[[Learning], Predict]] = {
    "two_model": two_model,
    "x": x_learner,
    SERVED: dr_learner,
    "response": response,
}


def out_of_fold(data: Learning) -> dict[str, Vector]:
    """Per learner a prediction for every row, by a fit that did not see the row."""
    found = {name: np.zeros(len(data.outcome)) for name in LEARNERS}
    for fitted, rows in data.folds():
        part = data.at(fitted)
        for name, learner in LEARNERS.items():
            found[name][rows] = learner(part)(data.features.iloc[rows])
    return found


def assignment_scores(data: Learning) -> Vector:
    """Probability of treatment per row, by a classifier that did not see the row."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    found = np.zeros(len(data.outcome))
    for fitted, rows in data.folds():
        trees = HistGradientBoostingClassifier(
            max_iter=40, max_leaf_nodes=6, min_samples_leaf=20, random_state=data.seed
        )
        model = pipeline.build(trees, data.feature_set).fit(
            data.features.iloc[fitted], data.treated[fitted].astype(int)
        )
        found[rows] = model.predict_proba(data.features.iloc[rows])[:, 1]
    return found
