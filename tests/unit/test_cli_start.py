"""The command line answers without importing what it does not need."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest
import typer

from cli._commands import FOLDER, CommandFolder, first_sentence
from cli.main import build, run
from segmentry.settings import ROOT

HEAVY = {"duckdb", "dbt", "airflow", "mlflow", "sklearn", "pandas", "sqlglot", "jsonschema"}


@pytest.mark.parametrize("word", ["--help", "--version", "no-such-command"])
def test_help_version_and_wrong_words_import_nothing_heavy(word: str) -> None:
    script = (
        "import sys; from cli.main import run; run(sys.argv[1:]); "
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, word], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "typer" in loaded
    assert not loaded & HEAVY


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
