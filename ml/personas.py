"""Trains and assigns a PersonaSpec: grouping, names that stay, cards, gates; scores go to ml.cluster_assignments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from ml import cards, clusterers, clustering, dataset, frames, pipeline, promotion, reviews, scoring, store, threads
from ml.clustering import Choice
from ml.dataset import Refused
from ml.frames import Lake, Menu
from ml.policy import DriftPolicy, TrainingPolicy
from ml.promotion import Gate, Verdict
from ml.spec import PersonaSpec
from ml.tracking import Tracker, identity, log_model
from ml.training import example_rows, refuse, training_key
from segmentry import clock, warehouse
from segmentry.stages import RunContext, StageReport

RUNNER_UP = ("second", "second_confidence")


def train(context: RunContext, spec: PersonaSpec) -> StageReport:
    """Group the people known at the context's time; promote the groups if they are sound and clearer than before."""
    policy = TrainingPolicy.read(context.settings)
    tracker, as_of = Tracker(context.settings, spec.name), clock.of(context)
    with frames.published(context.settings) as (lake, snapshot):
        try:
            people, menu = load(lake, spec, as_of, policy)
        except Refused as refusal:
            return refuse(tracker, spec.name, as_of.isoformat(), snapshot, str(refusal))
    content = dataset.content_hash(people)
    key = training_key(spec, policy, as_of.isoformat(), content)
    run = tracker.finished(key)
    if run is None:
        tags = {
            "segmentry.key": key,
            "segmentry.as_of": as_of.isoformat(),
            "segmentry.snapshot_id": str(snapshot),
            "segmentry.content": content,
        }
        _fit_and_log(tracker, spec, people, menu, context, tags)
        run = tracker.finished(key)
    return _decide(tracker, run, spec, people, policy)


def load(lake: Lake, spec: PersonaSpec, as_of: datetime, policy: TrainingPolicy) -> tuple[pd.DataFrame, Menu]:
    """Keys and features of the people to group, and which features those are."""
    frames.set_moments(lake, [(as_of, as_of + timedelta(days=90))])
    menu = frames.menu(lake, include=spec.include, exclude=spec.exclude, max_categories=policy.max_categories)
    people = scoring.people_at(lake, spec.population_sql, menu)
    menu = dataset.telling(people, menu)
    if len(people) < policy.min_rows or len(menu.names) < 2:
        raise Refused(
            f"there are {len(people)} people to group and {len(menu.names)} features that vary; at least "
            f"{policy.min_rows} people (config/policies.yml: training.min_rows) and 2 such features are needed"
        )
    people[menu.numbers] = people[menu.numbers].astype("float64")
    return people[["profile_id", "as_of", *menu.names]], menu


def _fit_and_log(
    tracker: Tracker, spec: PersonaSpec, people: pd.DataFrame, menu: Menu, context: RunContext, tags: dict[str, str]
) -> None:
    import mlflow

    policy = TrainingPolicy.read(context.settings)
    features = people[menu.names]
    with tracker.run(f"{spec.name} as of {tags['segmentry.as_of']}", tags) as run, threads.limited(policy):
        prepare = pipeline.for_groups(menu).fit(features)
        rows = prepare.transform(features)
        found = clustering.choices(spec, rows, policy)
        best = clustering.best_of(found, policy)
        model = pipeline.joined(prepare, best.model)
        deck = cards.deal(tracker, best, rows, people, menu, policy, DriftPolicy.read(context.settings))
        mlflow.log_params({"algorithm": best.algorithm, "clusters": best.clusters, "people": len(people)})
        mlflow.log_metrics({"silhouette": best.silhouette, "stability": best.stability, "bic": best.bic})
        cards.log(found, best, deck, title=f"{spec.name} as of {tags['segmentry.as_of'][:10]}")
        log_model(model, example_rows(features), classifies=False)
    tracker.complete(run.info.run_id)


def _decide(tracker: Tracker, run: Any, spec: PersonaSpec, people: pd.DataFrame, policy: TrainingPolicy) -> StageReport:
    version, champion = tracker.version_of(run), tracker.at_alias("champion")
    told = f"{run.data.params['clusters']} groups, silhouette {run.data.metrics['silhouette']:.3f}"
    rows = {f"training rows of {spec.name}": len(people)}
    if champion is not None and promotion.is_settled(version, champion):
        return StageReport(rows, [f"{spec.name} {champion.version} stays champion ({told})"], status="unchanged")
    verdict = judge(run, tracker.load(version), tracker.load(champion) if champion else None, people, policy)
    tracker.record_gates(version, verdict.gates)
    if verdict.passed:
        promotion.promote(tracker, version, told)
        return StageReport(
            rows, [f"{spec.name} {version.version} ({run.data.params['algorithm']}) is champion: {told}"]
        )
    kept = f"{spec.name} {champion.version} stays champion" if champion else f"{spec.name} has no champion"
    return StageReport(rows, [f"{kept}; version {version.version} is refused: {verdict.failures}"])


def judge(run: Any, challenger: Any, champion: Any | None, people: pd.DataFrame, policy: TrainingPolicy) -> Verdict:
    """Groups are apart, found again in resamples, and clearer than the champion's by more than noise."""
    apart, stable = run.data.metrics["silhouette"], run.data.metrics["stability"]
    gates = [
        Gate("silhouette", apart >= policy.min_silhouette, f"{apart:.3f}, at least {policy.min_silhouette}"),
        Gate("stability", stable >= policy.min_stability, f"{stable:.3f}, at least {policy.min_stability}"),
    ]
    if champion is not None:
        gates.append(_clearer(challenger, champion, people, policy))
    return Verdict(tuple(gates))


def _clearer(challenger: Any, champion: Any, people: pd.DataFrame, policy: TrainingPolicy) -> Gate:
    from sklearn.metrics import silhouette_samples

    sample = people.sample(min(clustering.SILHOUETTE_SAMPLE, len(people)), random_state=policy.seed)
    values = []
    for model in (challenger, champion):
        # Each is measured in its own space: what it was asked to tell apart.
        features = promotion.expected_columns(model, sample)
        groups = model.predict(features)
        is_one = len(np.unique(groups)) < 2
        values.append(np.zeros(len(sample)) if is_one else silhouette_samples(model[:-1].transform(features), groups))
    gain = values[0] - values[1]
    noise = 1.645 * float(gain.std()) / np.sqrt(len(gain))
    passed = bool(gain.mean() - noise > 0)
    return Gate("clearer than the champion", passed, f"silhouette {gain.mean():+.3f}, noise {noise:.3f}")


def score(context: RunContext, spec: PersonaSpec) -> StageReport:
    """Write ml.cluster_assignments of the champion; the same champion, time and content change nothing."""
    tracker = Tracker(context.settings, spec.name)
    champion = tracker.at_alias("champion")
    if champion is None:
        return StageReport(notes=[f"{spec.name} has no champion: nobody is assigned"], status="skipped")
    policy, as_of, model = TrainingPolicy.read(context.settings), clock.of(context), tracker.load(champion)
    with frames.published(context.settings) as (lake, _):
        people = scoring.population(lake, spec, as_of, model, policy)
    content, version = dataset.content_hash(people, identity(champion)), str(champion.version)
    with warehouse.connect(context.settings) as lake:
        store.ensure(context.settings, lake)
        if store.is_current(lake, spec.name, as_of, version, content):
            return StageReport({"ml.cluster_assignments": 0}, [f"{spec.name} {version}: unchanged"], status="unchanged")
        deck = tracker.artifact(champion.run_id, cards.ARTIFACT)
        rows = assign(model, deck, people, as_of, version, policy)
        done = store.run_row(spec.name, as_of, version, content, len(rows), datetime.now(UTC).replace(tzinfo=None))
        same = [spec.name, as_of]
        store.replace_rows(
            context.settings,
            lake,
            [
                ("ml.cluster_assignments", "as_of = ?", [as_of], rows.drop(columns=[*RUNNER_UP])),
                ("ml.reviews", scoring.SAME_RUN, same, reviews.between_two(spec.name, rows)),
                ("ml.score_runs", scoring.SAME_RUN, same, done),
            ],
        )
    return StageReport({"ml.cluster_assignments": len(rows)}, [f"{spec.name} {version}: {_shares(rows)}"])


def assign(
    model: Any, deck: dict[str, Any], people: pd.DataFrame, as_of: datetime, version: str, policy: TrainingPolicy
) -> pd.DataFrame:
    """Rows of ml.cluster_assignments: the likeliest persona, how sure, and who is an outlier or between two.

    The columns of RUNNER_UP beside them tell the second likeliest persona, and how likely it is.
    """
    features = promotion.expected_columns(model, people)
    rows = model[:-1].transform(features) if len(people) else np.zeros((0, 1))
    by_group = {card["group"]: card for card in deck["cards"]}
    shares = clusterers.memberships(model[-1], rows) if len(people) else np.zeros((0, len(by_group)))
    groups = shares.argmax(axis=1) if len(people) else np.zeros(0, dtype=int)
    far = clusterers.distances(model[-1], rows)[np.arange(len(rows)), groups] if len(people) else np.zeros(0)
    limits = np.array([by_group[int(g)]["outlier_distance"] for g in groups])
    confidence = shares.max(axis=1) if len(people) else np.zeros(0)
    seconds = np.argsort(shares, axis=1)[:, -2] if len(people) else groups
    status = np.where(far > limits, "outlier", np.where(confidence < policy.ambiguous_below, "ambiguous", "member"))
    return pd.DataFrame(
        {
            "profile_id": people["profile_id"].to_numpy(),
            "as_of": as_of,
            "cluster_id": [by_group[int(g)]["cluster_id"] for g in groups],
            "persona": [by_group[int(g)]["persona"] for g in groups],
            "confidence": confidence,
            "model_version": version,
            "status": status,
            "second": [by_group[int(g)]["persona"] for g in seconds],
            "second_confidence": shares[np.arange(len(rows)), seconds],
        }
    )


def _shares(rows: pd.DataFrame) -> str:
    counts = rows["persona"].value_counts().sort_index()
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


__all__ = ["Choice", "assign", "judge", "load", "score", "train"]
