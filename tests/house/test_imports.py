"""Imports of what import-linter does not see: folders that are no packages, and functions named by
a string.
"""

from __future__ import annotations

import ast
import importlib
import tomllib
from pathlib import Path

import pytest

from segmentry import generated
from segmentry.settings import ROOT
from segmentry.stages import STAGES, WITHDRAWALS
from tests.house.test_budgets import relative, tracked

ROOMS = tuple(
    tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "root_packages"
    ]
)
# What each folder may import of the project.
ALLOWED = {"dags": {*ROOMS, "dags"} - {"cli"}, "benchmarks": {*ROOMS, "benchmarks", "tests"}}


def imported(path: Path) -> set[str]:
    """Top-level names that a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def of_ml(path: Path) -> set[str]:
    """Modules and rooms of ml that a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            top, _, rest = node.module.partition(".")
            if top == "ml":
                found |= {rest.partition(".")[0]} if rest else {alias.name for alias in node.names}
    return found


def ours() -> set[str]:
    """Names of the folders of the project that contain Python."""
    return {relative(path).partition("/")[0] for path in tracked("*.py")}


# The rooms of ml, the highest first: each imports those after it, of the project's Python in ml.
ROOMS_OF_ML = ("trainers", "recommend", "personas", "registry", "fit", "evaluate", "data")


def test_rooms_of_ml_import_the_layers_below_them() -> None:
    for place, room in enumerate(ROOMS_OF_ML):
        files = tracked(f"ml/{room}/*.py")
        assert files, f"there is no ml/{room}"
        forbidden = {*ROOMS_OF_ML[:place], "lifecycle", "impact", "stages"}
        over = {relative(path): names for path in files if (names := of_ml(path) & forbidden)}
        assert not over, f"ml/{room} is below what it imports: {over}"


def test_folders_of_ml_are_its_rooms() -> None:
    names = {relative(path).split("/")[1] for path in tracked("ml/*/*.py")}
    assert names == {*ROOMS_OF_ML, "models"}


def test_packages_that_are_installed_are_those_there_are() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {
        relative(path.parent).replace("/", ".")
        for room in ROOMS
        for path in tracked(f"{room}/__init__.py", f"{room}/*/__init__.py")
    }
    assert set(settings["tool"]["setuptools"]["packages"]) == folders


@pytest.mark.parametrize("folder", sorted(ALLOWED))
def test_dags_and_benchmarks_import_the_layers_below_them(folder: str) -> None:
    files = tracked(f"{folder}/*.py")
    assert files
    over = {
        relative(path): names
        for path in files
        if (names := (imported(path) & ours()) - ALLOWED[folder])
    }
    assert not over, f"{folder}/ may import {sorted(ALLOWED[folder])}: {over}"


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_imports_what_is_not_installed(room: str) -> None:
    files = tracked(f"{room}/*.py")
    assert files, f"pyproject.toml lists {room}, which has no Python"
    over = {
        relative(path): names for path in files if (names := imported(path) & (ours() - {*ROOMS}))
    }
    assert not over, f"what {room}/ imports is not installed with it: {over}"


def test_each_folder_of_python_is_a_room_or_known_not_to_be() -> None:
    assert ours() - {*ROOMS} == {"benchmarks", "dags", "dbt_project", "deploy", "tests"}


def test_functions_named_by_a_string_exist() -> None:
    entries = [
        name for stage in (*STAGES, WITHDRAWALS) for name in (stage.entry, stage.items) if name
    ]
    for entry in (*entries, *generated.GENERATORS, *generated.RUN_TIME):
        module, _, function = entry.partition(":")
        assert callable(getattr(importlib.import_module(module), function, None)), (
            f"there is no {entry}"
        )
