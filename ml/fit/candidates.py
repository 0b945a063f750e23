"""Standard candidates and the space each one's hyperparameters are searched in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ml.estimators import Parameters
from ml.policy import TrainingPolicy
from ml.spec import Estimator, Learnt
from segmentry.errors import ConfigError

Space = Mapping[str, tuple[str, float, float]]  # parameter: (int | float | log, low, high)


@dataclass(frozen=True)
class Candidate:
    """A way to learn: how to build it unfitted, and which parameters to vary between which
    bounds.
    """

    name: str
    build: Callable[[], Estimator]
    space: Space = field(default_factory=dict)
    # Whether it takes a number of threads: scikit-learn warns of one that an estimator ignores.
    is_parallel: bool = False

    def make(self, parameters: Parameters, policy: TrainingPolicy) -> Estimator:
        """An unfitted estimator with these parameters, the policy's seed and its number of
        threads.
        """
        estimator = self.build()
        accepted = estimator.get_params()
        fixed = {"random_state": policy.seed} | (
            {"n_jobs": policy.threads} if self.is_parallel else {}
        )
        chosen = {**{k: v for k, v in fixed.items() if k in accepted}, **parameters}
        return estimator.set_params(**{k: v for k, v in chosen.items() if k in accepted})


def _logistic() -> Estimator:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=0.01, max_iter=500)


def _forest() -> Estimator:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=60, min_samples_leaf=20, max_features=0.2)


def _boosting() -> Estimator:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=120, learning_rate=0.06, max_leaf_nodes=15)


def _lightgbm() -> Estimator:
    from lightgbm import LGBMClassifier

    # deterministic: the same data give the same trees on any number of threads.
    return LGBMClassifier(
        n_estimators=250, learning_rate=0.025, num_leaves=6, min_child_samples=40, subsample=0.7,
        subsample_freq=1,
        colsample_bytree=0.2, reg_lambda=10, deterministic=True, force_row_wise=True, verbosity=-1,
    )  # fmt: skip


def _network() -> Estimator:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(hidden_layer_sizes=(32,), alpha=1.0, early_stopping=True, max_iter=60)


_TREES: Space = {
    "learning_rate": ("log", 0.01, 0.1),
    "max_leaf_nodes": ("int", 3, 16),
    "l2_regularization": ("log", 0.01, 30),
}
STANDARD: Mapping[str, Candidate] = {
    c.name: c
    for c in (
        Candidate("logistic", _logistic, {"C": ("log", 0.0005, 1)}),
        Candidate(
            "forest",
            _forest,
            {"min_samples_leaf": ("int", 8, 60), "max_features": ("float", 0.05, 0.5)},
            True,
        ),
        Candidate("boosting", _boosting, _TREES),
        Candidate(
            "lightgbm",
            _lightgbm,
            {
                "learning_rate": ("log", 0.01, 0.1),
                "num_leaves": ("int", 3, 16),
                "min_child_samples": ("int", 10, 100),
            },
            is_parallel=True,
        ),
        Candidate(
            "network",
            _network,
            {"alpha": ("log", 0.01, 30), "learning_rate_init": ("log", 0.0005, 0.01)},
        ),
    )
}


def _lifetime() -> Estimator:
    from ml.lifetime import LifetimeValue

    return LifetimeValue()


def _amount_network() -> Estimator:
    from sklearn.neural_network import MLPRegressor

    return MLPRegressor(hidden_layer_sizes=(32,), alpha=10.0, early_stopping=True, max_iter=60)


def _amount_linear() -> Estimator:
    from sklearn.linear_model import PoissonRegressor

    return PoissonRegressor(alpha=1.0, max_iter=300)


AMOUNTS: Mapping[str, Candidate] = {
    c.name: c
    for c in (
        Candidate("lifetime", _lifetime),
        Candidate("linear", _amount_linear, {"alpha": ("log", 0.01, 10)}),
        Candidate("network", _amount_network, {"alpha": ("log", 0.1, 100)}),
    )
}


def for_kind(own: Estimator) -> Mapping[str, Candidate]:
    """The candidates that are about what this estimator is about: amounts, or choices."""
    from sklearn.base import is_regressor

    return AMOUNTS if is_regressor(own) else STANDARD


def of(spec: Learnt, known: Mapping[str, Candidate] = STANDARD) -> list[Candidate]:
    """The spec's own estimator and its rivals, or ConfigError naming an unknown rival."""
    own = spec.estimator()
    unknown = [r for r in spec.rivals if r not in known]
    if unknown:
        raise ConfigError(
            f"ml/models/{spec.name}.py names the rival(s) {', '.join(unknown)}",
            allowed=", ".join(known),
            remedy="correct `rivals`, or add the candidate in ml/fit/candidates.py",
        )
    space = _TREES if "l2_regularization" in own.get_params() else {}
    return [Candidate("own", spec.estimator, space), *(known[r] for r in spec.rivals)]
