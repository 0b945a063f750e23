"""What a scoring writes of drift, and whether drift bars a promotion: for the trainers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd

from ml.evaluate import backtest, drift
from ml.evaluate.drift import Shift
from ml.evaluate.gates import Gate
from ml.policy import DriftPolicy
from ml.registry.kept import RULE
from ml.registry.protocols import ModelVersion
from ml.registry.store import Write
from ml.registry.tracking import Tracker

SAME_RUN = "model = ? and as_of = ?"
OUTCOMES = (  # where a training notes the outcome of those the champion was tested on
    "segmentry.outcomes"
)
OF_OUTCOMES = f"feature in ('{drift.LABEL}', '{drift.CALIBRATION}')"


def outcomes_at(tracker: Tracker, as_of: datetime) -> dict[str, Any]:
    """What a training at that time noted of outcomes; empty without such a training, or if there
    was no champion to judge.
    """
    found = tracker.noted(OUTCOMES)
    return found if found.get("as_of") == as_of.isoformat() else {}


def drift_writes(
    model: str,
    as_of: datetime,
    version: str,
    moved: list[Shift],
    outcomes: dict[str, Any],
    policy: DriftPolicy,
) -> list[Write]:
    """Writes to observability.drift: of people, in place of those of this run; of outcomes, where
    they are news.
    """
    relation = "observability.drift"
    same = [model, as_of]
    writes = [
        (
            relation,
            f"{SAME_RUN} and not {OF_OUTCOMES}",
            same,
            drift.rows(model, as_of, version, [*moved, *drift.of_features(moved, policy)]),
        )
    ]
    if outcomes:
        found = drift.of_outcomes(outcomes["rate"], outcomes["error"], policy)
        rows = drift.rows(model, as_of, outcomes["version"], found)
        writes.append((relation, f"{SAME_RUN} and {OF_OUTCOMES}", same, rows))
    return writes


def backtest_writes(tracker: Tracker, model: str, version: ModelVersion) -> list[Write]:
    """The write of the version's back-test to ml.model_metrics; none if it was not tested."""
    if not tracker.has_artifact(version.run_id, backtest.ARTIFACT):
        return []
    kept = tracker.artifact(version.run_id, backtest.ARTIFACT)["periods"]
    as_of = datetime.fromisoformat(version.tags["segmentry.as_of"])
    made = backtest.table(model, version.version, as_of, kept)
    same: list[object] = [model, str(version.version), as_of]
    return [("ml.model_metrics", "model = ? and model_version = ? and as_of = ?", same, made)]


def shifts(
    tracker: Tracker,
    champion: ModelVersion,
    people: pd.DataFrame,
    scores: pd.Series,
    policy: DriftPolicy,
) -> list[Shift]:
    """How far today's people and their scores are from those the champion learnt from."""
    # The reference next to a rule is that of the model that was refused.
    if champion.version == RULE or not tracker.has_artifact(champion.run_id, drift.ARTIFACT):
        return []
    return drift.against(
        tracker.artifact(champion.run_id, drift.ARTIFACT),
        people.assign(**{drift.SCORE: scores}),
        policy,
    )


def steadiness(moved: list[Shift], limits: DriftPolicy) -> Gate:
    """The gate on drift: fails where the score, or features that carry it, have drifted too far."""
    found = drift.reasons_against(moved, limits)
    return Gate("drift", not found, "; ".join(found) or drift.summary(moved, limits))
