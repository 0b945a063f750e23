"""Purchases and views as matrices, and what is computed from them: counts, pairs and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

DIGITS = 6  # scores that differ by less are ties: the order of additions must not decide
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Matrix:
    """Who has which product: rows by name, columns by product_id, both sorted; the values are 1."""

    rows: NDArray[Any]
    products: NDArray[Any]
    values: sparse.csr_matrix

    @classmethod
    def of(cls, rows: Sequence[str], products: Sequence[str], known: NDArray[Any]) -> Self:
        """A matrix of pairs of row and product. known: the columns; other products are left out."""
        pairs = pd.DataFrame({"row": rows, "product": products}, dtype=object).drop_duplicates()
        pairs = pairs[pairs["product"].isin(known)]
        names = np.array(sorted(set(pairs["row"])), dtype=object)
        place = (
            pd.Index(names).get_indexer(pairs["row"]),
            pd.Index(known).get_indexer(pairs["product"]),
        )
        shape = (len(names), len(known))
        values = sparse.csr_matrix((np.ones(len(pairs)), place), shape=shape)
        values.sort_indices()
        return cls(names, known, values)

    def aligned(self, rows: NDArray[Any]) -> sparse.csr_matrix:
        """The values with these rows in this order; a row that is missing is empty."""
        place = pd.Index(self.rows).get_indexer(rows)
        taken = self.values[np.maximum(place, 0)] if len(self.rows) else None
        if taken is None:
            return sparse.csr_matrix((len(rows), len(self.products)))
        return sparse.csr_matrix(sparse.diags((place >= 0).astype(float)) @ taken)


def most_bought(bought: pd.DataFrame, limit: int) -> NDArray[Any]:
    """product_ids of the most bought products by people, sorted by id; ties by id.

    bought: columns person and product_id.
    """
    counts = bought.drop_duplicates(["person", "product_id"])["product_id"].value_counts()
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return np.array(sorted(str(product) for product, _ in ordered[:limit]), dtype=object)


def popularity(bought: pd.DataFrame, products: NDArray[Any]) -> Scores:
    """How many people bought each product, shape (products,)."""
    counts = bought.drop_duplicates(["person", "product_id"])["product_id"].value_counts()
    return np.asarray(counts.reindex(products).fillna(0), dtype=np.float64)


def weights(bought: sparse.csr_matrix, shrinkage: float) -> Scores:
    """Weights from product to product, shape (products, products), with a diagonal of zeros.

    EASE, in closed form (Steck 2019, Embarrassingly Shallow Autoencoders for Sparse Data,
    arXiv:1905.03375): P is the inverse of X'X + shrinkage, and the weight from i to j is
    -P[i, j] / P[j, j].
    """
    gram = np.asarray((bought.T @ bought).todense(), dtype=np.float64)
    gram[np.diag_indices_from(gram)] += shrinkage
    inverse = np.linalg.inv(gram)
    found: Scores = inverse / -np.diag(inverse)
    np.fill_diagonal(found, 0.0)
    return found


def together(baskets: sparse.csr_matrix, least: int) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """How often two products are in one basket, and that as cosine (0 to 1), both of shape
    (products, products) without a diagonal. least: pairs of fewer baskets are left out.
    """
    counts = sparse.csr_matrix(baskets.T @ baskets)
    size = np.sqrt(np.maximum(counts.diagonal(), 1.0))
    counts.setdiag(0)
    counts.data[counts.data < least] = 0
    counts.eliminate_zeros()
    scale = sparse.diags(1 / size)
    return counts, sparse.csr_matrix(scale @ counts @ scale)


def best(scores: Scores, count: int) -> NDArray[np.int64]:
    """Columns of the highest scores of each row, best first; ties in the order of the columns."""
    order: NDArray[np.int64] = np.argsort(-np.round(scores, DIGITS), axis=1, kind="stable")
    return order[:, :count]
