"""Back-test periods before the newest: each is fitted to what was known then, where it can be.
The fits of labels and of forecasts call it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ml.data.dataset import Period
from ml.evaluate.backtest import Measured
from ml.fit.search import Dropped


def measured_each(
    periods: Iterable[Period], measure: Callable[[Period], Measured]
) -> tuple[list[Measured], list[Dropped]]:
    """The figures of the periods in their order, and those periods that cannot be fitted.

    A young shop may lack a feature altogether before some day, and a library may raise anything on
    such data. The newest period decides about the model, so an older one never stops it. Texts of
    errors may quote data, so the kind alone is kept.
    """
    found: list[Measured] = []
    dropped: list[Dropped] = []
    for period in periods:
        try:
            found.append(measure(period))
        except Exception as error:
            name = f"back-test period of {period.as_of:%Y-%m-%d}"
            dropped.append(Dropped(name, type(error).__name__))
    return found, dropped
