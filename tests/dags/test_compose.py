"""docker-compose.yml: valid, and nobody can start it with a password that anybody knows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from segmentry.settings import ROOT

FILE = ROOT / "docker-compose.yml"
TEXT = FILE.read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SECRET = re.compile(r"password|secret|_key$|fernet|_key_id$", re.IGNORECASE)
TOPOLOGY = {
    "postgres", "redis", "object-store", "mlflow", "airflow-init", "airflow-api-server", "airflow-scheduler",
    "airflow-dag-processor", "airflow-triggerer", "airflow-worker-1", "airflow-worker-2",
}  # fmt: skip


def variables(text: str) -> set[str]:
    return set(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)", text))


def test_it_is_valid_by_the_compose_specification() -> None:
    words = [
        str(Path(sys.executable).with_name("check-jsonschema")),
        "--builtin-schema",
        "vendor.compose-spec",
        FILE.name,
    ]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_whole_topology_is_there() -> None:
    assert set(SERVICES) >= TOPOLOGY


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_modest(name: str) -> None:
    service = SERVICES[name]
    assert str(service["user"]).split(":")[0] not in {"root", "0"}
    assert "privileged" not in service
    assert "no-new-privileges:true" in service["security_opt"]
    one_shot = service["restart"] == "no"
    assert ("test" in service["healthcheck"]) is not one_shot, "health check wherever something keeps running"
    assert ":latest" not in service["image"]
    assert ":" in service["image"]
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), f"{name} opens {port} to everybody"


def test_every_secret_is_required_and_has_no_default() -> None:
    found = 0
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if not SECRET.search(key) or key.endswith("_FILE"):
                continue
            found += 1
            assert re.fullmatch(r"\$\{[A-Z0-9_]+:\?set [A-Z0-9_]+ in \.env\}", str(value)), f"{name}: {key}"
    assert found >= 12
    assert not re.search(r"://[^$\s:/]*:[^$@\s/]+@", TEXT), "a password stands in an address"


def test_every_variable_is_in_the_example_and_no_secret_has_a_value_there() -> None:
    example = dict(re.findall(r"^#? ?([A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.M))
    assert variables(TEXT) == set(example)
    assert {name: value for name, value in example.items() if value and SECRET.search(name)} == {}
    required = set(re.findall(r"\$\{([A-Z0-9_]+):\?", TEXT))
    assert required == {name for name, value in example.items() if not value}


def test_paths_that_are_mounted_or_run_are_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
    assert (ROOT / "deploy" / "airflow_init.py").exists()
    assert (ROOT / "Dockerfile").exists()


def test_the_image_is_not_roots() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER segmentry"]
    assert any("--require-hashes" in line for line in lines)
