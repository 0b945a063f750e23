"""docker-compose.yml: valid, each service confined, with its own secrets and no others."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import make_secrets, pin_images, with_secrets
from segmentry.settings import ROOT

FILE = ROOT / "docker-compose.yml"
TEXT = FILE.read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SECRET = re.compile(r"password|secret|_key$|fernet|_key_id$", re.IGNORECASE)
TOPOLOGY = {
    "postgres", "redis", "object-store", "mlflow", "console", "airflow-init", "airflow-api-server",
    "airflow-scheduler",
    "airflow-dag-processor", "airflow-triggerer", "airflow-worker-1", "airflow-worker-2",
    "collector", "profile-api", "live-engine",
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
    assert ("test" in service["healthcheck"]) is not one_shot, (
        "health check wherever something keeps running"
    )
    assert ":latest" not in service["image"]
    assert ":" in service["image"]
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), f"{name} opens {port} to other machines"


def test_a_service_has_the_secrets_it_needs_and_no_others() -> None:
    workers = {"airflow-worker-1", "airflow-worker-2"}
    airflow = {
        "airflow-init",
        "airflow-api-server",
        "airflow-scheduler",
        "airflow-dag-processor",
        "airflow-triggerer",
    }
    wanted = {
        "postgres_password": {"postgres"},
        "airflow_db_password": {"postgres", *airflow, *workers},
        "mlflow_db_password": {"postgres", "mlflow"},
        "ledger_db_password": {"postgres", "console", "live-engine", *workers},
        "lake_db_password": {"postgres", "console", "profile-api", "live-engine", *workers},
        "redis_password": {"redis", "airflow-scheduler", *workers},
        "s3_access_key": {"object-store", *workers},
        "s3_secret_key": {"object-store", *workers},
        "airflow_secret_key": {"airflow-api-server"},
        "airflow_jwt_secret": airflow - {"airflow-init"},
        "airflow_fernet_key": airflow | workers,
        "admin_password": {"airflow-init", "console"},
        "mlflow_password": {"mlflow", "console", *workers},
    }
    given = {
        s: {name for name, service in SERVICES.items() if s in service.get("secrets", [])}
        for s in wanted
    }
    assert given == wanted
    assert set(COMPOSE["secrets"]) == set(wanted) == set(make_secrets.NAMES)
    assert {s["file"] for s in COMPOSE["secrets"].values()} == {
        f"deploy/secrets/{name}" for name in wanted
    }
    used = {secret for secret, _ in with_secrets.VARIABLES.values()}
    assert used <= set(wanted)


def test_no_secret_is_in_the_environment_or_in_an_argument() -> None:
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            is_place = (
                key.endswith(("_FILE", "_USERNAME", "_USERS"))
                or "password" not in str(value).lower()
            )
            assert is_place and (not SECRET.search(key) or key.endswith("_FILE")), f"{name}: {key}"
        runs = " ".join(
            map(str, [*service.get("command", []), *service["healthcheck"].get("test", [])])
        )
        assert "${" not in re.sub(r"\$\$\{HOSTNAME\}|\$\{SEGMENTRY_[A-Z]+_PORT:-\d+\}", "", runs), (
            name
        )
    assert variables(TEXT) == {
        "SEGMENTRY_AIRFLOW_PORT",
        "SEGMENTRY_API_PORT",
        "SEGMENTRY_COLLECTOR_PORT",
        "SEGMENTRY_CONSOLE_PORT",
        "SEGMENTRY_MLFLOW_PORT",
    }
    assert not re.search(r"://[^$\s:/]*:[^$@\s/]+@", TEXT), "an address contains a password"
    example = re.findall(
        r"^#? ?([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.M
    )
    assert set(example) == variables(TEXT)


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert (
        service["cpus"] <= 4 and service["pids_limit"] <= 1024 and service["mem_limit"][-1] in "mg"
    )
    assert service["tmpfs"] and service["logging"]["options"]["max-size"]
    # Only what has a page or reaches marketing tools may leave the inner network.
    workers = {"airflow-worker-1", "airflow-worker-2"}
    leaves = {"mlflow", "airflow-api-server", "console", "profile-api", "collector", *workers}
    leaves.add("live-engine")
    assert ("front" in service["networks"]) is (name in leaves)
    assert "back" in service["networks"]


def test_the_networks_are_two_and_the_inner_one_has_no_way_out() -> None:
    assert COMPOSE["networks"] == {"back": {"internal": True}, "front": {}}


def test_images_have_exact_versions_or_digests() -> None:
    images = {service["image"] for service in SERVICES.values()} - {"segmentry:0.1.0"}
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    images |= {line.split()[1] for line in lines if line.startswith("FROM")}
    for image in images:
        tag = image.partition("@")[0].rpartition(":")[2]
        assert re.match(r"\d+\.\d+", tag), image
        assert "minio" not in image
    text = (
        "  a:\n    image: redis:7.4.7-bookworm\n    image: segmentry:0.1.0\nFROM"
        " python:3.11.14-slim AS x\n"
    )
    digests = {
        "redis:7.4.7-bookworm": f"sha256:{'a' * 64}",
        "python:3.11.14-slim": f"sha256:{'b' * 64}",
    }
    once = pin_images.pinned(text, digests)
    assert (
        f"redis:7.4.7-bookworm@sha256:{'a' * 64}" in once
        and f"3.11.14-slim@sha256:{'b' * 64} AS x" in once
    )
    assert "segmentry:0.1.0\n" in once and pin_images.pinned(once, digests) == once


def test_secrets_are_made_once_in_a_folder_of_the_owner(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    assert make_secrets.make(folder) == list(make_secrets.NAMES)
    before = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert len(set(before.values())) == len(before) and all(
        len(text) >= 44 for text in before.values()
    )
    (folder / "redis_password").unlink()
    assert make_secrets.make(folder) == ["redis_password"]
    assert folder.stat().st_mode & 0o777 == 0o700
    ignored = subprocess.run(
        ["git", "check-ignore", "-q", "deploy/secrets/redis_password"],
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    assert ignored.returncode == 0
    assert "deploy/secrets" in (ROOT / ".dockerignore").read_text(encoding="utf-8").split()


def test_a_program_gets_the_addresses_that_its_secrets_complete(tmp_path: Path) -> None:
    (tmp_path / "redis_password").write_text("a/b@c:d\n", encoding="utf-8")
    (tmp_path / "airflow_fernet_key").write_text("key=", encoding="utf-8")
    assert with_secrets.variables(tmp_path) == {
        "AIRFLOW__CELERY__BROKER_URL": "redis://:a%2Fb%40c%3Ad@redis:6379/0",
        "AIRFLOW__CORE__FERNET_KEY": "key=",
    }


@pytest.mark.cluster
def test_each_role_of_the_database_has_its_own_password(tmp_path: Path) -> None:
    import psycopg2

    from tests.cluster import _servers

    folder = tmp_path / "secrets"
    make_secrets.make(folder)
    odd = folder / "lake_db_password"
    odd.chmod(0o600)
    odd.write_text("o'dd \\ $x `y` %s", encoding="utf-8")
    with _servers.postgres(tmp_path, databases=()) as port:
        admin = (tmp_path / "postgres.password").read_text(encoding="utf-8")
        env = {
            "PATH": os.environ["PATH"], "SECRETS": str(folder), "POSTGRES_USER": "postgres",
            "PGHOST": "127.0.0.1", "PGPORT": str(port), "PGPASSWORD": admin,
        }  # fmt: skip
        done = subprocess.run(
            ["sh", str(ROOT / "deploy" / "postgres-init.sh")],
            env=env,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        for name in ("airflow", "mlflow", "ledger", "lake"):
            secret = (folder / f"{name}_db_password").read_text(encoding="utf-8")
            psycopg2.connect(
                host="127.0.0.1", port=port, user=name, dbname=name, password=secret
            ).close()
        with pytest.raises(psycopg2.OperationalError, match="permission denied"):
            psycopg2.connect(
                host="127.0.0.1", port=port, user="lake", dbname="ledger", password=odd.read_text()
            )


def test_paths_that_are_mounted_or_run_are_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert (
                (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
            )
    assert (ROOT / "deploy" / "airflow_init.py").exists()
    assert (ROOT / "Dockerfile").exists()


def test_the_image_is_not_roots() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER segmentry"]
    assert any("--require-hashes" in line for line in lines)
