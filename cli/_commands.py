"""The command tree, read from this folder: a command's file is imported when the command is used.

``segmentry --help`` reads the one-line help of each file without importing it; imports of DuckDB,
dbt or Airflow would cost a second before anything is printed. Called by ``cli.main``.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Iterator, MutableMapping
from functools import wraps
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from cli._lazy import modules_on_first_use
from segmentry.errors import ConfigError

FOLDER = Path(__file__).parent
_NOT_COMMANDS = {"main"}


class CommandFolder(MutableMapping[str, Any]):
    """Name to command, for every file of the folder that is not a helper; a command is built when
    it is asked for.
    """

    def __init__(self) -> None:
        self.names = sorted(
            path.stem
            for path in FOLDER.glob("*.py")
            if not path.stem.startswith("_") and path.stem not in _NOT_COMMANDS
        )
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self.names:
            raise KeyError(name)
        if name not in self._built:
            self._built[name] = _command(name)
        return self._built[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._built[name] = command

    def __delitem__(self, name: str) -> None:
        raise TypeError("a command goes with its file")

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


class Root(TyperGroup):
    """The group ``segmentry``: its list of commands is printed without importing any of them."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = CommandFolder()

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands' names; the base class would build every command to list them."""
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the names with the first sentence of each command's help."""
        rows = [(name, first_sentence(FOLDER / f"{name}.py")) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def first_sentence(path: Path) -> str:
    """The help of ``app = typer.Typer(help=...)``, or the first line of the docstring of ``def
    command``.
    """
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == "command":
            return (ast.get_docstring(node) or "").partition("\n")[0]
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if "app" in names:
                return next(
                    (
                        str(ast.literal_eval(k.value))
                        for k in node.value.keywords
                        if k.arg == "help"
                    ),
                    "",
                )
    return ""


def _command(name: str) -> Any:
    with modules_on_first_use():
        module = importlib.import_module(f"cli.{name}")
    if isinstance(app := getattr(module, "app", None), typer.Typer):
        return _built(app, name)
    if callable(function := getattr(module, "command", None)):
        alone = typer.Typer(add_completion=False)
        alone.command(name=name)(function)
        return _built(alone, name)
    raise ConfigError(
        f"cli/{name}.py gives no command",
        allowed="`app`, a typer.Typer, or `command`, a function",
        remedy="define one of them, or begin the file's name with an underscore if it is a helper",
    )


def _built(app: typer.Typer, name: str) -> Any:
    # The root's options of completion, errors and markup apply to all commands below it.
    for inner in (app, *(group.typer_instance for group in app.registered_groups)):
        if inner is not None:
            inner._add_completion = False
            inner.rich_markup_mode = None
            inner.pretty_exceptions_enable = False
    command: Any = typer.main.get_command(app)
    command.name = name
    _check_roles(command, name)
    return command


def _check_roles(command: Any, path: str) -> None:
    """Let every verb below ask first whether the operator's role may run it; wrong use and help are
    answered before.
    """
    for name, verb in getattr(command, "commands", {}).items():
        _check_roles(verb, f"{path} {name}")
    if not hasattr(command, "commands") and command.callback is not None:
        command.callback = _checked(command.callback, path)


def _checked(function: Callable[..., Any], path: str) -> Callable[..., Any]:
    @wraps(function)
    def run(*arguments: Any, **options: Any) -> Any:
        from cli import _roles

        _roles.check(path)
        return function(*arguments, **options)

    return run
