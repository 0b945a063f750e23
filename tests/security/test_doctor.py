"""`segmentry doctor` names each fault with its fix, and what a run leaves is its owner's alone."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli.main import run
from runtime import health, login
from segmentry import permissions
from segmentry.settings import Settings


def _doctor(
    capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, dict[str, dict[str, str]]]:
    capsys.readouterr()
    code = run(["doctor", "--output", "json", *words])
    return code, {row["check"]: row for row in json.loads(capsys.readouterr().out)}


def test_open_files_are_named_and_fixed(home: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    permissions.tighten(home.home)
    (home.home / "outbox").mkdir(mode=0o755)
    (home.home / "outbox").chmod(0o755)
    exported = home.home / "outbox" / "people.csv"
    exported.write_text("a\n", encoding="utf-8")
    exported.chmod(0o664)
    code, found = _doctor(capsys)
    assert code == 1 and found["permissions"]["verdict"] == "fault"
    assert (
        "2 file(s)" in found["permissions"]["detail"]
        and "doctor --fix" in found["permissions"]["detail"]
    )
    code, found = _doctor(capsys, "--fix")
    assert code == 0 and {row["verdict"] for row in found.values()} == {"fine"}
    assert stat.S_IMODE(exported.stat().st_mode) == 0o600
    assert set(found) >= {
        "lake",
        "sources",
        "syncs",
        "policies",
        "permissions",
        "passwords",
        "disk",
        "extensions",
    }


def test_a_link_out_of_the_home_is_not_followed(home: Settings, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("x", encoding="utf-8")
    other.chmod(0o644)
    (home.home / "link").symlink_to(other)
    permissions.tighten(home.home)
    assert stat.S_IMODE(other.stat().st_mode) == 0o644
    assert list(permissions.open_to_others(home.home)) == []


def test_a_weak_password_is_a_fault(home: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    permissions.tighten(home.home)
    permissions.write_secret(login.password_file(home), "short\n")
    code, found = _doctor(capsys)
    assert (
        code == 1
        and "fewer than" in found["passwords"]["detail"]
        and "short" not in found["passwords"]["detail"]
    )


def test_a_secret_in_an_open_file_is_a_fault(
    home: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    permissions.tighten(home.home)
    secret = tmp_path / "lake.password"
    secret.write_text("a-long-enough-one\n", encoding="utf-8")
    secret.chmod(0o640)
    monkeypatch.setenv("SEGMENTRY_CATALOG_PASSWORD_FILE", str(secret))
    code, found = _doctor(capsys)
    assert code == 1 and f"chmod 600 {secret}" in found["passwords"]["detail"]


def test_little_room_is_a_fault(
    home: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(health.shutil, "disk_usage", lambda _: SimpleNamespace(free=300_000_000))
    code, found = _doctor(capsys)
    assert (
        code == 1
        and found["disk"]["detail"].startswith("0.3 GB are free")
        and "To do:" in found["disk"]["detail"]
    )


def test_altered_extensions_are_a_fault(home: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    first, *_ = home.extensions.rglob("*.duckdb_extension")
    copied = first.with_suffix(".copied")
    shutil.copyfile(first, copied)
    with copied.open("r+b") as file:
        file.seek(1000)
        file.write(b"other")
    copied.replace(first)
    code, found = _doctor(capsys)
    assert (
        code == 1
        and found["extensions"]["verdict"] == "fault"
        and "delete" in found["extensions"]["detail"]
    )


@pytest.mark.slow
def test_what_commands_leave_is_private(tmp_path: Path) -> None:
    """Whatever the umask of the shell: each file and folder that a small shop's stages make."""
    env = {
        **{
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SEGMENTRY_", "MLFLOW_"))
        },
        "SEGMENTRY_HOME": str(tmp_path / "home"),
    }

    def call(*words: str) -> None:
        program = [
            sys.executable,
            "-c",
            "import os; os.umask(0); from cli.main import main; main()",
            *words,
        ]
        done = subprocess.run(program, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]

    call(
        "simulate", "--people", "60", "--days", "60", "--seed", "5", "--out", str(tmp_path / "shop")
    )
    call("load", "--from", str(tmp_path / "shop"))
    for stage in ("staging",):
        call("run", "--no-airflow", "--select", stage)
    home = tmp_path / "home"
    made = [path for path in home.rglob("*") if "duckdb_extensions" not in path.parts]
    assert any(path.suffix == ".parquet" for path in made) and any(
        path.name == "dbt.log" for path in made
    )
    assert [str(path) for path in permissions.open_to_others(home)] == []
    assert [str(path) for path in permissions.open_to_others(tmp_path / "shop")] == []
