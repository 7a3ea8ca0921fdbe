"""Figures of TransNAS-Bench-101: ranks by task, the cells found, and how one task's best cells do in the others."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import pandas as pd
import seaborn
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from ..evaluators.tabular import Tabular
from ..evaluators.trans101_table import TASKS
from ..spaces import get_space
from .benchmark_tables import Method
from .plots import draw_cell
from .style import BASELINES, BLACK, OURS


def rank_by_task(ours: Method, baselines: Sequence[Method], paper: Mapping[str, tuple[int, int]]) -> Figure:
    """Rank among all cells (log axis) by task and on average: dots are means, lines the middle 80 % of the seeds.

    baselines: in the order of BASELINES; paper: between which ranks the paper's printed values lie.
    """
    columns = [*(task.heading for task in TASKS.values()), "average"]
    drawn = {f"{method.label} (n = {len(method.ranks)})": method for method in (ours, *baselines)}
    frames = [
        pd.DataFrame(np.column_stack([m.ranks, m.average_rank]), columns=columns).melt().assign(method=label)
        for label, m in drawn.items()
    ]
    figure, axes = plt.subplots(figsize=(8.5, 6.4))
    seaborn.pointplot(
        pd.concat(frames), x="value", y="variable", hue="method", palette=[OURS, *BASELINES.values()],
        markers=[*"osD^"], linestyles="none", dodge=0.48, errorbar=("pi", 80), err_kws={"linewidth": 1.6},
        markersize=5, ax=axes,
    )  # fmt: skip
    ends = [*(paper[task] for task in TASKS), tuple(np.mean([paper[task] for task in TASKS], axis=0))]
    axes.plot([], [], "|-", color=BLACK, label="SEKI, the paper: between these ranks its printed value lies")
    for row, (low, high) in enumerate(ends):
        axes.plot([low, high], [row - 0.38, row - 0.38], "|-", color=BLACK, markersize=8)
    axes.axhline(len(TASKS) - 0.5, color="#555555", linewidth=0.8)
    axes.set_xscale("log")
    axes.set(xlim=(0.9, max(400, axes.get_xlim()[1])), ylabel=None)
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda rank, _: f"{rank:g}"))
    axes.set_xlabel(
        "rank among all 4,096 cells by the task's validation metric (1 is the best)\n"
        "dots: means over n seeds; coloured bars: the middle 80 % of the seeds"
    )
    axes.grid(axis="x")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, frameon=False)
    return figure


def best_cells(found: Mapping[str, str], evaluators: Mapping[str, Tabular]) -> Figure:
    """The best cell found for each task. found[task]: its text."""
    figure, grid = plt.subplots(4, 2, figsize=(11.5, 12.5))
    space = get_space("trans101")
    panels: list[Axes] = list(grid.flat)
    for axes, (task, text) in zip(panels, found.items(), strict=False):
        arch = space.parse(text)
        rank = evaluators[task].rank(evaluators[task](arch).score)
        draw_cell(arch, f"{TASKS[task].heading} {text}, rank {rank:,} of {space.size:,}", axes)
    for axes in panels[len(found) :]:
        axes.set_axis_off()
    figure.tight_layout()
    return figure


def transfer(evaluators: Mapping[str, Tabular]) -> Figure:
    """How the best cell of one task (row) ranks in each task (column), over all 4,096 cells of the table."""
    space = get_space("trans101")
    best = {task: space.parse(evaluators[task].top()[0]) for task in TASKS}
    ranks = np.array([[evaluators[b].rank(evaluators[b](best[a]).score) for b in TASKS] for a in TASKS])
    headings = [task.heading for task in TASKS.values()]
    named = [f"{heading}  {space.format(best[task])}" for task, heading in zip(TASKS, headings, strict=True)]
    figure, axes = plt.subplots(figsize=(9, 5.2))
    seaborn.heatmap(
        pd.DataFrame(ranks, named, headings), annot=True, fmt=",", cmap="cividis_r", norm=LogNorm(1, space.size),
        linewidths=1, annot_kws={"fontsize": 9}, ax=axes,
        cbar_kws={"label": "rank among 4,096 cells (log axis)", "format": "{x:,.0f}"},
    )  # fmt: skip
    axes.set(xlabel="its rank in this task", ylabel="best cell of this task")
    return figure
