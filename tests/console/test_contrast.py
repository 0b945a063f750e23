"""Text can be read in light and in dark mode: contrast as WCAG 2.2 measures it, at least 4.5."""

from __future__ import annotations

import re

import pytest

from console.render import FOLDER

CSS = (FOLDER / "static" / "console.css").read_text(encoding="utf-8")
LEAST = 4.5
# Text in the first colour on the second; a button writes in the colour of a card.
PAIRS = [
    *((text, ground) for text in ("ink", "muted", "link", "good", "warn", "bad")
      for ground in ("paper", "card")),
    ("ink", "head"), ("card", "link"), ("card", "bad"),
]  # fmt: skip


def colours(scheme: str) -> dict[str, str]:
    """The colours of a scheme by name, as six digits."""
    blocks = re.findall(r":root \{(.*?)\}", CSS, re.S)
    assert len(blocks) == 2
    found = dict(re.findall(r"--(\w+): #([0-9a-f]{6})", blocks[0]))
    if scheme == "dark":
        found |= dict(re.findall(r"--(\w+): #([0-9a-f]{6})", blocks[1]))
    return found


def luminance(colour: str) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The ratio of two colours, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_formula() -> None:
    assert contrast("000000", "ffffff") == pytest.approx(21)
    assert contrast("777777", "ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_can_be_read(scheme: str, text: str, ground: str) -> None:
    found = colours(scheme)
    assert contrast(found[text], found[ground]) >= LEAST


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_of_plots_can_be_seen(scheme: str) -> None:
    found = colours(scheme)
    assert all(contrast(found[f"s{n}"], found["card"]) >= 3 for n in range(6))
