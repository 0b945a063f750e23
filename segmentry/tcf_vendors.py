"""The vendors of the Global Vendor List that the policy names: platforms that audiences go to.

The dbt model of consent answers reads them: advertising needs the consent to each of them.
"""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from segmentry.crawlers import CONFIG_VARIABLE
from segmentry.settings import ROOT


def of_policy(config: Path | None = None) -> tuple[int, ...]:
    """``consent/tcf_vendors`` of policies.yml in the folder, by default that of the running dbt,
    else the shipped one; the schema of the policies has checked it.
    """
    folder = config or Path(os.environ.get(CONFIG_VARIABLE) or ROOT / "config")
    path = folder / "policies.yml"
    if not path.exists():
        return ()
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) or {}
    return tuple((content.get("consent") or {}).get("tcf_vendors") or ())
