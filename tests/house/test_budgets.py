"""Sizes that keep the thing you came to change short."""

from __future__ import annotations

import ast
import subprocess
import tomllib
from pathlib import Path

import pytest

from segmentry.settings import ROOT

FILE_LINES = {"dags/": 100, "ml/models/": 120, "activation/destinations/": 160}
DEFAULT_FILE_LINES = 400
FUNCTION_LINES = 50
# A test may be a table of cases.
TEST_FUNCTION_LINES = 70
MODEL_LINES = 100
LINE_COLUMNS = 100
COMPLEXITY = 10
LONG_PATTERN = 60


def tracked(*patterns: str) -> list[Path]:
    """Files of the checkout, those git ignores left out."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\n")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_python_files_stay_short() -> None:
    files = tracked("*.py")
    rooms = {relative(path).partition("/")[0] for path in files}
    assert rooms >= {"segmentry", "tests", "benchmarks"}
    over = []
    for path in files:
        name = relative(path)
        limit = next(
            (lines for start, lines in FILE_LINES.items() if name.startswith(start)),
            DEFAULT_FILE_LINES,
        )
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > limit:
            over.append(f"{name}: {lines} lines, at most {limit}")
    assert not over, "\n".join(over)


def test_functions_fit_on_a_screen() -> None:
    over = []
    for path in tracked("*.py"):
        is_test = relative(path).startswith("tests/")
        limit = TEST_FUNCTION_LINES if is_test else FUNCTION_LINES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > limit:
                    over.append(
                        f"{relative(path)}:{node.lineno} {node.name}: {lines} lines, at most"
                        f" {limit}"
                    )
    assert not over, "\n".join(over)


def test_sql_files_stay_short() -> None:
    models = tracked("dbt_project/*.sql")
    assert models
    sizes = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in models}
    over = [
        f"{name}: {lines} lines, at most {MODEL_LINES}"
        for name, lines in sizes.items()
        if lines > MODEL_LINES
    ]
    assert not over, "\n".join(over)


@pytest.mark.parametrize(
    "word", ["pypi.org", "files.pythonhosted", "registry.npmjs", "--index-url", "--find-links"]
)
def test_no_registry_is_named(word: str) -> None:
    named = [
        relative(path)
        for path in tracked(
            "*.lock", "*.toml", "*.yml", "*.yaml", "*.md", "Makefile", "Dockerfile", ".ci/run"
        )
        if word in path.read_text(encoding="utf-8")
    ]
    assert not named, f"{named} contain {word}"


def test_no_path_of_a_machine() -> None:
    suspects = ("/" + "work/", "/" + "root/", "/" + "home/runner")
    named = []
    for path in tracked():
        if path.suffix in {".png", ".gz", ".parquet"}:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        named += [f"{relative(path)}: {start}" for start in suspects if start in text]
    assert not named, "\n".join(named)


def too_wide(name: str, text: str) -> list[str]:
    """A pattern without a blank may be longer: it has no place to break."""
    return [
        f"{name}:{number}: {len(line)} columns, at most {LINE_COLUMNS}"
        for number, line in enumerate(text.splitlines(), 1)
        if len(line) > LINE_COLUMNS and max(map(len, line.split())) <= LONG_PATTERN
    ]


def test_lines_fit() -> None:
    """Lines of Python are the linter's."""
    files = tracked("*.sql", "*.yml", "*.yaml", "*.sh", "Dockerfile", ".ci/run")
    assert {path.name for path in files} >= {"docker-compose.yml", "Dockerfile", "run"}
    over = [
        fault
        for path in files
        for fault in too_wide(relative(path), path.read_text(encoding="utf-8"))
    ]
    assert not over, "\n".join(over)


def test_a_planted_wide_line_is_found() -> None:
    words = "a word " * 15
    assert too_wide("planted.yml", f"short\n{words}\n") == [
        "planted.yml:2: 105 columns, at most 100"
    ]
    assert not too_wide("planted.sql", f"{'x' * 80} {words[:40]}")


def test_complexity_is_linted() -> None:
    """`make check` runs the linter; C901 refuses what is above the limit, E501 wide lines."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]
    assert rules["line-length"] == LINE_COLUMNS
    assert rules["lint"]["mccabe"]["max-complexity"] == COMPLEXITY
    assert {"C90", "E", "PLR0915"} <= set(rules["lint"]["select"])
    exempt = [rule for listed in rules["lint"]["per-file-ignores"].values() for rule in listed]
    assert not {"C90", "C901", "E", "E501"} & {*exempt, *rules["lint"]["ignore"]}
