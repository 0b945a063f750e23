"""What every kind of model can do: the interface that stages, lifecycle and impact call.

A model goes from its spec to a fit, from there to an evaluation, a card and gates (`train`), and
from a champion to its rows in the lake (`score`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pandas as pd

from ml.data import frames, population
from ml.estimators import Model
from ml.evaluate.gates import PromotionVerdict
from ml.registry.protocols import ModelVersion
from ml.registry.tracking import Tracker
from ml.spec import Spec
from segmentry import clock
from segmentry.settings import Settings
from segmentry.stages import RunContext, StageReport

TableRow = dict[str, Any]  # of a table that is printed, or written as JSON
SpecKind = TypeVar("SpecKind", bound=Spec)


@dataclass(frozen=True)
class Proposal:
    """What a version would write to profiles: its rows by profile id, and which columns they
    are.
    """

    rows: pd.DataFrame
    columns: list[str]


class Trainer(ABC, Generic[SpecKind]):
    """Trains and scores one model."""

    def __init__(self, spec: SpecKind) -> None:
        self.spec = spec

    def tracker(self, settings: Settings) -> Tracker:
        """The model's experiment and registry."""
        return Tracker(settings, self.spec.name)

    def people(self, context: RunContext, model: Model) -> pd.DataFrame:
        """The model's population at the context's time, with the features that the model reads."""
        with frames.published(context.settings) as (lake, _):
            return population.read(lake, self.spec, clock.of(context), model)

    @abstractmethod
    def train(self, context: RunContext) -> StageReport:
        """Train as of the context's time, and promote what passes the gates.

        The same spec, policy, time and data give the same training key; a complete run with that
        key is used again.
        """

    @abstractmethod
    def score(self, context: RunContext) -> StageReport:
        """Write the champion's rows; the same champion, time and content change nothing."""

    @abstractmethod
    def verdict(self, context: RunContext, version: ModelVersion) -> PromotionVerdict:
        """How a version does at every gate, today."""

    @abstractmethod
    def compare(self, context: RunContext, versions: Mapping[str, ModelVersion]) -> list[TableRow]:
        """One row per metric, with a figure of each of the versions, which are named by their
        role.
        """

    @abstractmethod
    def propose(self, context: RunContext, version: ModelVersion) -> Proposal:
        """What the version would write, without writing it."""
