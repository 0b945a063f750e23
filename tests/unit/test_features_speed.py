"""One profile against a thousand segments, in Python."""

from __future__ import annotations

import random
import time

from segmentry.settings import Settings
from segments import installed
from segments.evaluation import compiled
from segments.guard import parse

COUNT = 1000


def predicates() -> list[str]:
    chance = random.Random(7)
    texts = []
    for _ in range(COUNT):
        parts = [
            f"orders_{chance.choice(['30d', '90d', '365d'])} >= {chance.randint(0, 5)}",
            f"engagement_score between {chance.randint(0, 40)} and {chance.randint(40, 100)}",
            f"value_bracket in ('top', '{chance.choice(['high', 'medium', 'low'])}')",
            (
                f"(days_since_last_order < {chance.randint(1, 90)} or churn_score >="
                f" 0.{chance.randint(1, 9)})"
            ),
        ]
        texts.append(" and ".join(chance.sample(parts, chance.randint(2, 4))))
    return texts


def test_a_thousand_segments_for_one_profile(home: Settings) -> None:
    words = installed.vocabulary(home)
    evaluators = [compiled(parse(text, words)) for text in predicates()]
    profile = dict.fromkeys(words)
    profile |= {
        "orders_30d": 2,
        "orders_90d": 3,
        "orders_365d": 6,
        "engagement_score": 55.0,
        "value_bracket": "high",
    }
    profile |= {"days_since_last_order": 20, "churn_score": 0.4}

    seconds = []
    for _ in range(300):
        began = time.perf_counter()
        verdicts = [evaluate(profile) for evaluate in evaluators]
        seconds.append(time.perf_counter() - began)
    assert 0 < sum(verdict is True for verdict in verdicts) < COUNT
    # The quickest of many: what the work itself takes, whatever else the machine is doing.
    # `python -m benchmarks segments` compares it with the aim of one millisecond.
    print(f"{COUNT} segments for one profile: {min(seconds) * 1000:.3f} ms")
