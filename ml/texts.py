"""Language, topic and mood of what people write, by small local models; only new or changed texts
are read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import duckdb

from segmentry import configuration, freshness, warehouse
from segmentry.clock import of
from segmentry.settings import ROOT, Settings
from segmentry.stages import RunContext, StageReport

RELATION = "ml.text_tags"
OTHER = "other"
# Raised when a change of the code below may change a tag, so that all texts are tagged again.
REVISION = 1
_COLUMNS = (
    "kind varchar, text_id varchar, text_hash varchar, language varchar, topic varchar, sentiment"
    " double, model_version varchar, tagged_as_of timestamp"
)
_TEXTS = """
    select 'ticket' as kind, ticket_id as text_id, concat_ws('. ', subject, body) as text
        from lake.marts.tickets
    union all
    select 'survey', response_id, comment from lake.marts.surveys
"""


@dataclass(frozen=True)
class Tag:
    """The tags of one text. sentiment: -1 (bad) to 1 (good), None if no word has a mood."""

    language: str
    topic: str
    sentiment: float | None


class Tagger:
    """The models, built from config/topics.yml alone: nothing is downloaded and nothing is
    random.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content

    @property
    def version(self) -> str:
        """Changes whenever the tags of some text may change."""
        known = json.dumps([REVISION, self.content], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(known.encode()).hexdigest()[:12]

    def tags(self, texts: Sequence[str]) -> list[Tag]:
        """A tag per text."""
        if not texts:
            return []
        languages = [str(self._languages.classify(text)[0]) for text in texts]
        moods = [
            self._mood(text, language) for text, language in zip(texts, languages, strict=True)
        ]
        return [Tag(*parts) for parts in zip(languages, self._topics(texts), moods, strict=True)]

    @cached_property
    def _languages(self) -> Any:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
        identifier.set_languages(list(self.content["languages"]))
        return identifier

    @cached_property
    def _examples(self) -> tuple[Any, Any, list[str]]:
        from sklearn.feature_extraction.text import TfidfVectorizer

        pairs = [(topic, text) for topic, texts in self.content["topics"].items() for text in texts]
        # Groups of three to five letters within words find "delivered" in "delivery" in any
        # language.
        vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
        return (
            vectorizer,
            vectorizer.fit_transform([text for _, text in pairs]),
            [topic for topic, _ in pairs],
        )

    def _topics(self, texts: Sequence[str]) -> list[str]:
        vectorizer, examples, names = self._examples
        likeness = (vectorizer.transform(texts) @ examples.T).toarray()
        best = likeness.argmax(axis=1)
        least = float(self.content["least_likeness"])
        return [
            names[place] if row[place] >= least else OTHER
            for row, place in zip(likeness, best, strict=True)
        ]

    @cached_property
    def _english(self) -> Any:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        return SentimentIntensityAnalyzer()

    def _mood(self, text: str, language: str) -> float | None:
        if language == "en":
            scores = self._english.polarity_scores(text)
            return None if scores["neu"] == 1.0 or not text.strip() else float(scores["compound"])
        words = re.findall(r"\w+", text.lower())
        lexicon = self.content["moods"].get(language, {"positive": [], "negative": []})
        good = sum(word in lexicon["positive"] for word in words)
        bad = sum(word in lexicon["negative"] for word in words)
        return (good - bad) / (good + bad) if good + bad else None


def tagger(settings: Settings) -> Tagger:
    """The tagger of the installation's topics, or of the shipped ones if it has none of its
    own.
    """
    path = settings.config / "topics.yml"
    return Tagger(
        configuration.load_file(path if path.exists() else ROOT / "config" / "topics.yml", "topics")
    )


def tag(context: RunContext) -> StageReport:
    """Tag texts that are new, changed, or were tagged by another version; delete tags of deleted
    texts.
    """
    settings = context.settings
    made = tagger(context.settings)
    with warehouse.connect(settings) as lake:
        lake.execute(f"create table if not exists lake.{RELATION} ({_COLUMNS})")
        warehouse.require(lake, "marts.tickets", made_by="marts")
        rows = lake.execute(
            f"""
            with texts as (select *, md5(text) as text_hash from ({_TEXTS}) where trim(text) <> '')
            select kind, text_id, text_hash, text from texts
            anti join (select * from lake.{RELATION} where model_version = ?)
                as current_tags using (kind, text_id, text_hash)
            order by kind, text_id
            """,
            [made.version],
        ).fetchall()
        found = made.tags([row[3] for row in rows])
        stamp = of(context)
        tagged = [
            (kind, text_id, text_hash, tag.language, tag.topic, tag.sentiment, made.version, stamp)
            for (kind, text_id, text_hash, _), tag in zip(rows, found, strict=True)
        ]
        _store(lake, tagged)
        return StageReport(
            rows={RELATION: warehouse.count(lake, RELATION)}, notes=[f"{len(tagged)} text(s) read"]
        )


def _store(lake: duckdb.DuckDBPyConnection, rows: Sequence[tuple[Any, ...]]) -> None:
    import pandas as pd

    names = [column.split()[0] for column in _COLUMNS.split(", ")]
    lake.register("tagged", pd.DataFrame(rows, columns=names).astype({"sentiment": "float64"}))
    lake.execute("begin")
    existing = f"select (kind, text_id) from ({_TEXTS}) where trim(text) <> ''"
    stale = f"(kind, text_id) not in ({existing})"
    if rows:
        stale += " or (kind, text_id) in (select (kind, text_id) from tagged)"
    if rows or lake.execute(f"select 1 from lake.{RELATION} where {stale} limit 1").fetchone():
        lake.execute(f"delete from lake.{RELATION} where {stale}")
        # Features read the tags, although the schema ml is built after them.
        freshness.forget(lake, "features")
    if rows:
        chosen = ", ".join(
            "nullif(sentiment, 'nan'::double)" if name == "sentiment" else name for name in names
        )
        lake.execute(f"insert into lake.{RELATION} select {chosen} from tagged")
    lake.execute("commit")
    lake.unregister("tagged")
