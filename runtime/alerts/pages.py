"""Addresses of the pages that an incident names."""

from __future__ import annotations

from collections.abc import Mapping

from runtime import services
from runtime.alerts.policy import AlertPolicy
from runtime.processes import LOOPBACK
from segmentry.settings import Settings

# Names as incidents have them; `pages` in config/alerts.yml gives other addresses.
_SERVED = {
    "airflow": services.AIRFLOW,
    "mlflow": services.MLFLOW,
    "data_docs": services.DATA_DOCS,
}


def addresses(settings: Settings, policy: AlertPolicy) -> Mapping[str, str]:
    """Page to address; those that `segmentry up` serves where the policy does not name another."""
    served = {name: f"http://{LOOPBACK}:{page.port}" for name, page in _SERVED.items()}
    if settings.mlflow_uri.startswith("http"):
        served["mlflow"] = settings.mlflow_uri
    return {**served, **policy.pages}
