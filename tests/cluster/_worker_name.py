"""What Airflow calls the machine a task ran on: here, the worker's own name."""

import os
import socket


def name() -> str:
    return os.environ.get("WORKER_NAME") or socket.gethostname()
