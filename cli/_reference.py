"""The reference of the command line, made from the commands' own help."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from segmentry.generated import GeneratedFile
from segmentry.settings import ROOT, Settings

_HEAD = """# Commands

Made by `make generate` from the commands' own help. Every command exits with 0 done, 1 failed, 2
wrong use, or 3 stopped by a gate or a guardrail; errors go to standard error.
"""


def generated_files(_settings: Settings) -> list[GeneratedFile]:
    """docs/reference/commands.md."""
    from cli.main import build  # assembles every command, which nothing else here needs

    tree: Any = typer.main.get_command(build())
    text = _HEAD + "".join(_sections(tree, "segmentry"))
    return [GeneratedFile(ROOT / "docs" / "reference" / "commands.md", text)]


def _sections(node: Any, path: str) -> Iterator[str]:
    for name, command in sorted(node.commands.items()):
        full = f"{path} {name}"
        if hasattr(command, "commands"):
            yield from _sections(command, full)
        else:
            yield f"\n## `{full}`\n\n{_paragraphs(command.help or '')}\n\n{_parameters(command)}"


def _paragraphs(text: str) -> str:
    """The help's paragraphs, each on one line; the example as code."""
    parts = [" ".join(part.split()) for part in text.split("\n\n")]
    return "\n\n".join(
        f"Example: `{p.removeprefix('Example: ')}`" if p.startswith("Example: ") else p
        for p in parts
    )


def _parameters(command: Any) -> str:
    rows = [
        f"| {_name(p)} | {' '.join((getattr(p, 'help', None) or '').split())} |\n"
        for p in command.params
    ]
    return "| word | meaning |\n|---|---|\n" + "".join(rows) if rows else ""


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.name.upper()}`"
    return ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))
