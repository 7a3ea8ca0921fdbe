"""The three pictures of notebook 21: arms with their intervals, regret over the budget, and the memory ladder."""

import re
from collections.abc import Mapping
from itertools import cycle

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..search.arms import ARMS, LADDER
from .controls import Outcome
from .memory_ladder import RUNGS
from .statistics import mean, regret_curves
from .style import AMBER, BLACK, BLUE, GREEN, GREY, ORANGE, PINK, SKY

CURVES = {
    "seki": (ORANGE, "-"), "scores_shuffled": (AMBER, "-"), "iid": (PINK, "--"), "hybrid_30": (SKY, "-."),
    "null": (BLACK, ":"), "random_search": (GREY, ":"), "local_search": (GREEN, "-."),
}  # fmt: skip


def arms_figure(arms: Mapping[str, Outcome], title: str = "") -> Figure:
    """Mean test accuracy of each arm and its 95 % interval; orange circles ask the LLM, grey squares do not."""
    shown = [name for name in ARMS if name in arms]
    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.28 * len(shown)))
    for name in shown:
        values = mean(list(arms[name].values.values()))
        asks = ARMS[name].asks
        ends = None if np.isnan(values.low) else [[values.value - values.low], [values.high - values.value]]
        axes.errorbar(
            values.value, f"{name} (n = {values.n})", xerr=ends, capsize=3, fmt="o" if asks else "s",
            color=ORANGE if asks else GREY,
        )  # fmt: skip
    for name, colour, dashes in (("local_search", GREEN, "-."), ("random_search", BLUE, ":")):
        axes.axvline(float(np.mean(list(arms[name].values.values()))), color=colour, linestyle=dashes, label=name)
    axes.invert_yaxis()
    axes.grid(axis="x")
    axes.set(xlabel="CIFAR-10 test accuracy of the final cell (%), mean and 95 % interval", title=title)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2, frameon=False)
    figure.tight_layout()
    return figure


def regret_figure(arms: Mapping[str, Outcome], best: float) -> Figure:
    """How far the best cell so far lies below the best one of the space, with the bands of the means."""
    figure, axes = plt.subplots(figsize=(8, 4.8))
    for name, (colour, dashes) in CURVES.items():
        if name in arms:
            middle, low, high = regret_curves(arms[name].scores, best)
            evaluations = np.arange(1, len(middle) + 1)
            axes.plot(
                evaluations, middle, color=colour, linestyle=dashes, label=f"{name} (n = {len(arms[name].scores)})"
            )
            axes.fill_between(evaluations, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(
        xlabel="evaluations, α0 included", ylabel="regret: validation accuracy below the best cell's (points)",
        title="mean over n seeds and its 95 % bootstrap band",
    )  # fmt: skip
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3, frameon=False)
    return figure


def ladder_figure(by: Mapping[str, Mapping[str, Outcome]]) -> Figure:
    """Mean test accuracy on each rung a to f, an LLM a line; rungs that were not run are left out."""
    figure, axes = plt.subplots(figsize=(8, 4))
    places = {rung: place for place, rung in enumerate(RUNGS)}
    markers = cycle(zip((ORANGE, BLUE, GREEN, AMBER, PINK), "osD^v", strict=True))
    for shift, ((llm, arms), (colour, marker)) in enumerate(zip(by.items(), markers, strict=False)):
        for rung, place in places.items():
            if found := arms.get(LADDER[rung]):
                values = mean(list(found.values.values()))
                ends = None if np.isnan(values.low) else [[values.value - values.low], [values.high - values.value]]
                at = place + 0.12 * shift
                axes.errorbar(at, values.value, yerr=ends, color=colour, fmt=marker, capsize=3)
                axes.annotate(f"{values.n}", (at, values.value), (5, 3), textcoords="offset points", fontsize=8)
        axes.plot([], [], color=colour, marker=marker, linestyle="none", label=llm)
    axes.set_xticks(list(places.values()), [re.sub("[:,] ", "\n", text) for text in RUNGS.values()])
    axes.set(xlim=(-0.4, len(places) - 0.4), ylabel="CIFAR-10 test accuracy (%),\nmean and 95 % interval")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, frameon=False, title="number: seeds")
    figure.tight_layout()
    return figure
