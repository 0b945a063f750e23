"""A thousand segments against ten over the same profiles, as every run evaluates them, and one
profile in Python.

The models, the history they write and their tests are the project's own, run by dbt on a lake. Both
sets of segments have as many members in all (two segments per profile), so that a ratio compares
the evaluation and not the writing. ``narrow`` are ten of the thousand's size, with a hundredth of
the members. Each set runs in a process of its own. The segments' views, which are made once when a
rule is new, are timed by themselves.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

PROFILES = int(os.environ.get("SEGMENTRY_BENCH_SEGMENTS_PROFILES", "1000000"))
MANY = 1000
FEW = 10
# Two segments per profile: a share of 0.2 for each of ten, of 0.002 for each of a thousand.
PER_PROFILE = 2
ALLOWED = 3.0
START = datetime(2026, 6, 1)
SETS = {
    "few": (FEW, PER_PROFILE / FEW),
    "many": (MANY, PER_PROFILE / MANY),
    "narrow": (FEW, PER_PROFILE / MANY),
}
# One profile of ten has no value in a column; the others are spread evenly.
KNOWN = 0.9
VALUES = {
    "bigint": "case when hash(i * 31 + {n}) % 10 > 0 then (hash(i * 77 + {n}) % 10000)::bigint end",
    "double": (
        "case when hash(i * 31 + {n}) % 10 > 0 then (hash(i * 77 + {n}) % 100000) /"
        " 100000.0::double end"
    ),
    "varchar": "case when hash(i * 31 + {n}) % 10 > 0 then 'word' || (hash(i * 77 + {n}) % 20) end",
}
YML = """\
models:
  - name: {name}
    description: Made for a benchmark. One row per profile.
    config: {{meta: {{owner: benchmark, purpose: analytics, priority: 1}}}}
unit_tests:
  - name: {name}_at_its_edges
    model: {name}
    given: [{{input: ref('profiles'), rows: []}}]
    expect: {{rows: []}}
"""
USED = {"bigint": 24, "double": 12, "varchar": 6}


def run() -> dict[str, Any]:
    """Seconds, peak memory and memberships of each set, their ratios, and milliseconds for one
    profile.
    """
    found: dict[str, Any] = {"profiles": PROFILES, "segments": MANY, "allowed_ratio": ALLOWED}
    for name in SETS:
        words = [sys.executable, "-m", "benchmarks.segments", name]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        found[name] = json.loads(done.stdout.splitlines()[-1])
    for part in ("scan", "first", "next_day"):
        for unit in ("seconds", "cpu_seconds"):
            name = f"{part}_{unit}"
            found[f"{name}_ratio"] = round(found["many"][name] / found["few"][name], 2)
    return found


def _rules(columns: dict[str, list[str]], count: int, share: float) -> list[str]:
    """Predicates of two to four conditions that match that share of the profiles."""
    chance = random.Random(7)
    rules = []
    for _ in range(count):
        parts = []
        left = share
        for _ in range(chance.randint(1, 3)):
            text, part = chance.choice(CONDITIONS)(chance, columns)
            if left / part < 0.7 * KNOWN:
                parts.append(text)
                left /= part
        rules.append(" and ".join([*parts, _range(chance, columns, left / KNOWN)]))
    return rules


def _range(chance: random.Random, columns: dict[str, list[str]], width: float) -> str:
    """A range of that share of a column's values; three of four are whole numbers, as in the
    vocabulary.
    """
    low = chance.uniform(0, 1 - width)
    if chance.random() < 0.25:
        return f"{chance.choice(columns['double'])} between {low:.5f} and {low + width:.5f}"
    first = round(low * 10000)
    return (
        f"{chance.choice(columns['bigint'])} between {first} and {first + round(width * 10000) - 1}"
    )


def _at_least(chance: random.Random, columns: dict[str, list[str]]) -> tuple[str, float]:
    value = chance.randint(1500, 4500)
    return f"{chance.choice(columns['bigint'])} >= {value}", KNOWN * (10000 - value) / 10000


def _unknown_or_below(chance: random.Random, columns: dict[str, list[str]]) -> tuple[str, float]:
    name = chance.choice(columns["bigint"])
    value = chance.randint(5000, 8000)
    return f"({name} is null or {name} < {value})", 1 - KNOWN + KNOWN * value / 10000


def _not_among(chance: random.Random, columns: dict[str, list[str]]) -> tuple[str, float]:
    count = chance.randint(2, 4)
    words = ", ".join(f"'word{number}'" for number in chance.sample(range(20), count))
    return f"{chance.choice(columns['varchar'])} not in ({words})", KNOWN * (20 - count) / 20


CONDITIONS: tuple[Callable[[random.Random, dict[str, list[str]]], tuple[str, float]], ...] = (
    _at_least, _unknown_or_below, _not_among,
)  # fmt: skip


def measure(name: str, home: Path) -> dict[str, Any]:
    """One set of segments on a lake of its own."""
    count, share = SETS[name]
    settings, rules = _shop(home, count, share)
    from segmentry import dbt, warehouse
    from segments import membership

    dbt.invoke(settings, ["parse"])
    found: dict[str, Any] = {"segments": count}
    _profiles(settings, rules, 0)
    found["views_seconds"], found["views_cpu_seconds"] = (
        round(each, 2) for each in _timed(lambda: membership.refresh_views(settings))
    )
    for day, part in enumerate(("first", "next_day")):
        _profiles(settings, rules, day)
        began = time.perf_counter()
        spent = time.process_time()
        dbt.build(settings, "path:models/segments/evaluation", artifacts=True)
        found[f"{part}_seconds"] = round(time.perf_counter() - began, 2)
        found[f"{part}_cpu_seconds"] = round(time.process_time() - spent, 2)
        found[f"{part}_models"] = dict(_models(settings))
    with warehouse.connect(settings, read_only=True) as lake:
        found["memberships"] = warehouse.count(lake, "segments.segment_memberships")
        scans = [_timed(lambda: _scan(settings, lake, rules)) for _ in range(2)]
        found["scan_seconds"], found["scan_cpu_seconds"] = (
            round(min(times), 2) for times in zip(*scans, strict=True)
        )
    found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    found["one_profile_milliseconds"] = round(_one_profile(settings, rules), 3)
    return found


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the wall, and of the processors, which stay the same on a busy machine."""
    began = time.perf_counter()
    spent = time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - spent


def _scan(settings: Any, lake: Any, rules: list[str]) -> None:
    """All predicates of all profiles, nothing written to the lake."""
    from segments import installed, matching

    asked = [(f"segment_{number:04}", rule, None) for number, rule in enumerate(rules)]
    questions = matching.questions(asked, installed.vocabulary(settings))
    matching.Scan(lake, "lake.profiles.profiles", questions).run().aggregate("count(*)").fetchall()


def _models(settings: Any) -> Iterator[tuple[str, float]]:
    results = json.loads((settings.home / "dbt" / "target" / "run_results.json").read_text())[
        "results"
    ]
    evaluated = {
        path.stem for path in (settings.dbt_project / "models/segments/evaluation").rglob("*.yml")
    }
    for result in results:
        kind, _, name = result["unique_id"].split(".")[:3]
        if kind == "model" and name in evaluated:
            yield name, round(result["execution_time"], 2)


def _one_profile(settings: Any, rules: list[str]) -> float:
    from segmentry import warehouse
    from segments import installed
    from segments.evaluation import compiled
    from segments.guard import parse

    words = installed.vocabulary(settings)
    evaluators = [compiled(parse(rule, words)) for rule in rules]
    with warehouse.connect(settings, read_only=True) as lake:
        profile = warehouse.records(
            lake, "select * from profiles.profiles order by profile_id limit 1"
        )[0]
    seconds = []
    for _ in range(300):
        began = time.perf_counter()
        for evaluate in evaluators:
            evaluate(profile)
        seconds.append(time.perf_counter() - began)
    return min(seconds) * 1000


def _shop(home: Path, count: int, share: float) -> tuple[Any, list[str]]:
    """A copy of the project with these segments alone, generated files included; profiles is a
    table that is given.
    """
    from segmentry import warehouse
    from segmentry.settings import ROOT, Settings
    from segments import installed

    project = home / "dbt_project"
    config = home / "config"
    shutil.copytree(ROOT / "dbt_project", project)
    shutil.copytree(ROOT / "config", config)
    os.environ |= {
        "SEGMENTRY_HOME": str(home), "SEGMENTRY_DBT_PROJECT": str(project),
        "SEGMENTRY_CONFIG": str(config),
    }  # fmt: skip
    settings = Settings.from_environment()
    warehouse.prepare(settings)
    for path in [
        *installed.folder(settings).glob("*.*"),
        *(project / "models" / "audiences").glob("aud_*"),
    ]:
        path.unlink()
    _without_families(project / "dbt_project.yml", config / "policies.yml")
    columns = _columns(installed.vocabulary(settings))
    rules = _rules(columns, count, share)
    for number, rule in enumerate(rules):
        path = installed.folder(settings) / f"segment_{number:04}.sql"
        path.write_text(f"select profile_id from {{{{ ref('profiles') }}}} where {rule}\n")
        path.with_suffix(".yml").write_text(YML.format(name=path.stem))
    return settings, rules


def _without_families(project: Path, policies: Path) -> None:
    """Configure no generated segments."""
    content = yaml.safe_load(project.read_text())
    content["vars"]["interest_categories"] = []
    content["vars"]["journeys"] = [{**content["vars"]["journeys"][0], "stages": []}]
    project.write_text(yaml.safe_dump(content))
    rules = yaml.safe_load(policies.read_text())
    rules["training"]["personas"] = []
    policies.write_text(yaml.safe_dump(rules))


def _columns(words: dict[str, str]) -> dict[str, list[str]]:
    return {
        kind: [
            name for name, data_type in words.items() if data_type == kind and name != "profile_id"
        ][:count]
        for kind, count in USED.items()
    }


def _profiles(settings: Any, rules: list[str], day: int) -> None:
    """The clock and the profiles of a day: on the next day one profile of a hundred has new
    values.
    """
    from segmentry import warehouse
    from segments import installed

    words = installed.vocabulary(settings)
    used = {name for names in _columns(words).values() for name in names}
    given = {
        "profile_id": "md5(who::varchar)",
        "as_of": f"timestamp '{START + timedelta(days=day)}'",
    }
    columns = [
        f"{given.get(name) or (VALUES[kind].format(n=n) if name in used else f'null::{kind}')} as"
        f" {name}"
        for n, (name, kind) in enumerate(words.items())
    ]
    changed = f"case when who % 100 < {day} then who + {PROFILES} else who end"
    with warehouse.connect(settings) as lake:
        lake.execute(
            "create or replace table lake.observability.clock (as_of timestamp, is_given boolean)"
        )
        lake.execute(
            "insert into lake.observability.clock values (?, true)", [START + timedelta(days=day)]
        )
        lake.execute(
            f"create or replace table lake.profiles.profiles as select {', '.join(columns)}"
            f" from (select who, {changed} as i from range({PROFILES}) as people (who))"
        )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(sys.argv[1], Path(folder))))
