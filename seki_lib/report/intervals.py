"""Means over seeds as text: with their deviation as the paper prints it, or with their 95 % interval."""

import statistics
from collections.abc import Sequence

import numpy as np


def mean_std(values: Sequence[float] | np.ndarray, digits: int = 2) -> str:
    """`mean±standard deviation` as the paper prints it (sample deviation, n - 1); the mean alone for one value."""
    mean = f"{statistics.fmean(values):.{digits}f}"
    return f"{mean}±{statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean


def interval(values: Sequence[float] | np.ndarray, tests: int = 1) -> tuple[float, float]:
    """The ends of the 95 % interval of a mean by t statistics; both NaN for fewer than two values.

    tests: how many intervals are looked at together. Each is widened so that all of them hold at 95 % (Bonferroni).
    """
    if len(values) < 2:
        return np.nan, np.nan
    from scipy.stats import sem, t

    half = t.ppf(1 - 0.025 / tests, len(values) - 1) * sem(values)
    return float(np.mean(values) - half), float(np.mean(values) + half)


def interval_text(values: Sequence[float] | np.ndarray, *, sign: bool = False, digits: int = 2) -> str:
    """`mean ± half of the 95 % interval`, the mean alone for one value."""
    low, high = interval(values)
    half = "" if np.isnan(low) else f" ± {(high - low) / 2:.{digits}f}"
    return f"{np.mean(values):{'+' if sign else ''}.{digits}f}{half}"
