"""How well scores agree with the truth: Kendall's τ with an interval, regret, and how much too much the scores say."""

from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000  # of the bootstrap
TOP = 10  # cells that a reader of the scores would train


@dataclass(frozen=True)
class Agreement:
    """Kendall's τ of scores and true values of the same cells, with its 95 % bootstrap interval over cells.

    All three are NaN if every score is the same.
    """

    cells: int
    tau: float
    low: float
    high: float
    offset: float  # how much the scores lie above the truth, on average
    regret: float  # how far the best of the scores' top ten cells lies below the best cell of all

    def __str__(self) -> str:
        return "–" if np.isnan(self.tau) else f"{self.tau:.2f} [{self.low:.2f}, {self.high:.2f}]"


def agreement(scores: np.ndarray, truth: np.ndarray) -> Agreement:
    """Compare scores with the truth. Both (cells,), higher is better; the same arrays give the same interval.

    Raises ValueError for fewer than three cells.
    """
    if len(scores) != len(truth) or len(truth) < 3:
        raise ValueError(f"τ needs three cells or more with two values each, not {len(scores)} and {len(truth)}")
    from scipy.stats import kendalltau

    def tau(chosen: np.ndarray) -> float:
        return float(kendalltau(scores[chosen], truth[chosen]).statistic)

    cells, rng = len(truth), np.random.default_rng(0)
    found, low, high = tau(np.arange(cells)), np.nan, np.nan
    if not np.isnan(found):
        resampled = [tau(rng.integers(cells, size=cells)) for _ in range(RESAMPLES)]
        low, high = np.nanquantile(resampled, [0.025, 0.975])
    top = np.argsort(-scores, kind="stable")[:TOP]
    regret = float(truth.max() - truth[top].max())
    return Agreement(cells, found, float(low), float(high), float(np.mean(scores - truth)), regret)


def in_best_fifth(scores: np.ndarray, truth: np.ndarray) -> Agreement:
    """The same for the fifth of the cells that are truly best: those that a search has to tell apart."""
    best = truth >= np.quantile(truth, 0.8)
    return agreement(scores[best], truth[best])
