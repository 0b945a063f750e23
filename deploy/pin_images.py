"""Pins the images of docker-compose.yml and Dockerfile to the digests that the registry has for
their tags now.

Needs docker with buildx and the network. Review the change and commit it: from then on a tag that
is moved in the registry changes nothing here.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGE = re.compile(
    r"^(?P<start>\s*image: |FROM )(?P<name>(?!segmentry)[\w./-]+:[\w.-]+)(?:@sha256:[0-9a-f]{64})?",
    re.M,
)


def digest(name: str) -> str:
    """The digest of a tag, asked of its registry."""
    words = ["docker", "buildx", "imagetools", "inspect", name, "--format", "{{.Manifest.Digest}}"]
    text = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", text):
        sys.exit(f"{name}: the registry answered with no digest")
    return text


def pinned(text: str, digests: dict[str, str]) -> str:
    """The text with each image's digest behind its tag."""
    return IMAGE.sub(
        lambda found: f"{found['start']}{found['name']}@{digests[found['name']]}", text
    )


if __name__ == "__main__":
    for path in (ROOT / "docker-compose.yml", ROOT / "Dockerfile"):
        text = path.read_text(encoding="utf-8")
        names = {found["name"] for found in IMAGE.finditer(text)}
        path.write_text(
            pinned(text, {name: digest(name) for name in sorted(names)}), encoding="utf-8"
        )
