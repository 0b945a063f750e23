"""MLflow: one experiment and one registered model per spec, with runs that a later training finds
and can trust.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ml.estimators import Model, Parameters, Steps
from ml.evaluate.gates import Gate
from ml.registry import moved
from ml.registry.kept import MODEL_FILE, RULE_OF, KeptVersion, is_lost, newest_rule
from ml.registry.protocols import ModelVersion, TrackedRun
from segmentry.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

# Types of fitted estimators that skops does not know. Loading allows these and no others, whatever
# a model's own file asks for: a crafted artifact cannot run code here.
TRUSTED = (
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "ml.lifetime.LifetimeValue",
    "numpy.dtype",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogLink",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.HalfMultinomialLoss",
    "sklearn._loss.loss.HalfPoissonLoss",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
)
REQUIREMENTS = ("scikit-learn", "lightgbm", "skops", "pandas", "numpy", "scipy")
COMPLETE = "segmentry.complete"
TESTED = "tested"  # artifact: the fit that a version's figures and gates are of, if it is another


def _use(uri: str) -> None:
    """Have MLflow use the address in this process alone.

    MLflow would leave it in the environment, where settings of another home, and processes started
    for it, find it.
    """
    import mlflow

    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    if before is None:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    else:
        os.environ["MLFLOW_TRACKING_URI"] = before


class Tracker:
    """The experiment and registry of one model."""

    def __init__(self, settings: Settings, model: str) -> None:
        import mlflow

        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self.model = model
        self.settings = settings
        self.registered = f"segmentry.{model}"
        if settings.mlflow_uri.startswith("sqlite:///"):
            _create_database(Path(settings.mlflow_uri.removeprefix("sqlite:///")), settings)
        moved.follow(settings)
        _use(settings.mlflow_uri)
        self.client = mlflow.MlflowClient()
        self.experiment = _experiment(self.client, f"segmentry/{model}", settings)

    def finished(self, key: str) -> TrackedRun | None:
        """The complete run with this training key whose model is still there, if there is one."""
        found = self.client.search_runs(
            [self.experiment],
            f"tags.`segmentry.key` = '{key}' and tags.`{COMPLETE}` = 'yes' and attributes.status ="
            " 'FINISHED'",
            max_results=10,
        )
        return next(
            (run for run in found if not self._has_lost(run.data.tags.get("segmentry.model_uri"))),
            None,
        )

    def trained(self, key: str) -> TrackedRun:
        """The complete run with this training key, which has just been logged."""
        run = self.finished(key)
        assert run is not None, f"the run with the key {key} is not complete"
        return run

    def _has_lost(self, uri: str | None) -> bool:
        return is_lost(uri, self._location)

    def _location(self, logged_model: str) -> str | None:
        from mlflow.exceptions import MlflowException

        try:
            return str(self.client.get_logged_model(logged_model).artifact_location)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise

    def last_as_of(self) -> datetime | None:
        """The as_of of the newest complete training, refused ones included."""
        found = self.client.search_runs(
            [self.experiment],
            f"tags.`{COMPLETE}` = 'yes' and attributes.status = 'FINISHED'",
            max_results=500,
        )
        times = [r.data.tags["segmentry.as_of"] for r in found if "segmentry.as_of" in r.data.tags]
        return datetime.fromisoformat(max(times)) if times else None

    @contextmanager
    def run(self, name: str, tags: Mapping[str, str]) -> Iterator[TrackedRun]:
        """A run that ends FINISHED, or FAILED when its body raises; what an earlier, killed try
        left is closed.
        """
        import mlflow

        for stale in self.client.search_runs([self.experiment], "attributes.status = 'RUNNING'"):
            self.client.set_terminated(stale.info.run_id, "KILLED")
        with (
            quiet(),
            mlflow.start_run(experiment_id=self.experiment, run_name=name, tags=dict(tags)) as run,
        ):
            yield run

    def log_trial(
        self, parent: str, name: str, parameters: Parameters, measures: Mapping[str, float]
    ) -> None:
        """A nested run of one fit, in one write: the fluent way looks the repository up again for
        each run.
        """
        from mlflow.entities import Metric, Param

        run = self.client.create_run(
            self.experiment, run_name=name, tags={"mlflow.parentRunId": parent}
        )
        now = int(time.time() * 1000)
        self.client.log_batch(
            run.info.run_id,
            metrics=[Metric(k, v, now, 0) for k, v in measures.items()],
            params=[Param(k, str(v)) for k, v in parameters.items()],
        )
        self.client.set_terminated(run.info.run_id)

    def complete(self, run_id: str) -> None:
        """Mark the run as complete: everything that belongs to it is logged."""
        self.client.set_tag(run_id, COMPLETE, "yes")

    def version_of(self, run: TrackedRun) -> ModelVersion:
        """The registered version of the run's model, registered now if it is not yet."""
        import mlflow

        found = self.client.search_model_versions(
            f"name = '{self.registered}' and run_id = '{run.info.run_id}'"
        )
        if found:
            return cast("ModelVersion", found[0])
        tags = {k: v for k, v in run.data.tags.items() if k.startswith("segmentry.")}
        with quiet():
            made = mlflow.register_model(
                run.data.tags["segmentry.model_uri"], self.registered, tags=tags
            )
        return cast("ModelVersion", made)

    def at_alias(self, alias: str = "champion") -> ModelVersion | None:
        """The version with the alias, or None; None too if its files are missing, so that another
        is trained.
        """
        from mlflow.exceptions import MlflowException

        try:
            found = self.client.get_model_version_by_alias(self.registered, alias)
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise
        return None if self._has_lost(found.source) else cast("ModelVersion", found)

    def versions(self) -> list[ModelVersion]:
        """Every registered version, the newest first."""
        found = self.client.search_model_versions(f"name = '{self.registered}'")
        return sorted(cast("list[ModelVersion]", found), key=lambda v: -int(v.version))

    def load(self, version: ModelVersion) -> Steps:
        """The fitted pipeline of a registered version, loaded without trusting its file."""
        import mlflow
        import skops.io

        with quiet():
            folder = mlflow.artifacts.download_artifacts(artifact_uri=version.source)
            file = f"{version.version}.skops" if isinstance(version, KeptVersion) else MODEL_FILE
            model: Steps = skops.io.load(Path(folder) / file, trusted=list(TRUSTED))
            return model

    def tested(self, version: ModelVersion) -> Steps:
        """The fit that a version's figures are of: it has seen no outcome of its test's time. The
        registered model itself where that was not kept.
        """
        if not self.has_artifact(version.run_id, TESTED):
            return self.load(version)
        return self.load(KeptVersion(TESTED, version.run_id, f"runs:/{version.run_id}/{TESTED}"))

    def rule(self) -> ModelVersion | None:
        """The newest plain rule that a training published, or None."""
        found = self.client.search_runs(
            [self.experiment], f"tags.`{RULE_OF}` != ''", order_by=["start_time desc"]
        )
        return newest_rule((run.info.run_id, run.data.tags) for run in found)

    def published(self) -> ModelVersion | None:
        """What gives the scores: the champion, or the plain rule while there is none."""
        return self.at_alias("champion") or self.rule()

    def keep(self, run_id: str, name: str, model: Model, texts: Mapping[str, str]) -> None:
        """Keep a fitted pipeline, and texts next to it, as an artifact of a run."""
        import skops.io

        with tempfile.TemporaryDirectory() as folder, quiet():
            skops.io.dump(model, Path(folder) / f"{name}.skops")
            for file, text in texts.items():
                (Path(folder) / file).write_text(text, encoding="utf-8")
            self.client.log_artifacts(run_id, folder, name)

    def record_gates(self, version: ModelVersion, gates: Iterable[Gate]) -> None:
        """Write how each gate went to the version's tags."""
        for gate in gates:
            text = f"{'passed' if gate.passed else 'failed'}: {gate.detail}"
            tag = f"segmentry.gate.{gate.name.replace(' ', '_')}"
            self.client.set_model_version_tag(self.registered, version.version, tag, text)

    def note(self, name: str, values: Mapping[str, Any]) -> None:
        """Write values to the model, in place of those noted under that name before."""
        self.client.set_registered_model_tag(
            self.registered, name, json.dumps(values, sort_keys=True)
        )

    def noted(self, name: str) -> dict[str, Any]:
        """The values last noted under that name; empty if there are none."""
        models = self.client.search_registered_models(f"name = '{self.registered}'")
        found: dict[str, Any] = json.loads(models[0].tags.get(name, "{}")) if models else {}
        return found

    def run_of(self, version: ModelVersion) -> TrackedRun:
        """The run that trained a version."""
        return self.client.get_run(version.run_id)

    def metrics(self, version: ModelVersion) -> Mapping[str, float]:
        """Figures of the run that trained a version, the last of each name."""
        return self.run_of(version).data.metrics

    def artifact(self, run_id: str, name: str) -> Any:
        """A JSON artifact of a run."""
        import mlflow

        with quiet():
            return mlflow.artifacts.load_dict(f"runs:/{run_id}/{name}")

    def has_artifact(self, run_id: str, name: str) -> bool:
        """Whether a run logged that artifact."""
        return any(found.path == name for found in self.client.list_artifacts(run_id))


def log_model(model: Model, example: pd.DataFrame, *, classifies: bool) -> str:
    """Log a fitted pipeline to the current run with signature and example; return its URI."""
    import mlflow
    from mlflow.models import infer_signature

    output = model.predict_proba(example) if classifies else model.predict(example)
    with own_code(model) as code:
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(example, output),
            input_example=example,
            serialization_format="skops",
            skops_trusted_types=list(TRUSTED),
            code_paths=code,
            pip_requirements=_pinned(),  # inferring them by importing the model again takes 4 s
            pyfunc_predict_fn="predict_proba" if classifies else "predict",
        )
    uri: str = logged.model_uri
    mlflow.set_tag("segmentry.model_uri", uri)
    return uri


def identity(version: ModelVersion) -> str:
    """What distinguishes a version's model from every other, also from one of the same number in an
    MLflow that was wiped.
    """
    return str(version.tags.get("segmentry.key") or version.run_id)


@contextmanager
def own_code(model: Model) -> Iterator[list[str] | None]:
    """Files of this project that others need to serve a pipeline: none, except one for the lifetime
    model.
    """
    home = type(model.steps[-1][1] if hasattr(model, "steps") else model).__module__
    if not home.startswith("ml."):
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "ml"
        package.mkdir()
        for name in ("__init__", home.removeprefix("ml.")):
            shutil.copy(Path(__file__).parents[1] / f"{name}.py", package)
        yield [str(package)]


def _pinned() -> list[str]:
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in REQUIREMENTS]


def _create_database(file: Path, settings: Settings) -> None:
    """Create MLflow's tables next to the file and move them there: a kill in between leaves no
    half-made schema.
    """
    if file.exists():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    store = SqlAlchemyStore(f"sqlite:///{partial}", str(settings.mlflow_artifacts))  # type: ignore[no-untyped-call]
    store.engine.dispose()
    # Never in place of the file that another process has made and begun to fill.
    with suppress(FileExistsError):
        os.link(partial, file)
    partial.unlink()


def _experiment(client: MlflowClient, name: str, settings: Settings) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        identifier: str = found.experiment_id
        return identifier
    place = None
    # A server has its own place; without one MLflow would write into the folder of the process.
    if not settings.mlflow_uri.startswith(("http:", "https:")):
        folder = settings.mlflow_artifacts / name
        folder.mkdir(parents=True, exist_ok=True)
        place = folder.as_uri()
    created: str = client.create_experiment(name, artifact_location=place)
    return created


@contextmanager
def quiet() -> Iterator[None]:
    """Keep libraries' advice off standard error: an operator reads the stage's notes there."""
    with warnings.catch_warnings(), redirect_stderr(StringIO()), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        yield
