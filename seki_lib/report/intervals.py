"""Means over seeds with their 95 % intervals, by t statistics."""

from collections.abc import Sequence

import numpy as np


def mean_interval(values: Sequence[float] | np.ndarray, tests: int = 1) -> tuple[float, float | None]:
    """Mean and half of its 95 % interval; None for fewer than two values.

    tests: how many intervals are looked at together. Each is widened so that all of them hold at 95 % (Bonferroni).
    """
    array = np.asarray(values, float)
    if len(array) < 2:
        return float(array.mean()), None
    from scipy.stats import t

    quantile = t.ppf(1 - 0.025 / tests, len(array) - 1)
    return float(array.mean()), float(quantile * array.std(ddof=1) / len(array) ** 0.5)


def interval(values: Sequence[float] | np.ndarray, tests: int = 1) -> tuple[float, float]:
    """The ends of the interval of `mean_interval`. Raises ValueError for fewer than two values."""
    mean, half = mean_interval(values, tests)
    if half is None:
        raise ValueError("one value has no interval")
    return mean - half, mean + half


def interval_text(values: Sequence[float] | np.ndarray, *, sign: bool = False, digits: int = 2) -> str:
    """`mean ± half of the 95 % interval`, the mean alone for one value."""
    mean, half = mean_interval(values)
    return f"{mean:{'+' if sign else ''}.{digits}f}" + (f" ± {half:.{digits}f}" if half is not None else "")
