"""Fits and judges one ForecastSpec: amounts and choices, next to a plain rule, with intervals."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from ml import threads
from ml.data import columns
from ml.data.dataset import Part, TrainingSet
from ml.estimators import Array, Model
from ml.evaluate import drift, losses, metrics
from ml.evaluate.gates import Gate, PromotionVerdict, fast, timed
from ml.evaluate.metrics import Interval, Vector
from ml.fit import candidates, pipeline, search
from ml.policy import TrainingPolicy
from ml.registry.protocols import TrackedRun
from ml.registry.tracking import Tracker
from ml.spec import ForecastSpec
from ml.trainers import runs

Measure = Callable[[Array, Array, Vector], float]  # labels, what was said, loss of each row


def _rank_agreement(labels: Vector, said: Vector, _: Vector) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(labels, said).statistic)


AMOUNTS: Mapping[str, Measure] = {
    "mean_absolute_error": lambda labels, said, _: float(np.abs(labels - said).mean()),
    "deviance": lambda labels, said, loss: float(loss.mean()),
    "total_said_over_happened": lambda labels, said, _: float(
        said.sum() / max(labels.sum(), losses.LEAST)
    ),
    "rank_agreement": _rank_agreement,
}
CHOICES: Mapping[str, Measure] = {
    "log_loss": lambda labels, said, loss: float(loss.mean()),
    "accuracy": lambda labels, said, _: float((labels == said).mean()),
}


def fit_and_log(
    tracker: Tracker, spec: ForecastSpec, data: TrainingSet, policy: TrainingPolicy, run_id: str
) -> Model:
    """Search the spec's own candidate, fit its rivals, judge all on the test part, log that; the
    best by validation.
    """
    import mlflow

    with threads.limited(policy):
        deadline = time.monotonic() + policy.seconds_per_model
        own, *rivals = candidates.of(spec)
        prepared = search.Prepared(data)
        found = [
            search.search(own, prepared, replace(policy, trials=min(policy.trials, 1)), deadline)
        ]
        found += [search.search(c, prepared, replace(policy, trials=0), deadline) for c in rivals]
        rule = fit_rule(spec, data)
        chosen = min(found, key=lambda f: f.best.loss)
        few = replace(policy, resamples=min(policy.resamples, metrics.LEAST_RESAMPLES))
        table = {"rule": measured(rule, data.test, few)}
        table |= {f.candidate: measured(f.fitted, data.test, few) for f in found}
    runs.log_trials(tracker, found, run_id)
    runs.log_set(spec, data)
    mlflow.log_params({"candidate": chosen.candidate, "unit": spec.unit, **chosen.best.parameters})
    for prefix, name in (("test", chosen.candidate), ("heuristic", "rule")):
        mlflow.log_metrics({f"{prefix}_{metric}": i.value for metric, i in table[name].items()})
    mlflow.log_dict(
        drift.reference(data.test.features, said(chosen.fitted, data.test)[1]), drift.ARTIFACT
    )
    text = _card(spec, data, chosen.candidate, table)
    mlflow.log_text(text, "model_card.md")
    mlflow.set_tag("mlflow.note.content", text)
    return chosen.fitted


def fit_rule(spec: ForecastSpec, data: TrainingSet) -> Model:
    """The plain rule on its one feature; where that is gone, on the first feature of its kind."""
    is_amount = data.train.labels.dtype.kind == "f"
    names = (
        data.feature_set.numbers
        if is_amount
        else data.feature_set.categories or data.feature_set.names
    )
    feature = spec.heuristic if spec.heuristic in names else names[0]
    rule = pipeline.amount_heuristic(feature) if is_amount else pipeline.choice_heuristic(feature)
    return rule.fit(data.train.features, data.train.labels)


def said(model: Model, part: Part) -> tuple[Array, Vector]:
    """What the model says per row, an amount or a choice, and as a number: the amount, or the
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
    loss, told = losses.each(model, part), said(model, part)[0]
    samples = metrics.draws(len(part), policy.resamples, policy.seed)
    found = {}
    for name, measure in measures.items():
        values = [measure(part.labels[rows], told[rows], loss[rows]) for rows in samples]
        low, high = np.nanquantile(values, [0.05, 0.95])
        found[name] = Interval(measure(part.labels, told, loss), float(low), float(high))
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
    ours, seconds = timed(lambda: losses.each(challenger, part), policy)
    gates = [
        better("the heuristic", ours, losses.each(rule, part), policy),
        fast(seconds, len(part), policy),
    ]
    if part.labels.dtype.kind == "f":
        gates.append(_total(challenger, part, policy))
    if champion is not None:
        theirs = losses.each(champion, columns.fitted_to(champion, part))
        gates.append(better("the champion", ours, theirs, policy))
    return PromotionVerdict(tuple(gates))


def better(rival: str, ours: Vector, theirs: Vector, policy: TrainingPolicy) -> Gate:
    """Less loss than the rival on the same rows, by more than noise."""
    gain = theirs - ours
    samples = metrics.draws(len(gain), policy.resamples, policy.seed)
    low = float(np.quantile(gain[samples].mean(axis=1), 1 - policy.confidence))
    return Gate(
        f"better than {rival}", low > 0, f"loss less by {gain.mean():.3f} (sure of {low:.3f})"
    )


def _total(model: Model, part: Part, policy: TrainingPolicy) -> Gate:
    amounts = said(model, part)[1]
    off = float(amounts.sum() / max(part.labels.sum(), losses.LEAST) - 1)
    # What the sum itself may move by chance (1.645 standard errors) is no fault of the model.
    chance = (
        1.645
        * float(part.labels.std())
        * len(part) ** 0.5
        / max(float(part.labels.sum()), losses.LEAST)
    )
    allowed = max(policy.max_total_error, chance)
    return Gate("total", abs(off) <= allowed, f"{off:+.1%} of what came, allowed {allowed:.1%}")


def told(run: TrackedRun) -> str:
    """How good the model of a run is, in a few words."""
    name = next(n for n in ("mean_absolute_error", "log_loss") if f"test_{n}" in run.data.metrics)
    words = name.replace("_", " ")
    reached, plain = run.data.metrics[f"test_{name}"], run.data.metrics[f"heuristic_{name}"]
    return f"test {words} {reached:.3f} against {plain:.3f} of the heuristic"


def _card(
    spec: ForecastSpec, data: TrainingSet, chosen: str, table: Mapping[str, Mapping[str, Interval]]
) -> str:
    names = list(table["rule"])
    return "\n".join(
        [
            f"# {spec.name}",
            "",
            f"{spec.description} The score is {spec.unit}. Chosen by validation: **{chosen}**.",
            "",
            (
                f"As of {data.as_of:%Y-%m-%d %H:%M} UTC, lake snapshot {data.snapshot};"
                f" {len(data.train)} rows to"
            ),
            (
                f"learn from, {len(data.validation)} to choose by, {len(data.test)} later ones of"
                " other people to test on."
            ),
            "",
            "## Candidates on the test part (90% intervals)",
            "| candidate | " + " | ".join(n.replace("_", " ") for n in names) + " |",
            "|---|" + "---|" * len(names),
            *(
                f"| {c} | " + " | ".join(str(found[n]) for n in names) + " |"
                for c, found in table.items()
            ),
            "",
            "The score says what is likely, not what causes it.",
            "",
        ]
    )
