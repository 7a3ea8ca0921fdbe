"""How far can f(α) be trusted? Its ranking of cells against a better judge: a benchmark's table.

cells = sample("nas201", 500)
ranking(scores(evaluator, cells, folder / "f.jsonl"), true_accuracies)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from ..files.jsonl import append_line, read_lines
from ..spaces import get_space

RESAMPLES = 1000  # of the bootstrap


@dataclass(frozen=True)
class Ranking:
    """How f ranks cells: Kendall's τ and the regret of its top ten, each with a 95 % bootstrap interval over cells.

    The regret's interval is rough: a bootstrap does not know how a maximum varies.
    """

    cells: int
    tau: float
    tau_interval: tuple[float, float]
    regret: float  # points that the best of f's top ten lies below the best cell of all
    regret_interval: tuple[float, float]

    def __str__(self) -> str:
        return (
            f"τ {self.tau:.3f} [{self.tau_interval[0]:.3f}, {self.tau_interval[1]:.3f}], regret of the top ten "
            f"{self.regret:.2f} [{self.regret_interval[0]:.2f}, {self.regret_interval[1]:.2f}] points, "
            f"{self.cells} cells"
        )


def sample(space: str, count: int) -> list[Any]:
    """So many cells of different classes, the same in every run; one of each class if there are no more."""
    home, rng = get_space(space), Random(f"trust/{space}")
    cells: dict[Any, None] = {}
    for _ in range(20 * count):
        cells.setdefault(home.canonical(home.random(rng)))
        if len(cells) == count:
            break
    return list(cells)


def scores(evaluator: Any, cells: Sequence[Any], path: Path, say: Callable[[str], None] = print) -> np.ndarray:
    """(cells,) f in %. Kept a line a cell in `path`, by the name of the evaluator's source: nothing is asked twice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = evaluator.source.name
    known = {line["cell"]: line["f"] for line in read_lines(path) if line["source"] == name}
    for i, cell in enumerate(cells):
        text = evaluator.space.format(cell)
        if text not in known:
            known[text] = evaluator(cell).score
            append_line(path, {"source": name, "cell": text, "f": known[text]})
        if (i + 1) % max(1, len(cells) // 5) == 0:
            say(f"{name}: {i + 1} of {len(cells)} cells")
    return np.array([known[evaluator.space.format(cell)] for cell in cells])


def ranking(f: np.ndarray, truth: np.ndarray, top: int = 10) -> Ranking:
    """Compare f with the truth. Both (cells,), higher is better. Raises ValueError for fewer than three cells."""
    if len(f) != len(truth) or len(f) < 3:
        raise ValueError(f"a ranking needs three cells or more with two values each, not {len(f)} and {len(truth)}")
    from scipy.stats import kendalltau

    def tau(chosen: np.ndarray) -> float:
        return float(kendalltau(f[chosen], truth[chosen]).statistic)

    def regret(chosen: np.ndarray) -> float:
        chosen = np.unique(chosen)  # ten different cells, in a resample too
        best = chosen[np.argsort(-f[chosen], kind="stable")[:top]]
        return float(truth[chosen].max() - truth[best].max())

    every, rng = np.arange(len(f)), np.random.default_rng(0)
    draws = [rng.integers(len(f), size=len(f)) for _ in range(RESAMPLES)]

    def interval(statistic: Callable[[np.ndarray], float]) -> tuple[float, float]:
        low, high = np.nanquantile([statistic(chosen) for chosen in draws], [0.025, 0.975])
        return float(low), float(high)

    return Ranking(len(f), tau(every), interval(tau), regret(every), interval(regret))
