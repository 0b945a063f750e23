"""Finds each candidate's parameters with Optuna, judged on the validation part, within trials and seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ml import losses, pipeline
from ml.candidates import Candidate
from ml.dataset import TrainingSet
from ml.policy import TrainingPolicy


@dataclass(frozen=True)
class Trial:
    """One fit: its parameters and its mean loss on the validation part (less is better)."""

    parameters: Mapping[str, Any]
    loss: float
    seconds: float


@dataclass(frozen=True)
class Found:
    """The best fit of one candidate, and every trial it took."""

    candidate: str
    fitted: Any
    best: Trial
    trials: list[Trial] = field(default_factory=list)
    is_cut_short: bool = False


def search(candidate: Candidate, data: TrainingSet, policy: TrainingPolicy, deadline: float) -> Found:
    """Try the defaults, then up to ``policy.trials`` sets of parameters while time.monotonic() is before deadline.

    The seed fixes the order of trials, so only a search that hits its deadline can differ between two machines.
    """
    first, fitted = _fit(candidate, {}, data, policy)
    best, trials, is_cut_short = first, [first], False
    study = _study(policy.seed)
    for _ in range(policy.trials if candidate.space else 0):
        if time.monotonic() + first.seconds > deadline:
            is_cut_short = True
            break
        asked = study.ask()
        trial, pipe = _fit(candidate, _suggest(asked, candidate), data, policy)
        study.tell(asked, trial.loss)
        trials.append(trial)
        if trial.loss < best.loss:
            best, fitted = trial, pipe
    return Found(candidate.name, fitted, best, trials, is_cut_short)


def _study(seed: int) -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=3))


def _suggest(asked: Any, candidate: Candidate) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for name, (kind, low, high) in candidate.space.items():
        if kind == "int":
            chosen[name] = asked.suggest_int(name, int(low), int(high))
        else:
            chosen[name] = asked.suggest_float(name, low, high, log=kind == "log")
    return chosen


def _fit(
    candidate: Candidate, parameters: Mapping[str, Any], data: TrainingSet, policy: TrainingPolicy
) -> tuple[Trial, Any]:
    started = time.monotonic()
    pipe = pipeline.build(candidate.make(parameters, policy), data.menu)
    pipe.fit(data.train.features, data.train.labels)
    loss = float(losses.each(pipe, data.validation).mean())
    return Trial(dict(parameters), loss, time.monotonic() - started), pipe
