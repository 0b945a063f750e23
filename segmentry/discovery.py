"""Finds units of extension by folder; a file that does not fit is a loud error that names it."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import TypeVar

from segmentry.errors import ConfigError

T = TypeVar("T")


def modules(package: str) -> dict[str, ModuleType]:
    """Modules of a package by name, those that begin with an underscore left out."""
    home = importlib.import_module(package)
    names = sorted(
        m.name for m in pkgutil.iter_modules(home.__path__) if not m.name.startswith("_")
    )
    return {name: importlib.import_module(f"{package}.{name}") for name in names}


def members(package: str, attribute: str, kind: type[T]) -> dict[str, T]:
    """The object called ``attribute`` of each module, or ConfigError naming the file that lacks
    it.
    """
    found: dict[str, T] = {}
    for name, module in modules(package).items():
        member = getattr(module, attribute, None)
        if not isinstance(member, kind):
            raise ConfigError(
                f"{package.replace('.', '/')}/{name}.py has no '{attribute}' that is a"
                f" {kind.__name__}",
                allowed=f"one {kind.__name__} called {attribute} per file",
                remedy=(
                    f"define {attribute}, or begin the file's name with an underscore if it is a"
                    " helper"
                ),
            )
        found[name] = member
    return found
