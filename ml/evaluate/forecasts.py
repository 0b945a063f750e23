"""How good a forecast is, of amounts and of choices, and its gates: for the fit and the trainer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ml.data import columns
from ml.data.dataset import Part, TrainingSet
from ml.estimators import Array, Model
from ml.evaluate import losses, metrics
from ml.evaluate.gates import Gate, PromotionVerdict, difference, fast, timed
from ml.evaluate.metrics import Interval, Vector
from ml.policy import TrainingPolicy

Measure = Callable[[Array, Array, Vector], float]  # labels, forecasts, loss of each row


def _rank_agreement(labels: Vector, forecast: Vector, _: Vector) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(labels, forecast).statistic)


AMOUNTS: Mapping[str, Measure] = {
    "mean_absolute_error": lambda labels, forecast, _: float(np.abs(labels - forecast).mean()),
    "deviance": lambda labels, forecast, loss: float(loss.mean()),
    "total_said_over_happened": lambda labels, forecast, _: float(
        forecast.sum() / max(labels.sum(), losses.LEAST)
    ),
    "rank_agreement": _rank_agreement,
}
# The sum of forecasts over what came: 1 is right.
RATIO = "total_said_over_happened"

CHOICES: Mapping[str, Measure] = {
    "log_loss": lambda labels, forecast, loss: float(loss.mean()),
    "accuracy": lambda labels, forecast, _: float((labels == forecast).mean()),
}


def predict(model: Model, part: Part) -> tuple[Array, Vector]:
    """The model's forecast per row, an amount or a choice, and its number: the amount, or the
    choice's probability.
    """
    if part.labels.dtype.kind == "f":
        amounts: Vector = np.maximum(
            np.asarray(model.predict(part.features), dtype=np.float64), 0.0
        )
        return amounts, amounts
    chances = model.predict_proba(part.features)
    return np.asarray(model.classes_, dtype=object)[chances.argmax(axis=1)], chances.max(axis=1)


def measured(model: Model, part: Part, policy: TrainingPolicy) -> dict[str, Interval]:
    """Every measure of the kind of label, with its 90% bootstrap interval."""
    measures = AMOUNTS if part.labels.dtype.kind == "f" else CHOICES
    loss = losses.each(model, part)
    return _with_intervals(measures, part.labels, predict(model, part)[0], loss, policy)


def realized(
    labels: Array, scores: Vector, outcomes: Array, policy: TrainingPolicy
) -> dict[str, Interval]:
    """The measures of forecasts that were given, each with its 90% bootstrap interval; of choices,
    whose other chances are not kept, the accuracy alone.
    """
    if labels.dtype.kind == "f":
        loss = losses.deviance(labels, scores)
        return _with_intervals(AMOUNTS, labels, scores, loss, policy)
    kept = {"accuracy": CHOICES["accuracy"]}
    return _with_intervals(kept, labels, outcomes, np.zeros(len(labels)), policy)


def _with_intervals(
    measures: Mapping[str, Measure], labels: Array, forecast: Array, loss: Vector,
    policy: TrainingPolicy,
) -> dict[str, Interval]:  # fmt: skip
    samples = metrics.draws(len(labels), policy.resamples, policy.seed)
    found = {}
    for name, measure in measures.items():
        values = [measure(labels[rows], forecast[rows], loss[rows]) for rows in samples]
        low, high = np.nanquantile(values, [0.05, 0.95])
        found[name] = Interval(measure(labels, forecast, loss), float(low), float(high))
    return found


def judge(
    challenger: Model,
    rule: Model,
    champion: Model | None,
    data: TrainingSet,
    policy: TrainingPolicy,
) -> PromotionVerdict:
    """Every gate, on the test part."""
    part = data.test
    measure = "deviance" if part.labels.dtype.kind == "f" else "log loss"
    ours, seconds = timed(lambda: losses.each(challenger, part), policy)
    gates = [
        better("the heuristic", ours, losses.each(rule, part), measure, policy),
        fast(seconds, len(part), policy),
    ]
    if part.labels.dtype.kind == "f":
        gates.append(_total(challenger, part, policy))
    if champion is not None:
        theirs = losses.each(champion, columns.fitted_to(champion, part))
        gates.append(better("the champion", ours, theirs, measure, policy))
    return PromotionVerdict(tuple(gates))


def better(rival: str, ours: Vector, theirs: Vector, measure: str, policy: TrainingPolicy) -> Gate:
    """Less loss than the rival on the same rows, by more than noise."""
    change = ours - theirs
    samples = metrics.draws(len(change), policy.resamples, policy.seed)
    ends = [1 - policy.confidence, policy.confidence]
    low, high = np.quantile(change[samples].mean(axis=1), ends)
    found = Interval(float(change.mean()), float(low), float(high))
    return Gate(f"better than {rival}", found.high < 0, f"{measure} {difference(found)}")


def _total(model: Model, part: Part, policy: TrainingPolicy) -> Gate:
    amounts = predict(model, part)[1]
    off = float(amounts.sum() / max(part.labels.sum(), losses.LEAST) - 1)
    # The sum moves by chance too (1.645 standard errors); that is no fault of the model.
    chance = (
        1.645
        * float(part.labels.std())
        * len(part) ** 0.5
        / max(float(part.labels.sum()), losses.LEAST)
    )
    allowed = max(policy.max_total_error, chance)
    return Gate("total", abs(off) <= allowed, f"{off:+.1%} of what came, allowed {allowed:.1%}")
