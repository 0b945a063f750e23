"""Every command, target and link that the documentation names exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.main import build
from segmentry.settings import ROOT
from tests.docs._blocks import Command, commands, pages

ALL = [command for page in pages() for command in commands(page)]
SEGMENTRY = [c for c in ALL if any(word.rpartition("/")[2] == "segmentry" for word in c.words[:4])]


def test_there_are_commands_to_check() -> None:
    assert len(SEGMENTRY) > 5


@pytest.mark.parametrize("command", SEGMENTRY, ids=str)
def test_a_documented_command_exists_with_its_options(command: Command) -> None:
    words = command.words
    start = next(i for i, word in enumerate(words) if word.rpartition("/")[2] == "segmentry")
    node: Any = typer.main.get_command(build())
    rest = words[start + 1 :]
    while hasattr(node, "commands") and rest and not rest[0].startswith("-"):
        assert rest[0] in node.commands, f"{command}: no such command '{rest[0]}'"
        node = node.commands[rest[0]]
        rest = rest[1:]
    options = {
        name for parameter in node.params for name in (*parameter.opts, *parameter.secondary_opts)
    }
    used = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
    assert used <= options | {"--help"}, f"{command}: unknown options {sorted(used - options)}"


@pytest.mark.parametrize("command", [c for c in ALL if c.words[:1] == ["make"]], ids=str)
def test_a_documented_make_target_exists(command: Command) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    target = next(word for word in command.words[1:] if "=" not in word)
    assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), (
        f"{command}: no such target"
    )


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not broken, f"{page.relative_to(ROOT)} links to what is not there: {broken}"


def test_the_readme_names_every_top_folder() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"^\| `([a-z_]+)/` \|", text, re.MULTILINE))
    there = {
        path.name
        for path in ROOT.iterdir()
        if path.is_dir() and not path.name.startswith(".") and any(path.iterdir())
    }
    there -= {"build", "segmentry.egg-info", "logs", "__pycache__"}
    assert shown == there, f"only in the README: {shown - there}; only in the tree: {there - shown}"


# Files that a page has its reader write, or that `make secrets` or a run writes.
MADE = re.compile(r"till_orders|returning_buyers|[/_]points[./]|/generated/|deploy/secrets")
_PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*)`")


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_file_of_the_repository_that_a_page_names_exists(page: Path) -> None:
    """Paths are relative to the repository, or to the dbt project within it."""
    roots = (ROOT, ROOT / "dbt_project")
    missing = [
        name
        for name in _PATH.findall(page.read_text(encoding="utf-8"))
        if any((root / name.partition("/")[0]).is_dir() for root in roots)
        and not MADE.search(name)
        and not any((root / name).exists() for root in roots)
    ]
    assert not missing
