"""How long what may be removed stays: the part ``maintenance`` of config/policies.yml."""

from __future__ import annotations

from dataclasses import dataclass

from segmentry import configuration
from segmentry.settings import Settings


@dataclass(frozen=True)
class MaintenancePolicy:
    """Days. time_travel_days: snapshots of the lake; logs_days: files of logs; airflow_days: ended
    runs in Airflow's database. The schema allows a day at least, which is longer than a job.
    """

    time_travel_days: int = 30
    logs_days: int = 30
    airflow_days: int = 30


def load(settings: Settings) -> MaintenancePolicy:
    """The policy, with defaults for what the file leaves out."""
    return MaintenancePolicy(**(configuration.policies(settings).get("maintenance") or {}))
