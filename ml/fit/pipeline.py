"""From features to a fitted pipeline: missing values and categories are handled inside it, in plain
scikit-learn parts.

No class of ours goes into a pipeline, so a champion is loaded and served without this package; the
one exception, ``ml.lifetime.LifetimeValue``, is logged together with its file.
"""

from __future__ import annotations

from ml.data.frames import FeatureSet
from ml.estimators import (
    Clusterer,
    ColumnPreparation,
    Estimator,
    Model,
    Preparation,
    Steps,
    UnfittedSteps,
)


def build(estimator: Estimator, feature_set: FeatureSet) -> UnfittedSteps:
    """An unfitted pipeline of the preparation this estimator needs, and the estimator."""
    from sklearn.pipeline import Pipeline

    return Pipeline([("prepare", preparation(estimator, feature_set)), ("model", estimator)])


def preparation(estimator: Estimator, feature_set: FeatureSet) -> ColumnPreparation:
    """The unfitted preparation this estimator needs; it depends on the estimator's kind, not on its
    parameters.
    """
    from sklearn.compose import ColumnTransformer

    if hasattr(estimator, "columns"):  # it names the columns it reads, and takes them as they are
        return ColumnTransformer([("columns", "passthrough", list(estimator.columns))])
    takes_missing = estimator.__sklearn_tags__().input_tags.allow_nan
    return for_trees(feature_set) if takes_missing else for_distances(feature_set)


def for_trees(feature_set: FeatureSet) -> ColumnPreparation:
    """Numbers as they are; categories as codes, a category never seen before as missing."""
    from numpy import nan
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OrdinalEncoder

    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=nan)
    steps = [
        ("numbers", "passthrough", feature_set.numbers),
        ("categories", codes, feature_set.categories),
    ]
    return ColumnTransformer([s for s in steps if s[2]], verbose_feature_names_out=False)


def for_distances(feature_set: FeatureSet) -> ColumnPreparation:
    """Numbers imputed with the median and replaced by their rank; categories as indicators."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler

    numbers = Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            # Counts and amounts have long tails; ranks tame them without a choice per feature.
            ("rank", QuantileTransformer(n_quantiles=100, subsample=None)),
            ("scale", StandardScaler()),
        ]
    )
    # Categories with fewer than 10 rows, and those never seen, share one indicator.
    indicators = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=10, sparse_output=False
    )
    steps = [
        ("numbers", numbers, feature_set.numbers),
        ("categories", indicators, feature_set.categories),
    ]
    return ColumnTransformer([s for s in steps if s[2]], verbose_feature_names_out=False)


def for_groups(feature_set: FeatureSet) -> Preparation:
    """Preparation for grouping: as for distances, then the directions with most of the variance.

    Of many features the leading directions are what they have in common and the rest is noise; of
    few features nearly all variance is kept.
    """
    from sklearn.decomposition import PCA
    from sklearn.pipeline import Pipeline

    kept = 0.6 if len(feature_set.names) >= 12 else 0.9
    return Pipeline(
        [("prepare", for_distances(feature_set)), ("directions", PCA(kept, svd_solver="full"))]
    )


def joined(prepare: Preparation, model: Model | Clusterer) -> Steps:
    """A fitted preparation and a fitted model as one fitted pipeline."""
    from sklearn.pipeline import Pipeline

    steps = prepare.steps if isinstance(prepare, Pipeline) else [("prepare", prepare)]
    return Pipeline([*steps, ("model", model)])


def heuristic(feature: str) -> UnfittedSteps:
    """The plain rule every model must beat: one feature's order, turned into a probability."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    steps = Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    return Pipeline(
        [
            ("prepare", ColumnTransformer([("rule", steps, [feature])])),
            ("model", LogisticRegression()),
        ]
    )


def amount_heuristic(feature: str) -> UnfittedSteps:
    """The plain rule for an amount: the mean outcome in each of some ranges of one feature."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.tree import DecisionTreeRegressor

    ranges = DecisionTreeRegressor(max_leaf_nodes=10, min_samples_leaf=20)
    return Pipeline(
        [("prepare", ColumnTransformer([("rule", "passthrough", [feature])])), ("model", ranges)]
    )


def choice_heuristic(feature: str) -> UnfittedSteps:
    """The plain rule for a choice: how often each was made after each value of one feature."""
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder

    seen = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10)
    return Pipeline(
        [
            ("prepare", ColumnTransformer([("rule", seen, [feature])])),
            ("model", LogisticRegression()),
        ]
    )
