"""How well a judge's scores agree with the truth: Kendall's τ with an interval, and how much too much they say."""

from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000  # of the bootstrap


@dataclass(frozen=True)
class Agreement:
    """Kendall's τ of scores and true values of the same cells, with its 95 % bootstrap interval over cells."""

    cells: int
    tau: float
    low: float
    high: float
    offset: float  # how much the scores lie above the truth, on average

    def __str__(self) -> str:
        return f"{self.tau:.2f} [{self.low:.2f}, {self.high:.2f}]"


def agreement(scores: np.ndarray, truth: np.ndarray) -> Agreement:
    """Compare scores with the truth. Both (cells,), higher is better; the same arrays give the same interval."""
    from scipy.stats import kendalltau

    def tau(chosen: np.ndarray) -> float:
        return float(kendalltau(scores[chosen], truth[chosen]).statistic)

    cells, rng = len(truth), np.random.default_rng(0)
    resampled = [tau(rng.integers(cells, size=cells)) for _ in range(RESAMPLES)]
    low, high = np.nanquantile(resampled, [0.025, 0.975])
    return Agreement(cells, tau(np.arange(cells)), float(low), float(high), float(np.mean(scores - truth)))
