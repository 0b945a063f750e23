"""Champion and challenger: gates a challenger must pass, and the one step that makes it
champion.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ml import evaluation, metrics, threads
from ml.dataset import Part, TrainingSet
from ml.evaluation import Evaluation
from ml.metrics import Vector
from ml.policy import TrainingPolicy
from ml.spec import ModelSpec
from ml.tracking import Tracker

ROLLED_BACK = "segmentry.rolled_back"  # tag of a version that was champion and is not to be again


@dataclass(frozen=True)
class Gate:
    """One condition of promotion and how it went."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class PromotionVerdict:
    """Whether the challenger may become champion, and why."""

    gates: tuple[Gate, ...]

    @property
    def passed(self) -> bool:
        """Whether every gate passed."""
        return all(g.passed for g in self.gates)

    @property
    def failures(self) -> str:
        """The gates that failed, for an operator."""
        return "; ".join(f"{g.name}: {g.detail}" for g in self.gates if not g.passed)


def judge(
    challenger: Any,
    heuristic: Any,
    champion: Any | None,
    data: TrainingSet,
    spec: ModelSpec,
    policy: TrainingPolicy,
) -> PromotionVerdict:
    """Every gate, on the test part: the newest time, people none of the models was fitted to."""
    part = data.test
    ours, seconds = timed(lambda: evaluation.probabilities(challenger, part), policy)
    rule = evaluation.probabilities(heuristic, part)
    gates = [beats("the heuristic", part, ours, rule, policy), calibrated(part, ours, policy)]
    gates.append(even(spec, part, ours, policy))
    gates.append(fast(seconds, len(part), policy))
    if champion is not None:
        theirs = evaluation.probabilities(champion, fitted_to(champion, part))
        gates.append(beats("the champion", part, ours, theirs, policy))
    return PromotionVerdict(tuple(gates))


def beats(rival: str, part: Part, ours: Vector, theirs: Vector, policy: TrainingPolicy) -> Gate:
    """Better than the rival by more than noise: in ranking, or in log loss while ranking no
    worse.
    """
    samples = metrics.draws(len(part), policy.resamples, policy.seed)
    sure = policy.confidence
    auc = metrics.paired_gain(metrics.roc_auc, part.labels, ours, theirs, samples, sure)
    loss = metrics.paired_gain(metrics.log_loss, part.labels, ours, theirs, samples, sure)
    passed = bool(auc.low > 0 or (loss.high < 0 and auc.value >= 0))
    return Gate(
        f"better than {rival}", passed, f"AUC {_signed(auc.value)} (sure of {_signed(auc.low)})"
    )


def calibrated(part: Part, scores: Vector, policy: TrainingPolicy) -> Gate:
    """Probabilities keep their word: the error is within the policy, or within what chance alone
    would show.
    """
    error = metrics.calibration_error(part.labels, scores)
    allowed = max(
        policy.max_calibration_error, metrics.chance_calibration_error(scores, policy.seed)
    )
    return Gate("calibration", error <= allowed, f"ECE {error:.3f}, allowed {allowed:.3f}")


def even(spec: ModelSpec, part: Part, scores: Vector, policy: TrainingPolicy) -> Gate:
    """No sizeable group is ranked far worse than everybody."""
    overall = metrics.roc_auc(part.labels, scores)
    groups = evaluation.by_group(spec, part, scores)
    worst = min(groups, key=lambda g: groups[g], default=None)
    gap = overall - groups[worst] if worst else 0.0
    allowed = policy.max_group_gap + (_half_width(part, spec, worst) if worst else 0.0)
    return Gate(
        "group gap",
        gap <= allowed,
        f"{worst or 'no sizeable group'}: {gap:.3f}, allowed {allowed:.3f}",
    )


def _half_width(part: Part, spec: ModelSpec, group: str) -> float:
    # Standard error of an AUC of 0.75 (Hanley and McNeil 1982), times 1.645: a small group may look
    # bad by chance.
    column, _, value = group.partition("=")
    labels = part.labels[(part.features[column].astype(str) == value).to_numpy()]
    hits, misses = labels.sum(), labels.size - labels.sum()
    auc, q1, q2 = 0.75, 0.75 / 1.25, 2 * 0.75**2 / 1.75
    variance = (auc * (1 - auc) + (hits - 1) * (q1 - auc**2) + (misses - 1) * (q2 - auc**2)) / (
        hits * misses
    )
    return 1.645 * float(np.sqrt(variance))


def timed(work: Callable[[], Vector], policy: TrainingPolicy) -> tuple[Vector, float]:
    """What the work gives, and its processor seconds on the policy's threads: a busy machine bars
    no model.
    """
    with threads.limited(policy):
        started = time.process_time()
        return work(), time.process_time() - started


def fast(seconds: float, rows: int, policy: TrainingPolicy) -> Gate:
    """Scores 100,000 people within the time the policy allows; a fifth of a second of start-up is
    not counted.
    """
    pace = max(0.0, seconds - 0.2) * 100_000 / max(rows, 1)
    return Gate("latency", pace <= policy.max_seconds_per_100k, f"{pace:.1f} s per 100,000 people")


def fitted_to(model: Any, part: Part) -> Part:
    """The part with the columns an older model expects; a feature that is gone is missing, a new
    one is not seen.
    """
    return Part(part.keys, expected_columns(model, part.features), part.labels)


def expected_columns(model: Any, features: pd.DataFrame) -> pd.DataFrame:
    """The features in the order and number the model was fitted with."""
    names = [str(n) for n in model.feature_names_in_]
    return features.reindex(columns=names)


def is_settled(version: Any, champion: Any | None) -> bool:
    """Whether there is nothing to decide: the version is champion, older than the champion, or was
    rolled back.
    """
    if version.tags.get(ROLLED_BACK):
        return True
    return champion is not None and int(champion.version) >= int(version.version)


def promote(tracker: Tracker, version: Any, why: str) -> bool:
    """Make the version champion and keep the former one for rollback; False when it already is."""
    former = tracker.at_alias("champion")
    if former is not None and former.version == version.version:
        return False
    if former is not None:
        tracker.client.set_registered_model_alias(tracker.registered, "previous", former.version)
    tracker.client.set_model_version_tag(
        tracker.registered, version.version, "segmentry.promoted_because", why
    )
    tracker.client.set_registered_model_alias(tracker.registered, "champion", version.version)
    return True


def summary(found: Evaluation) -> str:
    """A model's quality in one line."""
    m = found.metrics
    pr_auc, ece, lift = (m[name].value for name in ("pr_auc", "ece", "lift_top_decile"))
    return f"AUC {m['roc_auc']}, PR-AUC {pr_auc:.3f}, ECE {ece:.3f}, lift {lift:.2f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}"
