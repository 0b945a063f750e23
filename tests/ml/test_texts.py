"""The tags of texts, and that only new or changed texts are tagged again."""

from __future__ import annotations

import pytest

from ml import texts
from segmentry import warehouse
from segmentry.clock import RELATION
from segmentry.settings import Settings
from segmentry.stages import RunContext

EXAMPLES = {
    "Where is my parcel? I am still waiting for the delivery, this is awful.": (
        "en",
        "delivery",
        -1,
    ),
    "The refund came quickly, excellent service!": ("en", "refund", 1),
    "I cannot log in, please reset my password.": ("en", "account", None),
    "Meine Lieferung ist nicht angekommen, das ist sehr schlecht.": ("de", "delivery", -1),
    "Danke, die Rückerstattung war wunderbar schnell!": ("de", "refund", 1),
    "Le produit est arrivé cassé, je suis déçue.": ("fr", "product_quality", -1),
    "Ma facture est superbe, merci !": ("fr", "billing", 1),
    "Xylophones quietly zigzag beneath jovial hummingbirds.": ("en", "other", None),
}


@pytest.mark.parametrize(("text", "expected"), EXAMPLES.items())
def test_language_topic_and_mood(
    text: str, expected: tuple[str, str, int | None], home: Settings
) -> None:
    (tag,) = texts.tagger(home).tags([text])
    language, topic, mood = expected
    assert (tag.language, tag.topic) == (language, topic)
    if mood is not None:
        assert tag.sentiment is not None
        assert tag.sentiment * mood > 0


def test_cost_follows_new_texts(home: Settings) -> None:
    context = RunContext(home)
    with warehouse.connect(home) as lake:
        lake.execute(
            f"create table lake.{RELATION} as select timestamp '2026-06-01' as as_of, true as"
            " is_given"
        )
        lake.execute(
            "create table lake.marts.tickets (ticket_id varchar, subject varchar, body varchar)"
        )
        lake.execute("create table lake.marts.surveys (response_id varchar, comment varchar)")
        lake.execute(
            "insert into lake.marts.tickets values ('1', 'Delivery', 'My parcel is late, awful.'),"
            " ('2', 'a', null)"
        )
        lake.execute(
            "insert into lake.marts.surveys values ('1', 'Excellent!'), ('2', null), ('3', ' ')"
        )
    assert texts.tag(context).notes == ["3 text(s) read"]
    before = tags(home)
    assert texts.tag(context).notes == ["0 text(s) read"]
    assert tags(home) == before

    with warehouse.connect(home) as lake:
        lake.execute(
            "update lake.marts.tickets set body = 'The parcel came, thanks, great!' where ticket_id"
            " = '1'"
        )
        lake.execute("delete from lake.marts.tickets where ticket_id = '2'")
    assert texts.tag(context).notes == ["1 text(s) read"]
    after = tags(home)
    assert [row[:2] for row in after] == [("survey", "1"), ("ticket", "1")]
    assert after[1][4] > 0 > before[1][4]


def tags(home: Settings) -> list[tuple[str, str, str, str, float]]:
    with warehouse.connect(home, read_only=True) as lake:
        return lake.execute(
            f"select kind, text_id, language, topic, sentiment from {texts.RELATION} order by 1, 2"
        ).fetchall()
