"""What people write: support tickets and answers to surveys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from simulator import texts
from simulator.arrays import Floats, Ints, Stream, choose, iso
from simulator.life import FADING, LEFT
from simulator.people import Behaviour
from simulator.personas import PERSONAS, QUESTIONS
from simulator.places import PLACES
from simulator.shop import DAY_MS, Shop
from simulator.visits import Visits

SURVEY_EVERY = 30  # days between two waves of the survey
SURVEY_SHARE = 0.22  # of the people with an account who answer a wave
_MEANS = np.array([persona.answers for persona in PERSONAS])


@dataclass
class Voices:
    """The truth of what was written: (ticket or response, person, topic, sentiment, language)."""

    truth: list[tuple[str, int, str, str, str]] = field(default_factory=list)


def tickets(shop: Shop, visits: Visits, day: int, voices: Voices | None) -> list[str]:
    """The tickets of a day: some who bought or wished to write one, the fading more often and less
    kindly.
    """
    rng = shop.rng(Stream.tickets, day)
    grumpy = shop.life.state[visits.person] == FADING
    writes = rng.random(len(visits)) < np.where(visits.buys, 0.07, 0.012) * np.where(
        grumpy, 2.0, 1.0
    )
    writes &= shop.known_email[visits.person]
    who = visits.person[writes]
    sentiment = np.where(
        grumpy[writes],
        choose(rng, (0.7, 0.2, 0.1), len(who)),
        choose(rng, (0.35, 0.4, 0.25), len(who)),
    )
    np.add.at(shop.life.irritation, who[sentiment == 0], 0.8)
    if voices is None:
        return []
    topic = choose(rng, (0.3, 0.2, 0.2, 0.12, 0.1, 0.08), len(who))
    created = np.minimum(
        visits.start[writes] + rng.integers(60_000, 3_600_000, len(who)), DAY_MS - 1000
    )
    created = created + shop.midnight(day)
    solved = created + rng.integers(600_000, 3 * DAY_MS, len(who))
    last = shop.midnight(day + 1) - 1
    lines = []
    for at, stamps in enumerate(zip(iso(created), iso(np.minimum(solved, last)), strict=True)):
        key = f"T{day:04d}{at + 1:05d}"
        done = bool(solved[at] <= last) or day % 9 > 0
        content = (int(topic[at]), int(sentiment[at]), int(rng.integers(0, 10_000)))
        lines.append(_ticket(shop, int(who[at]), key, stamps, content, done, voices))
    return lines


def _ticket(
    shop: Shop,
    person: int,
    key: str,
    stamps: tuple[str, str],
    content: tuple[int, int, int],
    done: bool,
    voices: Voices,
) -> str:
    topic, sentiment, which = content
    language = PLACES[int(shop.people.place[person])].language
    language = language if which % 10 < 7 else "en"
    subject, body = texts.subject_and_body(language, topic, sentiment, which)
    voices.truth.append((key, person, texts.TOPICS[topic], texts.SENTIMENTS[sentiment], language))
    is_user = bool(shop.registered[person])
    line: dict[str, Any] = {"ticket_id": key, "email": shop.people.email(person)}
    line["user_id"] = shop.people.user_id(person) if is_user and which % 3 else None
    line |= {
        "subject": subject,
        "body": body,
        "channel": ("email", "chat", "phone", "web")[which % 4],
    }
    line |= {
        "priority": ("normal", "high", "low")[0 if sentiment else 1],
        "status": "solved" if done else "open",
    }
    line |= {"category": texts.TOPICS[topic] if which % 5 else "other", "created_at": stamps[0]}
    line |= {
        "updated_at": stamps[1] if done else stamps[0],
        "resolved_at": stamps[1] if done else None,
    }
    line["satisfaction"] = (
        (1 + which % 2, 3 + which % 2, 4 + which % 2)[sentiment] if which % 3 == 0 else None
    )
    return orjson.dumps(line).decode()


def surveys(shop: Shop, day: int, voices: Voices) -> list[str]:
    """The answers of a day: waves every month, of people who have not left."""
    if day % SURVEY_EVERY > 4 or day < 5:
        return []
    rng = shop.rng(Stream.surveys, day)
    people = shop.people
    can = shop.registered & (people.kind == Behaviour.registered) & (shop.life.state != LEFT)
    who = np.flatnonzero(can & (rng.random(len(people)) < SURVEY_SHARE / 5))
    answers = np.clip(
        np.rint(_MEANS[people.persona[who]] + rng.normal(0, 0.6, (len(who), len(QUESTIONS)))), 1, 5
    )
    missing = rng.random(answers.shape) < 0.04
    nps = _nps(shop, rng, who)
    times = shop.midnight(day) + rng.integers(DAY_MS // 4, DAY_MS - 1000, len(who))
    lines = []
    for at, (person, stamp) in enumerate(zip(who.tolist(), iso(times), strict=True)):
        given = {
            name: int(answers[at, column])
            for column, name in enumerate(QUESTIONS)
            if not missing[at, column]
        } | {"nps": int(nps[at])}
        lines.append(
            _response(
                shop,
                person,
                f"R{day:04d}{at + 1:06d}",
                stamp,
                given,
                int(rng.integers(0, 10_000)),
                voices,
            )
        )
    return lines


def _nps(shop: Shop, rng: np.random.Generator, who: Ints) -> Ints:
    mood: Floats = (
        8.2
        - 2.5 * (shop.life.state[who] == FADING)
        - 2.0 * np.minimum(shop.life.irritation[who], 2)
    )
    return np.clip(np.rint(mood + rng.normal(0, 1.3, len(who))), 0, 10).astype(np.int64)


def _response(
    shop: Shop, person: int, key: str, stamp: str, given: dict[str, int], which: int, voices: Voices
) -> str:
    line: dict[str, Any] = {
        "response_id": key,
        "survey": "shopping_habits",
        "email": shop.people.email(person),
    }
    line |= {
        "user_id": shop.people.user_id(person),
        "submitted_at": stamp,
        "answers": given,
        "comment": None,
    }
    if which % 4 == 0:
        language = PLACES[int(shop.people.place[person])].language
        sentiment = 0 if given["nps"] <= 6 else 1 if given["nps"] <= 8 else 2
        topic = which // 4 % len(texts.TOPICS)
        line["comment"] = texts.subject_and_body(language, topic, sentiment, which // 8)[1]
        voices.truth.append(
            (key, person, texts.TOPICS[topic], texts.SENTIMENTS[sentiment], language)
        )
    return orjson.dumps(line).decode()
