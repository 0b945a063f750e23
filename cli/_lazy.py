"""Imports the rooms' modules on first use while a command's file is imported, so that wrong use is
answered before DuckDB or sqlglot is loaded. Called by ``cli._commands``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

# Packages whose modules wait, as do the helpers of the command line. A command's file never waits:
# it is about to be read.
_ROOMS = frozenset(
    {
        "activation", "api", "collector", "console", "expectations", "experiments", "identity",
        "live", "ml", "privacy", "runtime", "segmentry", "segments", "simulator", "sources",
    }
)  # fmt: skip


class _Finder(MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        room, dot, _ = name.partition(".")
        if not (dot and room in _ROOMS) and not name.startswith("cli._"):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


@contextmanager
def modules_on_first_use() -> Iterator[None]:
    """Within it, an import of a room's module runs the module when its first name is used.

    What such a module imports itself is imported then, as usual. The caller's thread
    is the one that first uses the names of a command's file.
    """
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
