"""Notebook 05: one finished search under the magnifying glass. Does the LLM explore, or does it repeat itself?

rounds = rounds_of(run["folder"], get_space("nas201"), k=16)     # a row a round
print(verdict(rounds, random_distance(space)))
"""

from collections import Counter
from operator import ne
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import seaborn
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..baseline_runs import BaselineRuns
from ..search.repository import Repository, read_history
from ..spaces import SearchSpace
from ..spaces.six_edges import SixEdgeCell
from . import plots
from .how import ASKED_AGAIN, STAGES, words
from .style import AMBER, BLACK, BLUE, GREEN, GREY, ORANGE, PINK, SKY

REPEATED = ("resampled", "edited", "fallback", "duplicate")  # the LLM's first reply was a known cell
COLOURS = {
    "llm": ORANGE, "edited": BLUE, "resampled": SKY, "repaired": GREEN, ASKED_AGAIN: AMBER, "fallback": BLACK,
    "duplicate": PINK,
}  # fmt: skip


def edges_changed(one: Any, other: Any) -> int:
    """In how many edges two cells of one space differ, as written. A node's edges may stand in either order."""
    if isinstance(one, SixEdgeCell):
        return sum(map(ne, one.edges, other.edges))
    pairs = zip(one.cells.values(), other.cells.values(), strict=True)
    return sum((Counter(a[i : i + 2]) - Counter(b[i : i + 2])).total() for a, b in pairs for i in range(0, len(a), 2))


def random_distance(space: SearchSpace[Any], pairs: int = 1000) -> float:
    """In how many edges two random cells differ on average."""
    rng = Random(0)
    return float(np.mean([edges_changed(space.random(rng), space.random(rng)) for _ in range(pairs)]))


def rounds_of(folder: Path, space: SearchSpace[Any], k: int) -> pd.DataFrame:
    """The rounds of a search: round, stage, how, score, is_new (its class was not evaluated before), and distance.

    distance: edges changed from the parent. That is the cell of the round before in self-evolution; in knowledge
    inspiration, where several cells are shown, it is the nearest of the k best from which they are drawn.
    """
    records, rows = read_history(folder / "history.jsonl"), []
    for record, (_, how) in zip(records[1:], words(folder), strict=True):
        before = Repository(records=records[: record.round])
        parents = [before.records[-1]] if record.stage == "self_evolution" else before.top(k)
        cell = space.parse(record.architecture)
        distance = min(edges_changed(space.parse(parent.architecture), cell) for parent in parents)
        new = record.canonical not in before
        rows.append((record.round, STAGES[record.stage], how, record.score, new, distance))
    return pd.DataFrame(rows, columns=["round", "stage", "how", "score", "is_new", "distance"])


def verdict(rounds: pd.DataFrame, by_chance: float) -> str:
    """Whether the LLM's first replies are mostly new cells, or known ones: a share's 95 % interval is above ½."""
    from scipy.stats import binomtest

    n, own = len(rounds), int((rounds["how"] == "llm").sum())
    repeated = int(rounds["how"].isin(REPEATED).sum())
    (low, high), (least, _) = (binomtest(count, n).proportion_ci(method="wilson") for count in (own, repeated))
    says = (
        "So the LLM explores more often than it repeats" if low > 0.5
        else "So the LLM repeats more often than it explores" if least > 0.5
        else "So it cannot be decided whether the LLM explores or repeats"
    )  # fmt: skip
    return (
        f"In {own} of {n} rounds the LLM's first reply was a new cell ({100 * own / n:.0f} %, 95 % interval "
        f"{100 * low:.0f} to {100 * high:.0f} %), in {repeated} it was a known one, and in {n - own - repeated} it "
        f"could not be read. With α0, {rounds['is_new'].sum() + 1} of {n + 1} evaluated cells are distinct. A cell "
        f"differs from its parent in {rounds['distance'].mean():.1f} edges on average, two random cells in "
        f"{by_chance:.1f}. {says}."
    )


def exploration(
    folder: Path, rounds: pd.DataFrame, by_chance: float, baselines: BaselineRuns, *, label: str, score: str
) -> Figure:
    """Distance from the parent by round, rounds by how their cell came about, and best score so far.

    folder: of the search; score: what the scores are.
    """
    scores = np.array([[record.score for record in read_history(folder / "history.jsonl")]])
    lam = int((rounds["stage"] == STAGES["self_evolution"]).sum())
    figure, axes = plt.subplot_mosaic([["distance", "how"], ["best", "best"]], figsize=(10, 8), height_ratios=[2, 3])
    seaborn.scatterplot(  # the bars beside it explain its colours
        rounds, x="round", y="distance", hue="how", style="how", palette=COLOURS, s=45, legend=False,
        ax=axes["distance"],
    )  # fmt: skip
    axes["distance"].axhline(by_chance, color=GREY, linestyle="--")
    axes["distance"].annotate("two random cells", (1, by_chance), (0, 3), textcoords="offset points", fontsize=9)
    axes["distance"].axvline(lam + 0.5, color="#555555", linewidth=0.9)
    axes["distance"].set(ylim=(-0.4, None), ylabel="edges changed from the parent")
    counts = rounds.groupby("stage", sort=False)["how"].value_counts().unstack(fill_value=0)
    counts.plot.barh(stacked=True, color=[COLOURS[how] for how in counts.columns], ax=axes["how"])
    axes["how"].invert_yaxis()  # the first stage on top
    axes["how"].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes["how"].set(xlabel="rounds", ylabel="")
    axes["how"].legend(title="how its cell came about", loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
    plots.mean_best_so_far({label: scores}, baselines, lam=lam, score=score, axes=axes["best"])
    figure.tight_layout()
    return figure
