"""Functions that a value passes in a checkout, by data path: `python -m benchmarks.stops [FOLDER]`.

A stop is a function or method with a parameter whose annotation names the type of the value. The
types are those of this checkout and of the one before the rooms were made, so that one command
counts both. All such functions count, whichever of them one value passes; a class that keeps the
value counts once, where it takes it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from segmentry.settings import ROOT

# What the value of each path is an instance of while it passes.
PATHS: Mapping[str, frozenset[str]] = {
    "landed event": frozenset({"Records", "Input", "Found", "FoundFile", "_Load", "Seen"}),
    "profile row to sync": frozenset({"Plan", "SyncPlan", "Standing"}),
    "sent row": frozenset({"Row", "Batch", "Outcome", "RowOutcome"}),
    "model spec to score": frozenset(
        {"Spec", "Learnt", "ModelSpec", "ForecastSpec", "PersonaSpec", "UpliftSpec"}
    ),
    "predicate to membership": frozenset({"Predicate"}),
}
# A name may be of another thing in another room.
ROOMS: Mapping[str, tuple[str, ...]] = {
    "landed event": ("sources",),
    "profile row to sync": ("activation",),
    "sent row": ("activation",),
    "model spec to score": ("ml",),
    "predicate to membership": ("segmentry", "segments", "cli", "ml"),
}


def stops(root: Path, path: str) -> dict[str, list[str]]:
    """File to the names of its functions that take a value of this path as an argument."""
    found: dict[str, list[str]] = {}
    for room in ROOMS[path]:
        for file in sorted((root / room).rglob("*.py")):
            if file.parent.name == "destinations":
                continue  # a row passes one of them
            tree = ast.parse(file.read_text(encoding="utf-8"))
            if names := [node.name for node in _functions(tree) if _takes(node, PATHS[path])]:
                found[file.relative_to(root).as_posix()] = names
    return found


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _takes(function: ast.FunctionDef | ast.AsyncFunctionDef, types: frozenset[str]) -> bool:
    given = function.args
    for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs):
        named = ast.walk(argument.annotation) if argument.annotation is not None else ()
        if any(isinstance(node, ast.Name) and node.id in types for node in named):
            return True
    return False


def main() -> None:
    """Print the number of functions and files by path."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    for path in PATHS:
        found = stops(root, path)
        functions = sum(map(len, found.values()))
        print(f"{path}: {functions} function(s) in {len(found)} file(s)")


if __name__ == "__main__":
    main()
