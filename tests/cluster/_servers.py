"""PostgreSQL and Redis on loopback, in a folder of their own, for as long as a test needs them."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest
import redis

from runtime.processes import LOOPBACK, free_port

DATABASES = ("airflow", "mlflow", "ledger", "lake")


def _program(name: str) -> str:
    places = [
        shutil.which(name),
        *sorted(str(p) for p in Path("/usr/lib/postgresql").glob(f"*/bin/{name}")),
    ]
    found = [place for place in places if place]
    if not found:
        pytest.fail(
            f"{name} is not on this machine: install the packages postgresql and redis-server"
        )
    return found[-1]


def _as_postgres() -> list[str]:
    # PostgreSQL refuses to run as root.
    return (
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        if os.geteuid() == 0
        else []
    )


@contextmanager
def postgres(folder: Path, databases: Sequence[str] = DATABASES) -> Iterator[int]:
    """A cluster with one database and role per purpose (password: the role's name); gives its
    port.
    """
    home = folder / "postgres"
    port = free_port()
    home.mkdir()
    password = folder / "postgres.password"
    password.write_text(secrets.token_hex())
    if os.geteuid() == 0:
        for parent in [folder, *folder.parents]:
            if str(parent).startswith("/tmp/"):
                parent.chmod(parent.stat().st_mode | 0o011)
        shutil.chown(home, "postgres", "postgres")
        shutil.chown(password, "postgres", "postgres")
    make = [
        _program("initdb"),
        "-D",
        str(home / "data"),
        "-U",
        "postgres",
        "--auth=scram-sha-256",
        "-E",
        "UTF8",
    ]
    make += [f"--pwfile={password}", "--no-sync"]
    subprocess.run([*_as_postgres(), *make], check=True, capture_output=True, cwd=home)
    words = [
        "-D",
        str(home / "data"),
        "-p",
        str(port),
        "-h",
        LOOPBACK,
        "-k",
        str(home),
        "-c",
        "fsync=off",
    ]
    with (folder / "postgres.log").open("wb") as log:
        server = subprocess.Popen(
            [*_as_postgres(), _program("postgres"), *words, "-c", "max_connections=200"],
            cwd=home, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        _create_databases(port, password.read_text(), databases)
        yield port
    finally:
        # A fast shutdown: it does not wait until the clients disconnect.
        server.send_signal(signal.SIGINT)
        server.wait(30)


def _create_databases(port: int, password: str, databases: Sequence[str]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            admin = psycopg2.connect(
                host=LOOPBACK, port=port, user="postgres", password=password, dbname="postgres"
            )
            break
        except psycopg2.OperationalError:
            assert time.monotonic() < deadline, "PostgreSQL did not start"
            time.sleep(0.2)
    admin.autocommit = True
    with admin.cursor() as cursor:
        for name in databases:
            cursor.execute(f"create role {name} login password '{name}'")
            cursor.execute(f"create database {name} owner {name}")
    admin.close()


@contextmanager
def broker(folder: Path) -> Iterator[str]:
    """A Redis with a password; gives its address."""
    port = free_port()
    password = secrets.token_hex()
    configuration = folder / "redis.conf"
    configuration.write_text(
        f'bind {LOOPBACK}\nport {port}\nrequirepass {password}\nsave ""\ndir {folder}\n'
    )
    configuration.chmod(0o600)
    with (folder / "redis.log").open("wb") as log:
        server = subprocess.Popen(
            [_program("redis-server"), str(configuration)], stdout=log, stderr=log
        )
    try:
        client = redis.Redis(LOOPBACK, port, password=password)
        deadline = time.monotonic() + 30
        while True:
            try:
                client.ping()
                break
            except redis.ConnectionError:
                assert time.monotonic() < deadline, "Redis did not start"
                time.sleep(0.1)
        yield f"redis://:{password}@{LOOPBACK}:{port}/0"
    finally:
        server.terminate()
        server.wait(30)
