"""Figures a person judges a model by."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ml.evaluate import metrics
from ml.evaluate.metrics import Labels, Vector
from ml.spec import Costs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Panels = list[list[Axes]]

OURS = "#1f5fa8"
THEIRS = "#c2571a"
PLAIN = "#9aa0a6"


class ChoiceFigures(Protocol):
    """What is drawn of one choice of groups: figures by its number of groups."""

    @property
    def algorithm(self) -> str:
        """What found them."""

    @property
    def clusters(self) -> int:
        """How many groups there are."""

    @property
    def inertia(self) -> float:
        """Squared distances to the centres, summed up."""

    @property
    def silhouette(self) -> float:
        """How far apart the groups are."""

    @property
    def stability(self) -> float:
        """How alike they are in resamples."""

    @property
    def recurrence(self) -> float:
        """How alike the group that recurs least is."""

    @property
    def valley(self) -> float:
        """Density between the two groups that are least apart, as a share of their peaks."""

    @property
    def bic(self) -> float:
        """Bayesian information criterion."""


def evaluation(
    labels: Labels, ours: Vector, heuristic: Vector, costs: Costs, threshold: float, title: str
) -> Figure:
    """Six panels: ROC, precision and recall, calibration, lift by decile, gain, cost by
    threshold.
    """
    figure, axes = panels(2, 3, title)
    for scores, name, colour in ((heuristic, "heuristic", THEIRS), (ours, "model", OURS)):
        _roc(axes[0][0], labels, scores, name, colour)
        _precision(axes[0][1], labels, scores, name, colour)
        _gain(axes[1][1], labels, scores, name, colour)
    _calibration(axes[0][2], labels, ours)
    _lift(axes[1][0], labels, ours)
    _cost(axes[1][2], labels, ours, costs, threshold)
    for axis in (axes[0][0], axes[0][1], axes[1][1]):
        axis.legend(frameon=False)
    return figure


def bars(names: list[str], values: list[float], title: str, label: str) -> Figure:
    """Horizontal bars, the largest on top."""
    figure, axes = panels(1, 1, title, width=7.0, height=0.3 * len(names) + 1.2)
    axes[0][0].barh(names[::-1], values[::-1], color=OURS)
    axes[0][0].set_xlabel(label)
    return figure


def panels(
    rows: int, columns: int, title: str, width: float | None = None, height: float | None = None
) -> tuple[Figure, Panels]:
    """A figure of so many axes; width and height in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width or 4.4 * columns, height or 3.6 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    axes: Panels = figure.subplots(rows, columns, squeeze=False).tolist()
    for axis in itertools.chain(*axes):
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _roc(axis: Axes, labels: Labels, scores: Vector, name: str, colour: str) -> None:
    order = np.argsort(-scores, kind="stable")
    hits = np.append(0, np.cumsum(labels[order])) / max(labels.sum(), 1)
    misses = np.append(0, np.cumsum(1 - labels[order])) / max((1 - labels).sum(), 1)
    axis.plot(misses, hits, color=colour, label=f"{name} {metrics.roc_auc(labels, scores):.3f}")
    axis.plot([0, 1], [0, 1], color=PLAIN, linewidth=0.8)
    axis.set(title="ROC (area)", xlabel="false cases picked", ylabel="true cases picked")


def _precision(axis: Axes, labels: Labels, scores: Vector, name: str, colour: str) -> None:
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    first = max(10, labels.size // 100)  # the first few rows swing between 0 and 1
    recall = hits / max(labels.sum(), 1)
    precision = hits / np.arange(1, labels.size + 1)
    value = metrics.average_precision(labels, scores)
    axis.plot(recall[first:], precision[first:], color=colour, label=f"{name} {value:.3f}")
    axis.set(
        title="Precision and recall (area)", xlabel="recall", ylabel="precision", ylim=(0, 1.02)
    )


def _calibration(axis: Axes, labels: Labels, scores: Vector) -> None:
    means, rates, sizes = metrics.calibration_bins(labels, scores)
    spread = 1.645 * np.sqrt(np.clip(means * (1 - means), 1e-6, None) / sizes)
    axis.plot([0, 1], [0, 1], color=PLAIN, linewidth=0.8)
    axis.errorbar(means, rates, yerr=spread, fmt="o", color=OURS, markersize=4, capsize=2)
    axis.set(
        title=f"Calibration (ECE {metrics.calibration_error(labels, scores):.3f})",
        xlabel="probability",
        ylabel="share true",
    )


def _lift(axis: Axes, labels: Labels, scores: Vector) -> None:
    order = np.argsort(-scores, kind="stable")
    rates = [
        float(labels[c].mean()) / max(float(labels.mean()), 1e-9) for c in np.array_split(order, 10)
    ]
    axis.bar(range(1, 11), rates, color=OURS)
    axis.axhline(1, color=PLAIN, linewidth=0.8)
    axis.set(
        title="Lift by decile",
        xlabel="decile, the highest scores first",
        ylabel="times the average",
        xticks=range(1, 11),
    )


def _gain(axis: Axes, labels: Labels, scores: Vector, name: str, colour: str) -> None:
    order = np.argsort(-scores, kind="stable")
    share = np.arange(1, labels.size + 1) / labels.size
    axis.plot(share, np.cumsum(labels[order]) / max(labels.sum(), 1), color=colour, label=name)
    axis.plot([0, 1], [0, 1], color=PLAIN, linewidth=0.8)
    axis.set(title="Gain", xlabel="share of people acted on", ylabel="share of true cases reached")


def _cost(axis: Axes, labels: Labels, scores: Vector, costs: Costs, threshold: float) -> None:
    values = np.unique(np.quantile(scores, np.linspace(0, 1, 60)))
    axis.plot(
        values,
        [metrics.cost_per_person(labels, scores, float(t), costs) for t in values],
        color=OURS,
    )
    axis.axhline(costs.missed * float(labels.mean()), color=PLAIN, linewidth=0.8)
    axis.axvline(threshold, color=THEIRS, linewidth=0.8)
    axis.set(title="Cost per person (grey: doing nothing)", xlabel="threshold", ylabel="cost")


def choices(found: Sequence[ChoiceFigures], chosen: int, title: str) -> Figure:
    """Six figures by number of groups, a line for the spec's own algorithm and a mark for each
    other one; the chosen number is marked.
    """
    figure, axes = panels(2, 3, title)
    names = {
        "silhouette": "Silhouette",
        "stability": "Bootstrap stability",
        "recurrence": "Recurrence of the least stable group",
        "valley": "Density between the nearest two",
        "inertia": "Elbow (inertia)",
        "bic": "BIC",
    }
    marks = dict(zip(sorted({c.algorithm for c in found} - {"own"}), "sDv^X", strict=False))
    for axis, (field, name) in zip(itertools.chain(*axes), names.items(), strict=True):
        for algorithm in ["own", *marks]:
            of = [c for c in found if c.algorithm == algorithm]
            values = [getattr(c, field) for c in of]
            is_own = algorithm == "own"
            axis.plot(
                [c.clusters for c in of],
                values,
                color=OURS if is_own else THEIRS,
                marker="o" if is_own else marks[algorithm],
                linestyle="-" if is_own else "none",
                markerfacecolor=OURS if is_own else "none",
                label=algorithm,
            )
        axis.axvline(chosen, color=PLAIN, linewidth=0.8)
        axis.set(title=name, xlabel="groups")
    axes[0][0].legend(frameon=False)
    return figure


def traits(cards: list[dict[str, Any]], title: str) -> Figure:
    """What sets each persona apart, in standard deviations from the mean of all people."""
    columns = min(3, len(cards))
    rows = -(-len(cards) // columns)
    figure, axes = panels(rows, columns, title, width=5.2 * columns, height=2.6 * rows + 0.4)
    for axis, card in zip(itertools.chain(*axes), cards, strict=False):
        shown = card["traits"][::-1]
        axis.barh([t["feature"] for t in shown], [t["effect"] for t in shown], color=OURS)
        axis.axvline(0, color=PLAIN, linewidth=0.8)
        axis.set_title(f"{card['persona']} ({card['share']:.0%})")
    for axis in list(itertools.chain(*axes))[len(cards) :]:
        axis.set_visible(False)
    return figure
