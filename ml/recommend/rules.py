"""Business rules: which products a list may contain, and how many of one category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

Choice = tuple[str, float, str]  # product_id, score, kind


@dataclass(frozen=True)
class ListRules:
    """size: products per list. inactive: product_ids that cannot be bought. categories: product_id
    to category; a product without one is under no limit. max_per_category: 0 is no limit.
    """

    size: int
    inactive: Set[str]
    categories: Mapping[str, str]
    max_per_category: int = 0

    def chosen(self, offered: Iterable[Choice], excluded: Set[str] = frozenset()) -> list[Choice]:
        """The first offered choices that the rules allow, in their order. excluded: products that
        this person must not see.
        """
        return list(self._allowed(offered, excluded))

    def _allowed(self, offered: Iterable[Choice], excluded: Set[str]) -> Iterator[Choice]:
        seen: set[str] = set()
        used: Counter[str] = Counter()
        for product, score, kind in offered:
            if product in seen or product in excluded or product in self.inactive:
                continue
            category = self.categories.get(product)
            if category and self.max_per_category and used[category] >= self.max_per_category:
                continue
            seen.add(product)
            if category:
                used[category] += 1
            yield product, score, kind
            if len(seen) == self.size:
                return
