"""The item ``recommendations`` of the stage ``score``: one failing model never delays it, and it
delays none.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from ml import threads
from ml.data import frames
from ml.policy import TrainingPolicy
from ml.recommend import evaluation, lists, reading
from ml.recommend.evaluation import ListEvaluation
from ml.recommend.policy import NAME, RecommendationPolicy
from ml.recommend.reading import ShopHistory
from ml.registry import store
from segmentry import clock, warehouse
from segmentry.settings import Settings
from segmentry.stages import RunContext, StageReport

RELATION = "ml.recommendations"
PAIRS = "ml.product_pairs"
# Raised when a change of the code may change a list.
REVISION = 1


def recommend(context: RunContext) -> StageReport:
    """Evaluate on the last days before as_of, make all lists, and replace those of the run before.

    With unchanged purchases, views, catalogue, refusals and policy it writes nothing.
    """
    settings = context.settings
    as_of = clock.of(context)
    policy = RecommendationPolicy.read(settings)
    behaviour = read(settings, as_of, policy)
    content = _content(behaviour, policy)
    version = content[:12]
    with warehouse.connect(settings) as lake:
        store.ensure(settings, lake)
        if store.is_current(lake, NAME, as_of, version, content):
            return StageReport({RELATION: 0}, status="unchanged")
        if behaviour.bought.empty:
            return StageReport({RELATION: 0}, ["recommendations: there are no purchases yet"])
        with threads.limited(TrainingPolicy.read(settings)):
            judged = evaluate(behaviour, policy)
            made = lists.make(
                behaviour, policy, is_personal=judged is not None and judged.is_better
            )
        _track(settings, behaviour, policy, content, judged)
        _write(settings, lake, made, as_of, content)
    rows = {RELATION: len(made.people), PAIRS: len(made.pairs)}
    return StageReport(rows, [f"recommendations {version}: {_summary(judged)}"])


def read(settings: Settings, as_of: datetime, policy: RecommendationPolicy) -> ShopHistory:
    """What people did, as the models of this run read it."""
    refusing = reading.refused(settings)
    with frames.published(settings) as (lake, _):
        return reading.read(lake, as_of, policy, refusing)


def evaluate(behaviour: ShopHistory, policy: RecommendationPolicy) -> ListEvaluation | None:
    """The evaluation on the newest days, of people with a profile."""
    known = behaviour.bought[behaviour.bought["is_known"]]
    split = behaviour.as_of - timedelta(days=policy.trending_days)
    return evaluation.evaluate(known, split, policy, TrainingPolicy().seed)


def _summary(judged: ListEvaluation | None) -> str:
    if judged is None:
        return "fewer people than a test needs, so people with purchases get trending"
    end = "" if judged.is_better else "; people with purchases get trending"
    return judged.sentence + end


def _content(behaviour: ShopHistory, policy: RecommendationPolicy) -> str:
    text = f"{REVISION} {sorted(asdict(policy).items())} {behaviour.content_hash}"
    return hashlib.sha256(text.encode()).hexdigest()


def _write(
    settings: Settings, lake: frames.Lake, made: lists.Lists, as_of: datetime, content: str
) -> None:
    version = content[:12]
    at = clock.read(settings)
    done = store.run_row(NAME, as_of, version, content, len(made.people), at)
    store.replace_rows(
        settings,
        lake,
        [
            (RELATION, "true", [], made.people.assign(as_of=as_of, version=version)),
            (PAIRS, "true", [], made.pairs.assign(as_of=as_of, version=version)),
            # A list is of one run alone: no earlier run is current any more.
            ("ml.score_runs", "model = ?", [NAME], done),
        ],
    )


def _track(
    settings: Settings,
    behaviour: ShopHistory,
    policy: RecommendationPolicy,
    content: str,
    judged: ListEvaluation | None,
) -> None:
    """A run in MLflow with the policy, the figures and their intervals."""
    import mlflow

    from ml.registry.tracking import Tracker

    tracker = Tracker(settings, NAME)
    as_of = behaviour.as_of.isoformat()
    tags = {"segmentry.key": content, "segmentry.as_of": as_of, "segmentry.content": content}
    with tracker.run(f"{NAME} as of {as_of}", tags) as run:
        mlflow.log_params({**asdict(policy), "method": "ease", "version": content[:12]})
        if judged is not None:
            mlflow.log_metrics(figures(judged))
            mlflow.set_tag("segmentry.verdict", judged.sentence)
        tracker.complete(run.info.run_id)


def figures(judged: ListEvaluation) -> dict[str, float]:
    """Every figure by name, with the ends of its interval."""
    found: dict[str, float] = {"tested_people": judged.people, "is_better": float(judged.is_better)}
    for method, measures in judged.measures.items():
        for measure, one in measures.items():
            name = f"{method}_{measure}_at_{judged.size}"
            found |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
        found[f"{method}_coverage"] = judged.coverage[method]
    gain = judged.gain
    return found | {"gain": gain.value, "gain_low": gain.low, "gain_high": gain.high}


def table(judged: ListEvaluation) -> list[dict[str, Any]]:
    """One row per method: recall and NDCG with their intervals, and coverage."""
    return [
        {
            "method": method,
            "recall": str(measures["recall"]),
            "ndcg": str(measures["ndcg"]),
            "coverage": round(judged.coverage[method], 3),
        }
        for method, measures in judged.measures.items()
    ]
