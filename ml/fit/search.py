"""Finds each candidate's parameters with Optuna, judged on the validation part, within trials and
seconds.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ml.data.dataset import DataRefused, TrainingSet
from ml.estimators import Array, Matrix, Model, Parameters, Preparation
from ml.evaluate import losses
from ml.fit import pipeline
from ml.fit.candidates import Candidate
from ml.policy import TrainingPolicy
from ml.spec import Estimator
from segmentry.progress import StepCount

if TYPE_CHECKING:
    import optuna

FITS = "fits of candidates"  # what progress counts
FINALISTS = 2  # candidates that trials are spent on, by their loss with defaults


@dataclass(frozen=True)
class Trial:
    """One fit: its parameters and its mean loss on the validation part (less is better)."""

    parameters: Parameters
    loss: float
    seconds: float


@dataclass(frozen=True)
class BestFit:
    """The best fit of one candidate, and every trial it took."""

    candidate: str
    fitted: Model
    best: Trial
    trials: list[Trial] = field(default_factory=list)
    is_cut_short: bool = False


@dataclass(frozen=True)
class PreparedPart:
    """A part of a training set as estimators take it."""

    features: Matrix
    labels: Array


class Prepared:
    """The parts of a training set as estimators take them: each way of preparing is fitted once,
    for all trials.
    """

    def __init__(self, data: TrainingSet) -> None:
        self.data = data
        self._kept: dict[str, tuple[Preparation, PreparedPart, PreparedPart]] = {}

    def parts(self, estimator: Estimator) -> tuple[Preparation, PreparedPart, PreparedPart]:
        """The fitted preparation an estimator needs, and what it makes of the train and the
        validation part.
        """
        prepare = pipeline.preparation(estimator, self.data.feature_set)
        kind = repr(prepare.transformers)
        if kind not in self._kept:
            train = self.data.train
            validation = self.data.validation
            made = prepare.fit_transform(train.features), prepare.transform(validation.features)
            self._kept[kind] = (
                prepare,
                PreparedPart(made[0], train.labels),
                PreparedPart(made[1], validation.labels),
            )
        return self._kept[kind]


@dataclass(frozen=True)
class Dropped:
    """A candidate or a back-test period that could not be fitted, and the kind of error raised."""

    candidate: str
    reason: str


@dataclass(frozen=True)
class Searched:
    """The candidates that were fitted, in the order given, and those that could not be."""

    found: list[BestFit]
    dropped: list[Dropped]

    @property
    def best(self) -> BestFit:
        """The one with the least loss."""
        return min(self.found, key=lambda f: f.best.loss)


def search_each(
    attempts: Sequence[tuple[Candidate, TrainingPolicy]],
    prepared: Prepared,
    deadline: float,
    steps: StepCount | None = None,
) -> Searched:
    """Search every candidate by its policy; one that raises is dropped. steps: those of a search
    that this is a part of.

    Raises DataRefused when none is left. Texts of errors may quote data, so the kind alone is kept.
    """
    found: list[BestFit] = []
    dropped: list[Dropped] = []
    steps = steps or StepCount(FITS, sum(1 + _most(*attempt) for attempt in attempts), deadline)
    for candidate, policy in attempts:
        try:
            best = search(candidate, prepared, policy, deadline, steps=steps)
        except Exception as error:  # a library may raise anything on data that it cannot fit
            dropped.append(Dropped(candidate.name, type(error).__name__))
            continue
        if math.isfinite(best.best.loss):
            found.append(best)
        else:
            dropped.append(Dropped(candidate.name, "its loss is not a number"))
    if not found:
        reasons = "; ".join(f"{each.candidate}: {each.reason}" for each in dropped)
        raise DataRefused(f"no candidate can be fitted on these data ({reasons})")
    return Searched(found, dropped)


def search_all(
    candidates: Sequence[Candidate], prepared: Prepared, policy: TrainingPolicy, deadline: float
) -> Searched:
    """Fit every candidate with its defaults; the trials go to the best of them alone, the others
    are stopped early.
    """
    plain = replace(policy, trials=0)
    most = sorted((_most(candidate, policy) for candidate in candidates), reverse=True)
    steps = StepCount(FITS, len(candidates) + sum(most[:FINALISTS]), deadline)
    searched = search_each([(each, plain) for each in candidates], prepared, deadline, steps)
    found = searched.found
    by_name = {candidate.name: candidate for candidate in candidates}
    for place in sorted(range(len(found)), key=lambda n: found[n].best.loss)[:FINALISTS]:
        begun = found[place]
        found[place] = search(by_name[begun.candidate], prepared, policy, deadline, begun, steps)
    return searched


def search(
    candidate: Candidate,
    prepared: Prepared,
    policy: TrainingPolicy,
    deadline: float,
    begun: BestFit | None = None,
    steps: StepCount | None = None,
) -> BestFit:
    """Try the defaults, then up to ``policy.trials`` sets of parameters while time.monotonic() is
    before deadline.

    begun: the fit with the defaults, if they were tried before. steps: what counts each fit. The
    seed fixes the order of trials, so only a search that hits its deadline can differ between two
    machines.
    """
    most = _most(candidate, policy)
    steps = steps or StepCount(FITS, 1 + most, deadline)
    first, fitted = (begun.best, begun.fitted) if begun else _fit(candidate, {}, prepared, policy)
    steps.advance(0 if begun else 1)
    best = first
    trials = [first]
    is_cut_short = False
    if not most:
        return BestFit(candidate.name, fitted, best, trials)
    import optuna

    study = _study(candidate, policy)
    for _ in range(most):
        if time.monotonic() + first.seconds > deadline:
            is_cut_short = True
            break
        asked = study.ask()
        try:
            trial, pipe = _fit(candidate, _suggest(asked, candidate), prepared, policy)
        except Exception:  # parameters that these data cannot be fitted with; the defaults can
            study.tell(asked, state=optuna.trial.TrialState.FAIL)
            continue
        finally:
            steps.advance()
        study.tell(asked, trial.loss)
        trials.append(trial)
        if trial.loss < best.loss:
            best = trial
            fitted = pipe
    return BestFit(candidate.name, fitted, best, trials, is_cut_short)


def _study(candidate: Candidate, policy: TrainingPolicy) -> optuna.Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=policy.seed, n_startup_trials=3)
    )
    for point in _grid(candidate, policy.seed) if policy.search == "grid" else []:
        study.enqueue_trial(point)
    return study


def _most(candidate: Candidate, policy: TrainingPolicy) -> int:
    if not candidate.space:
        return 0
    return (
        min(policy.trials, 3 ** len(candidate.space)) if policy.search == "grid" else policy.trials
    )


def _grid(candidate: Candidate, seed: int) -> list[dict[str, float]]:
    """The ends and the middle of each parameter's range, in every combination, in an order that the
    seed decides.
    """
    ranges = []
    for kind, low, high in candidate.space.values():
        values = [low, math.sqrt(low * high) if kind == "log" else (low + high) / 2, high]
        ranges.append([int(value) for value in values] if kind == "int" else values)
    points = [
        dict(zip(candidate.space, point, strict=True)) for point in itertools.product(*ranges)
    ]
    return [points[place] for place in np.random.default_rng(seed).permutation(len(points))]


def _suggest(asked: optuna.Trial, candidate: Candidate) -> dict[str, float]:
    chosen: dict[str, float] = {}
    for name, (kind, low, high) in candidate.space.items():
        if kind == "int":
            chosen[name] = asked.suggest_int(name, int(low), int(high))
        else:
            chosen[name] = asked.suggest_float(name, low, high, log=kind == "log")
    return chosen


def _fit(
    candidate: Candidate, parameters: Parameters, prepared: Prepared, policy: TrainingPolicy
) -> tuple[Trial, Model]:
    started = time.monotonic()
    estimator = candidate.make(parameters, policy)
    prepare, train, validation = prepared.parts(estimator)
    fitted = estimator.fit(train.features, train.labels)
    loss = float(losses.each(fitted, validation).mean())
    return Trial(dict(parameters), loss, time.monotonic() - started), pipeline.joined(
        prepare, fitted
    )
