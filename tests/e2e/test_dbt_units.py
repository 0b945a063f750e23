"""Every unit test of the dbt project, on an empty lake whose relations have been created without
rows.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import pytest

from activation import published
from identity import policy
from segmentry import dbt, warehouse
from segmentry.clock import decide
from segmentry.settings import Settings
from segmentry.stages import RunContext
from sources.stages import ensure_raw

pytestmark = [pytest.mark.slow]


def test_the_projects_unit_tests_pass(home: Settings) -> None:
    ensure_raw(home)
    decide(RunContext(home, as_of=datetime(2026, 1, 1)))
    policy.write_policy(home)
    with warehouse.connect(home) as lake:
        published.ensure(lake)
    empty = dbt.invoke(home, ["run", "--empty"])
    assert empty.success, [
        (r.node.name, r.message) for r in empty.result or [] if str(r.status) == "error"
    ]
    outcome = dbt.invoke(
        home, ["test", "--select", "test_type:unit", "--exclude", "path:models/identity"]
    )
    # Some relations of identity are in memory only: the command that makes them runs the unit tests
    # of identity.
    words = ["build", "--select", "path:models/identity", "--exclude-resource-type", "test"]
    results = [
        *outcome.result,
        *(r for r in dbt.invoke(home, words).result if r.node.resource_type == "unit_test"),
    ]
    states = Counter(str(result.status) for result in results)
    failed = [
        f"{r.node.name}: {r.message}" for r in results if str(r.status) not in {"pass", "success"}
    ]
    print(f"{sum(states.values())} unit tests: {dict(states)}")
    assert not failed, "\n".join(failed)
    assert states["pass"] > 50
