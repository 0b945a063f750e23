"""``mlflow models serve`` of a champion, as in the how-to: the same scores over HTTP as in the
lake's process.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml import stages
from ml.registry.tracking import Tracker
from segmentry.stages import RunContext
from tests.ml.small_lake import settings_in

pytestmark = pytest.mark.soak
PATIENCE = 900.0  # seconds until the server must answer; a busy machine stretches its imports


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def answered(url: str, body: bytes) -> list[list[float]]:
    deadline = time.monotonic() + PATIENCE
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                predictions: list[list[float]] = json.loads(reply.read())["predictions"]
                return predictions
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from None
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def test_the_served_champion_returns_the_same_scores(tmp_path: Path) -> None:
    import mlflow

    context = RunContext(settings_in(tmp_path, 2500))
    stages.train(context, "churn")
    tracker = Tracker(context.settings, "churn")
    port = free_port()
    served = mlflow.pyfunc.load_model("models:/segmentry.churn@champion")
    example = served.input_example
    assert isinstance(example, pd.DataFrame)
    words = [str(Path(sys.executable).with_name("mlflow")), "models", "serve", "--model-uri"]
    words += [
        "models:/segmentry.churn@champion",
        "--env-manager",
        "local",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": context.settings.mlflow_uri}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with subprocess.Popen(words, env=environment, cwd=tmp_path, start_new_session=True) as server:
        try:
            body = json.dumps(
                {"dataframe_split": json.loads(example.to_json(orient="split", index=False))}
            ).encode()
            served_scores = np.array(answered(f"http://127.0.0.1:{port}/invocations", body))
        finally:
            os.killpg(server.pid, 15)
    own = tracker.load(tracker.at_alias()).predict_proba(example)
    print(served_scores[:, 1])
    assert np.allclose(served_scores, own)
