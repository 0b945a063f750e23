"""What ml asks of MLflow's runs and versions of models: for the tracker and who is given one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class RunInfo(Protocol):
    """What identifies a run."""

    @property
    def run_id(self) -> str:
        """MLflow's id."""


class RunData(Protocol):
    """What a run logged."""

    @property
    def metrics(self) -> Mapping[str, float]:
        """Figures, the last of each name."""

    @property
    def params(self) -> Mapping[str, str]:
        """Parameters, as text."""

    @property
    def tags(self) -> Mapping[str, str]:
        """Tags, ours with the prefix ``segmentry.``."""


class TrackedRun(Protocol):
    """A run."""

    @property
    def info(self) -> RunInfo:
        """What identifies it."""

    @property
    def data(self) -> RunData:
        """What it logged."""


class ModelVersion(Protocol):
    """A registered version of a model."""

    @property
    def version(self) -> str:
        """Its number."""

    @property
    def run_id(self) -> str:
        """The run that trained it."""

    @property
    def source(self) -> str:
        """Where its files are."""

    @property
    def tags(self) -> Mapping[str, str]:
        """Tags, those of its run that begin with ``segmentry.`` among them."""


class ModelRegistry(Protocol):
    """The versions of one model, to read."""

    def at_alias(self, alias: str = "champion", /) -> ModelVersion | None:
        """The version with the alias, or None; None too if its files are missing."""

    def versions(self) -> list[ModelVersion]:
        """Every registered version, the newest first."""

    def published(self) -> ModelVersion | None:
        """What gives the scores: the champion, or the plain rule while there is none."""

    def metrics(self, version: ModelVersion, /) -> Mapping[str, float]:
        """Figures of the run that trained a version, the last of each name."""
