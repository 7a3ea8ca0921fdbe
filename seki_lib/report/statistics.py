"""What seeds can say: means with intervals, paired differences, and how many seeds a difference needs.

    paired([94.2, 94.0, 94.1], [93.7, 93.9, 93.6])    # mean difference and its 95 % bootstrap interval
    seeds_needed(sd=0.34, difference=0.25)             # 30 an arm at 80 % power; 182 for .1
    smallest_p(4)                                      # 0.125: four pairs cannot reach 0.05, whatever they are

All functions are deterministic: resamples are drawn with a fixed seed. τ of cells has a bootstrap of its own
(`evaluators.agreement`), since evaluators know nothing of reports.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from math import ceil
from typing import Any

import numpy as np

RESAMPLES = 5000  # of the bootstrap, and a fifth of them for many values, whose interval is narrow anyway
MANY = 500  # values
FEWEST = 4  # values that are resampled: fewer say too little of their spread, so they get no interval
Values = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Estimate:
    """A value, its 95 % interval and the number of seeds or pairs behind it; the ends are NaN for fewer than FEWEST."""

    value: float
    low: float
    high: float
    n: int
    p: float | None = None  # of pairs: two-sided, see `p_value`

    @property
    def is_decided(self) -> bool:
        """Whether the interval leaves zero out and p < 0.05. p: of the pairs, else the smallest that n can reach."""
        p = smallest_p(self.n) if self.p is None else self.p
        return bool(p < 0.05 and (self.low > 0 or self.high < 0))

    def text(self, *, sign: bool = False, digits: int = 2) -> str:
        """`value [low, high]`, the value alone where there is no interval."""
        plus = "+" if sign else ""
        ends = "" if np.isnan(self.low) else f" [{self.low:{plus}.{digits}f}, {self.high:{plus}.{digits}f}]"
        return f"{self.value:{plus}.{digits}f}{ends}"


def mean_std(values: Values, digits: int = 2) -> str:
    """`mean±standard deviation` as the paper prints it (sample deviation, n - 1); the mean alone for one value."""
    sample = _numbers(values).tolist()
    mean = f"{statistics.fmean(sample):.{digits}f}"
    return f"{mean}±{statistics.stdev(sample):.{digits}f}" if len(sample) > 1 else mean


def interval(values: Values, tests: int = 1) -> tuple[float, float]:
    """The ends of the 95 % interval of a mean by t statistics; both NaN for fewer than two values.

    tests: how many intervals are looked at together. Each is widened so that all of them hold at 95 % (Bonferroni).
    """
    if len(values) < 2:
        return np.nan, np.nan
    from scipy.stats import sem, t

    array = _numbers(values)
    half = t.ppf(1 - 0.025 / tests, len(array) - 1) * sem(array)
    return float(array.mean() - half), float(array.mean() + half)


def interval_text(values: Values, *, sign: bool = False, digits: int = 2) -> str:
    """`mean ± half of the 95 % interval`, the mean alone for one value. Raises ValueError for none."""
    if not len(values):
        raise ValueError("no values have no mean: show `not run` in its place")
    low, high = interval(values)
    half = "" if np.isnan(low) else f" ± {(high - low) / 2:.{digits}f}"
    return f"{np.mean(values):{'+' if sign else ''}.{digits}f}{half}"


def tail(n: int) -> float:
    """Which share of the resamples of n values lies outside of each end of a 95 % interval: 0.025 for very many.

    Resamples of few values spread too little, and their own spread is not well known. The expanded percentile interval
    (Hesterberg 2015, arXiv 1411.5279) takes wider quantiles, so that a mean's interval is about that of its t.
    """
    from scipy.stats import norm, t

    return float(norm.cdf(-((n / (n - 1)) ** 0.5) * t.ppf(0.975, n - 1)))


def bootstrap(statistic: Callable[..., Any], *samples: Values) -> Estimate:
    """A statistic of one or more independent samples with its 95 % interval, by `tail`.

    statistic: takes the samples and `axis`, as numpy's mean does. n is the size of the smallest sample; fewer than
    FEWEST give no interval. Four or five still cover less than 95 %: look at `smallest_p` too. Raises ValueError for an
    empty sample, and for values that are no numbers.
    """
    from scipy.stats import bootstrap as resampled

    arrays = list(map(_numbers, samples))
    n, value = min(map(len, arrays)), float(statistic(*arrays, axis=-1))
    if n < FEWEST:
        return Estimate(value, np.nan, np.nan, n)
    found = resampled(
        arrays, statistic, n_resamples=_resamples(n), method="percentile", rng=np.random.default_rng(0), batch=500,
        confidence_level=1 - 2 * tail(n),
    ).confidence_interval  # fmt: skip
    return Estimate(value, float(found.low), float(found.high), n)


def _numbers(sample: Values) -> np.ndarray:
    """(values,) as floats: differences of unsigned whole numbers would wrap around."""
    array = np.asarray(sample, dtype=float)
    if array.ndim != 1 or not array.size or not np.isfinite(array).all():
        raise ValueError("a sample is empty, is no row of values, or holds values that are no finite numbers")
    return array


def _resamples(n: int) -> int:
    return RESAMPLES if n < MANY else RESAMPLES // 5


def mean(values: Values) -> Estimate:
    """The mean of a sample."""
    return bootstrap(np.mean, values)


def paired(ours: Values, theirs: Values) -> Estimate:
    """The mean of ours - theirs, seed by seed. Both (pairs,). Raises ValueError for samples of different length."""
    if len(ours) != len(theirs):
        raise ValueError(f"pairs are needed, not {len(ours)} values and {len(theirs)}")
    differences = _numbers(ours) - _numbers(theirs)
    return replace(mean(differences), p=p_value(differences))


@dataclass(frozen=True)
class Spread:
    """A mean with its standard error and degrees of freedom."""

    mean: float
    error: float
    freedom: float


def welch(one: Spread, other: Spread, tests: int = 1) -> tuple[float, float]:
    """The 95 % interval of one mean minus another, by Welch's t. tests: how many are made (Bonferroni)."""
    from scipy.stats import t

    a, b, difference = one.error**2, other.error**2, one.mean - other.mean
    if a + b == 0:
        return difference, difference
    freedom = (a + b) ** 2 / (a**2 / one.freedom + b**2 / other.freedom)
    half = float(t.ppf(1 - 0.025 / tests, freedom)) * (a + b) ** 0.5
    return difference - half, difference + half


def standard_error(percent: float, images: int) -> float:
    """Standard error, in points, of an accuracy or an error in %. It comes from the number of images alone."""
    return float((percent * (100 - percent) / images) ** 0.5)


def probability_of_improvement(ours: Values, theirs: Values) -> Estimate:
    """How likely a run of ours ends above one of theirs; a tie counts half (Agarwal et al. 2021, arXiv 2108.13264)."""
    _, places = np.unique(
        np.concatenate([_numbers(ours), _numbers(theirs)]), return_inverse=True
    )  # few: many runs end at one cell
    return bootstrap(_share_above, places[: len(ours)], places[len(ours) :])


def _share_above(ours: np.ndarray, theirs: np.ndarray, axis: int) -> Any:
    """Of all pairs. Both (…, runs), whole numbers from 0 on; by counts of each number, since pairs are millions."""
    size = int(max(ours.max(), theirs.max())) + 1
    mine, others = (_counts(np.atleast_2d(values), size) for values in (ours, theirs))
    share = (mine * (np.cumsum(others, axis=1) - others / 2)).sum(axis=1) / (ours.shape[-1] * theirs.shape[-1])
    return share.reshape(ours.shape[:-1])


def _counts(numbers: np.ndarray, size: int) -> np.ndarray:
    """(samples, size): how often each number up to `size` is in each sample. numbers: (samples, runs)."""
    rows = np.arange(len(numbers))[:, None] * size
    return np.bincount((rows + numbers.astype(int)).ravel(), minlength=len(numbers) * size).reshape(-1, size)


def interquartile_mean(values: Values) -> Estimate:
    """The mean of the middle half: outliers at both ends do not count (the same paper)."""
    from scipy.stats import trim_mean

    return bootstrap(lambda sample, axis: trim_mean(sample, 0.25, axis=axis), values)


def smallest_p(pairs: int) -> float:
    """The smallest two-sided p-value that so many pairs can reach, if every pair points the same way: 2 / 2ⁿ."""
    return min(1.0, 2.0 ** (1 - pairs))


def p_value(differences: Values) -> float:
    """Two-sided, whether paired differences have a mean of zero: signs are flipped, all of them if there are few."""
    from scipy.stats import permutation_test

    if len(array := _numbers(differences)) < 2:
        return 1.0
    tested = permutation_test(
        (array,), np.mean, permutation_type="samples", n_resamples=9999,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    return float(tested.pvalue)


def seeds_needed(sd: float, difference: float, power: float = 0.8, level: float = 0.05) -> int:
    """How many seeds each arm needs to tell two means apart: 2 ((z₁ + z₂) sd / difference)², rounded up.

    At least so many that pairs can reach the level, see `smallest_p`: six for 0.05. sd: of the seeds of one arm; of
    arms that are compared pair by pair give the sd of the differences divided by √2. Raises ValueError for a difference
    of zero, and for a power or a level that is no share.
    """
    return max(_fewest_pairs(level), ceil(2 * (_quantiles(sd, power, level) * sd / _not_zero(difference)) ** 2))


def _fewest_pairs(level: float) -> int:
    return next(pairs for pairs in count(2) if smallest_p(pairs) < level)


def _quantiles(sd: float, power: float, level: float) -> float:
    """z₁ + z₂."""
    from scipy.stats import norm

    if not (0 <= sd < np.inf and 0 < power < 1 and 0 < level < 1):
        raise ValueError(
            f"a deviation, a power and a level are expected, such as 0.34, 0.8, 0.05, not {(sd, power, level)}"
        )
    return float(norm.ppf(1 - level / 2) + norm.ppf(power))


def _not_zero(difference: float) -> float:
    if not 0 < abs(difference) < np.inf:
        raise ValueError(f"no number of seeds tells a difference of {difference}")
    return difference


def resolvable(sd: float, seeds: int, power: float = 0.8, level: float = 0.05) -> float:
    """The smallest difference that this many seeds an arm can show: the inverse of `seeds_needed`.

    Infinite for so few seeds that pairs cannot reach the level.
    """
    z = _quantiles(sd, power, level)
    return z * sd * (2 / seeds) ** 0.5 if seeds >= _fewest_pairs(level) else float("inf")


def regret_curves(scores: np.ndarray, best: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far the best cell so far lies below the best one there is: mean, and the ends of its 95 % bootstrap band.

    scores: (seeds, evaluations) in the order of evaluation. Each result is (evaluations,); below FEWEST
    seeds there is no band.
    """
    regret = best - np.maximum.accumulate(scores, axis=1)
    if len(regret) < FEWEST:
        return regret.mean(axis=0), np.full(regret.shape[1], np.nan), np.full(regret.shape[1], np.nan)
    drawn = np.random.default_rng(0).multinomial(
        len(regret), [1 / len(regret)] * len(regret), size=_resamples(len(regret))
    )
    outside = tail(len(regret))
    low, high = np.quantile(drawn @ regret / len(regret), [outside, 1 - outside], axis=0)
    return regret.mean(axis=0), low, high
