"""Gates that a challenger must pass: asked by the trainers, recorded by the registry."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ml import threads
from ml.data.columns import fitted_to
from ml.data.dataset import Part, TrainingSet
from ml.estimators import Model
from ml.evaluate import evaluation, metrics
from ml.evaluate.metrics import Interval, Vector
from ml.policy import TrainingPolicy


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
    challenger: Model,
    heuristic: Model,
    champion: Model | None,
    data: TrainingSet,
    groups: Sequence[str],
    policy: TrainingPolicy,
) -> PromotionVerdict:
    """Every gate, on the test part: the newest time, people none of the models was fitted to."""
    part = data.test
    ours, seconds = timed(lambda: evaluation.probabilities(challenger, part), policy)
    rule = evaluation.probabilities(heuristic, part)
    gates = [beats("the heuristic", part, ours, rule, policy), calibrated(part, ours, policy)]
    gates.append(even(groups, part, ours, policy))
    gates.append(fast(seconds, len(part), policy))
    if champion is not None:
        theirs = evaluation.probabilities(champion, fitted_to(champion, part))
        gates.append(beats("the champion", part, ours, theirs, policy))
    return PromotionVerdict(tuple(gates))


def beats(rival: str, part: Part, ours: Vector, theirs: Vector, policy: TrainingPolicy) -> Gate:
    """Better than the rival by more than noise: in ranking, or in log loss while ranking no
    worse. The detail names the measure that decides, with its interval.
    """
    samples = metrics.draws(len(part), policy.resamples, policy.seed)
    sure = policy.confidence
    auc = metrics.paired_gain(metrics.roc_auc, part.labels, ours, theirs, samples, sure)
    loss = metrics.paired_gain(metrics.log_loss, part.labels, ours, theirs, samples, sure)
    ranking = f"AUC {difference(auc)}"
    if auc.low > 0:
        return Gate(f"better than {rival}", True, ranking)
    passed = bool(loss.high < 0 and auc.value >= 0)
    detail = f"log loss {difference(loss)} decides; {ranking}"
    if not passed:
        detail = f"neither {ranking} nor log loss {difference(loss)} is surely better"
        if loss.high < 0:
            detail = f"{ranking} decides: it ranks worse; log loss {difference(loss)}"
    return Gate(f"better than {rival}", passed, detail)


def calibrated(part: Part, scores: Vector, policy: TrainingPolicy) -> Gate:
    """Probabilities are calibrated: the error is within the policy, or within what chance alone
    would show.
    """
    error = metrics.calibration_error(part.labels, scores)
    allowed = max(
        policy.max_calibration_error, metrics.chance_calibration_error(scores, policy.seed)
    )
    return Gate("calibration", error <= allowed, f"ECE {error:.3f}, allowed {allowed:.3f}")


def even(columns: Sequence[str], part: Part, scores: Vector, policy: TrainingPolicy) -> Gate:
    """No sizeable group is ranked far worse than all people together."""
    overall = metrics.roc_auc(part.labels, scores)
    groups = evaluation.by_group(columns, part, scores)
    worst = min(groups, key=lambda g: groups[g], default=None)
    gap = overall - groups[worst] if worst else 0.0
    allowed = policy.max_group_gap + (_half_width(part, worst) if worst else 0.0)
    return Gate(
        "group gap",
        gap <= allowed,
        f"{worst or 'no sizeable group'}: {gap:.3f}, allowed {allowed:.3f}",
    )


def _half_width(part: Part, group: str) -> float:
    # Standard error of an AUC of 0.75 (Hanley and McNeil 1982), times 1.645: a small group may look
    # bad by chance.
    column, _, value = group.partition("=")
    labels = part.labels[(part.features[column].astype(str) == value).to_numpy()]
    hits = labels.sum()
    misses = labels.size - labels.sum()
    auc = 0.75
    q1 = 0.75 / 1.25
    q2 = 2 * 0.75**2 / 1.75
    variance = (auc * (1 - auc) + (hits - 1) * (q1 - auc**2) + (misses - 1) * (q2 - auc**2)) / (
        hits * misses
    )
    return 1.645 * float(np.sqrt(variance))


def timed(work: Callable[[], Vector], policy: TrainingPolicy) -> tuple[Vector, float]:
    """What the work returns, and its processor seconds on the policy's threads: so a model does not
    fail on a busy machine.
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


def difference(gain: Interval) -> str:
    """A difference with its interval."""
    return f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
