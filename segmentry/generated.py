"""Files of the repository that are made from others, and the check that holds them current."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from segmentry.settings import Settings
from segmentry.stages import resolve

# Each entry is called with the settings and gives the files that it makes.
GENERATORS: tuple[str, ...] = (
    "segmentry.manifest:generated_files",
    "activation.generate:files",
    "activation.reference:generated_files",
    "cli._reference:generated_files",
)


@dataclass(frozen=True)
class GeneratedFile:
    """A file and the text it must hold; text None means that the file must not exist."""

    path: Path
    text: str | None

    @property
    def shown(self) -> str:
        """The path as a person in the repository would write it."""
        return os.path.relpath(self.path)

    def is_current(self) -> bool:
        """Whether the file on disk holds exactly the text."""
        held = self.path.read_text(encoding="utf-8") if self.path.exists() else None
        return held == self.text

    def write(self) -> None:
        """Bring the file on disk to the text, in one step."""
        if self.text is None:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        partial.write_text(self.text, encoding="utf-8")
        partial.replace(self.path)


def all_files(settings: Settings) -> list[GeneratedFile]:
    """Every generated file, from every generator."""
    return [
        file
        for entry in GENERATORS
        for file in cast("Callable[[Settings], list[GeneratedFile]]", resolve(entry))(settings)
    ]
