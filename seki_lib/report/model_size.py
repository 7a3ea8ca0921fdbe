"""Figure `llm_sizes`: does a larger model of one family search better at the same budget?"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from ..results import Home, SearchResult, by_llm, with_kept
from .statistics import FEWEST, interval, paired
from .style import BASELINES, BLACK, ORANGE
from .table7 import FINALS, Finals
from .tables import paper_table

PAPER_LLM = ("Qwen2.5-32B", 32e9)  # §5: the LLM of the paper's experiments
LINES = {name.replace("_", " "): (colour, "--") for name, colour in BASELINES.items()}
LINES["the null proposer"] = (BLACK, ":")
LABEL: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "fontsize": 9, "ha": "center", "va": "bottom"}


def parameters(llm: str) -> float | None:
    """Parameters of a model as its name says them, such as `local:qwen2.5-coder-0.5b`; None where it does not."""
    found = re.search(r"(?<![\w.])(\d+(?:\.\d+)?)([mb])(?![a-z0-9])", llm.lower())
    return float(found[1]) * (1e9 if found[2] == "b" else 1e6) if found else None


def by_size(home: Home) -> dict[str, list[SearchResult]]:
    """Finished searches of NAS-Bench-201 by LLM, smallest first; LLMs whose size is not known are left out.

    Those run here, and kept ones of other LLMs and seeds. LLMs with settings of their own in the name, such as
    `,temperature=0.3`, are left out too: two sizes are compared by one protocol.
    """
    found = {llm: searches for llm, searches in by_llm(with_kept(home, "nas201")).items() if "," not in llm}
    return {llm: found[llm] for llm in sorted(filter(parameters, found), key=lambda llm: parameters(llm) or 0)}


def verdict(searches: Mapping[str, Sequence[SearchResult]]) -> str:
    """Whether each LLM of `by_size` ends above the next smaller one, over the seeds that both have: the same α0."""
    said = []
    for (small, fewer), (large, more) in pairwise(searches.items()):
        theirs, ours = map(_finals, (fewer, more))
        seeds = sorted(ours.keys() & theirs.keys())
        if not seeds:
            said.append(f"{large} and {small} have no seed in common")
            continue
        gap = paired([ours[seed] for seed in seeds], [theirs[seed] for seed in seeds])
        told = "" if gap.is_decided else ", not told from zero"
        said.append(f"{large} minus {small}: {gap.text(sign=True)} points (n = {gap.n}{told})")
    return "; ".join(said) + "." if said else "One LLM of known size: nothing to compare."


def _finals(searches: Sequence[SearchResult]) -> dict[int, float]:
    """Seed -> test accuracy of the final cell, where the data source has one."""
    column = FINALS["nas201"]
    return {one.seed: one.result["final"][column] for one in searches if column in one.result["final"]}


def llm_sizes(searches: Mapping[str, Sequence[SearchResult]], without_llm: Mapping[str, Finals]) -> Figure:
    """Test accuracy of the final cells against the size of the LLM: a dot a seed, the mean, and of four seeds or more
    its 95 % interval.

    searches: of `by_size`. without_llm: label -> values by seed; a line each, over all. The paper's value stands beside
    them, as printed in Table 3.
    """
    figure, axes = plt.subplots(figsize=(8, 4.8))
    shown = [(llm, list(_finals(found).values())) for llm, found in searches.items() if _finals(found)]
    for i, (llm, values) in enumerate(shown):
        size = parameters(llm) or 0
        axes.plot([size] * len(values), values, "o", color=ORANGE, alpha=0.35, markersize=4)
        mean, (low, high) = float(np.mean(values)), interval(values)
        ends = [[mean - low], [high - mean]] if len(values) >= FEWEST else None  # of two or three it says nothing
        axes.errorbar(size, mean, yerr=ends, fmt="o", color=ORANGE, capsize=4, markersize=7)
        text = f"{llm.partition(':')[2] or llm}\nn = {len(values)}"
        axes.annotate(text, (size, 0.02 + 0.11 * (i % 2)), **LABEL)  # in two heights, or neighbours would touch
    printed = next(row for row in paper_table(3) if row["architecture"] == "SEKI")[FINALS["nas201"]]
    name, size = PAPER_LLM
    mean, deviation = map(float, printed.split("±"))
    axes.errorbar(size, mean, yerr=deviation, fmt="s", color=BLACK, markerfacecolor="white", capsize=4, markersize=7)
    note = f"{name}, as printed,\n± standard deviation"
    axes.annotate(note, (size, 0.02), **LABEL)
    for label, finals in without_llm.items():
        colour, dashes = LINES[label]
        axes.axhline(
            float(np.mean(list(finals.values()))), color=colour, linestyle=dashes, linewidth=1.2,
            label=f"{label}, n = {len(finals)}",
        )  # fmt: skip
    axes.set(
        xscale="log", xlim=(4e7, 2e11), xlabel="parameters of the LLM",
        ylabel="CIFAR-10 test accuracy of the final cell (%)\nsmall dots: seeds; bars: 95 % interval of the mean (t)",
    )  # fmt: skip
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.35 * (high - low), high)  # room for the names
    axes.set_xticks([1e8, 1e9, 1e10, 1e11], ["100 M", "1 B", "10 B", "100 B"])
    if without_llm:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, frameon=False)
    return figure
