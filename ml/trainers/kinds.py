"""Which trainer a spec has, by its kind: for stages, lifecycle and impact."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from ml.spec import ForecastSpec, ModelSpec, PersonaSpec, Spec, UpliftSpec
from ml.trainers.forecast import ForecastTrainer
from ml.trainers.personas import PersonaTrainer
from ml.trainers.probability import ProbabilityTrainer
from ml.trainers.trainer import Trainer
from ml.trainers.uplift import UpliftTrainer


@singledispatch
def trainer_of(spec: Spec) -> Trainer[Any]:
    """The trainer of a model."""
    raise TypeError(f"there is no trainer of {type(spec).__name__}")


@trainer_of.register
def _of_probability(spec: ModelSpec) -> Trainer[Any]:
    return ProbabilityTrainer(spec)


@trainer_of.register
def _of_forecast(spec: ForecastSpec) -> Trainer[Any]:
    return ForecastTrainer(spec)


@trainer_of.register
def _of_personas(spec: PersonaSpec) -> Trainer[Any]:
    return PersonaTrainer(spec)


@trainer_of.register
def _of_uplift(spec: UpliftSpec) -> Trainer[Any]:
    return UpliftTrainer(spec)
