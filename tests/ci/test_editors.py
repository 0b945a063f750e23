"""Every JSON Schema is wired to the files that it describes, and describes them."""

from __future__ import annotations

import json

import pytest
import yaml

from cli._editors import FILES
from segmentry import configuration
from segmentry.settings import ROOT


def test_every_schema_is_wired_in_the_editor() -> None:
    kinds = {path.name.partition(".")[0] for path in (ROOT / "config/schemas").glob("*.json")}
    assert set(FILES) == kinds
    wired = json.loads((ROOT / ".vscode" / "settings.json").read_text())["yaml.schemas"]
    assert wired == {f"config/schemas/{kind}.schema.json": FILES[kind] for kind in kinds}


@pytest.mark.parametrize("kind", sorted(FILES))
def test_the_files_of_a_schema_satisfy_it(kind: str) -> None:
    paths = sorted(ROOT.glob(FILES[kind]))
    assert paths or kind == "experiment"
    for path in paths:
        configuration.check(configuration.read(path), path, kind)


@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml"])
def test_the_recipes_call_the_report_with_a_base(name: str) -> None:
    text = (ROOT / "deploy" / "ci" / name).read_text()
    assert yaml.safe_load(text)
    assert "segmentry ci report --base" in text
    assert "fork" in text
