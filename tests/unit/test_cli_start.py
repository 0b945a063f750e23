"""The command line answers without importing what it does not need."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import typer

from cli._commands import FOLDER, CommandFolder, first_sentence
from cli._reading import lake_of
from cli.main import build, run
from segmentry import warehouse
from segmentry.settings import ROOT, Settings

HEAVY = {"duckdb", "dbt", "airflow", "mlflow", "sklearn", "pandas", "sqlglot", "jsonschema"}


# A module that waits for its first use is known to the interpreter too.
SCRIPT = """
import sys
from cli.main import run
code = run(sys.argv[1:])
waiting = "importlib.util._LazyModule"
print(code, *{name.partition(".")[0] for name, module in sys.modules.items()
    if module is not None and waiting not in repr(type(module))}, file=sys.stderr)
"""
WRONG_WORDS = (
    "segments lst", "segments list --ouput json", "segments explain", "sync bad", "sync plan --al",
    "identity x", "models x", "profile", "gates x", "consent x", "check x", "doctor --x",
    "simulate --people", "quarantine lst", "up --x", "down --x",
)  # fmt: skip


def _called(words: str, home: Path) -> tuple[int, set[str]]:
    """The exit code of a command and the packages that it loaded, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SEGMENTRY_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words.split()],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    code, *loaded = done.stderr.splitlines()[-1].split()
    assert "typer" in loaded
    return int(code), set(loaded)


@pytest.mark.parametrize("word", ["--help", "--version", "no-such-command"])
def test_help_version_and_wrong_words_import_nothing_heavy(word: str, tmp_path: Path) -> None:
    assert not _called(word, tmp_path)[1] & HEAVY


@pytest.mark.parametrize("words", WRONG_WORDS)
def test_wrong_use_of_a_verb_imports_neither_the_lake_nor_a_parser(
    words: str, tmp_path: Path
) -> None:
    code, loaded = _called(words, tmp_path)
    assert code == 2
    assert not loaded & HEAVY


@pytest.mark.parametrize(
    "words", ["profile email:ann@example.com", "segments list", "gates show raw"]
)
def test_a_verb_that_prints_rows_loads_no_data_frames(words: str, tmp_path: Path) -> None:
    warehouse.prepare(Settings.from_environment({"SEGMENTRY_HOME": str(tmp_path)}))
    _, loaded = _called(words, tmp_path)
    assert "duckdb" in loaded
    assert not loaded & {"pandas", "numpy", "pyarrow"}


def test_the_state_of_syncs_loads_no_data_frames(tmp_path: Path) -> None:
    warehouse.prepare(Settings.from_environment({"SEGMENTRY_HOME": str(tmp_path)}))
    code, loaded = _called("sync status", tmp_path)
    assert code == 0 and {"duckdb", "sqlalchemy"} <= loaded
    assert not loaded & {"pandas", "pyarrow"}


def test_data_frames_work_again_after_such_a_verb(tmp_path: Path) -> None:
    settings = Settings.from_environment({"SEGMENTRY_HOME": str(tmp_path)})
    with lake_of(settings) as lake:
        assert lake.execute("select ?", ["a"]).fetchall() == [("a",)]
    with warehouse.connect(settings) as lake:
        assert lake.execute("select ? as a", ["b"]).df().to_dict("list") == {"a": ["b"]}


def test_each_command_is_listed_with_the_beginning_of_its_own_help() -> None:
    tree = CommandFolder()
    assert {"run", "segments", "sync", "query"} <= set(tree)
    for name in tree:
        line = first_sentence(FOLDER / f"{name}.py")
        assert line, f"cli/{name}.py has no help"
        assert " ".join((tree[name].help or "").split()).startswith(line.rstrip("."))


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"segmentry {metadata.version('segmentry')}"


def test_a_misspelt_command_is_wrong_use_and_names_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["segmens"]) == 2
    assert "segments" in capsys.readouterr().err


def test_the_tree_can_be_walked() -> None:
    root = typer.main.get_command(build())
    assert "list" in root.commands["segments"].commands
    with pytest.raises(KeyError):
        root.commands["_output"]
