"""Figures of TransNAS-Bench-101: ranks by task, the cells found, and how one task's best cells do in the others."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from ..evaluators.tabular import Tabular
from ..evaluators.trans101_table import TASKS
from ..spaces import get_space
from .plots import BASELINE_STYLE, draw_cell
from .table4 import Method

SEKI_COLOUR, PAPER_COLOUR = "#D55E00", "#000000"


def rank_by_task(ours: Method, baselines: Sequence[Method], paper: Mapping[str, tuple[int, int]]) -> Figure:
    """Rank among all cells (log axis) by task and on average: dots are means, lines the middle 80 % of the seeds.

    baselines: in the order of BASELINE_STYLE; paper: between which ranks the paper's printed values lie.
    """
    figure, axes = plt.subplots(figsize=(8.5, 6))
    colours = [SEKI_COLOUR, *(colour for colour, _ in BASELINE_STYLE.values())]
    for place, (method, colour, marker) in enumerate(zip([ours, *baselines], colours, "osD^", strict=True)):
        columns = [*method.ranks.T, method.average_rank]
        y = np.arange(len(columns)) + 0.16 * (place - 1)
        label = f"{method.label} (n = {len(method.ranks)})"
        for row, ranks in zip(y, columns, strict=True):
            if len(ranks) > 1:
                axes.plot(np.quantile(ranks, [0.1, 0.9]), [row, row], color=colour, linewidth=1.6)
        axes.plot([c.mean() for c in columns], y, marker, color=colour, markersize=5.5, linestyle="none", label=label)
    y = np.arange(len(TASKS) + 1) - 0.32
    ends = [*(paper[task] for task in TASKS), tuple(np.mean([paper[task] for task in TASKS], axis=0))]
    axes.plot([], [], "|-", color=PAPER_COLOUR, label="SEKI, the paper: rank of the printed value")
    for row, (low, high) in zip(y, ends, strict=True):
        axes.plot([low, high], [row, row], "|-", color=PAPER_COLOUR, markersize=8)
    axes.set_yticks(range(len(TASKS) + 1), [*(task.heading for task in TASKS.values()), "average"])
    axes.axhline(len(TASKS) - 0.5, color="#555555", linewidth=0.8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(0.9, max(400, axes.get_xlim()[1]))
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda rank, _: f"{rank:g}"))
    axes.set_xlabel("rank among all 4,096 cells by the task's validation metric (1 is the best)")
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def best_cells(found: Mapping[str, str], evaluators: Mapping[str, Tabular]) -> Figure:
    """The best cell found for each task. found[task]: its text."""
    figure, grid = plt.subplots(4, 2, figsize=(11.5, 12.5))
    space = get_space("trans101")
    panels: list[Axes] = list(grid.flat)
    for axes, (task, text) in zip(panels, found.items(), strict=False):
        arch = space.parse(text)
        rank = evaluators[task].rank(evaluators[task](arch).score)
        draw_cell(arch, f"{TASKS[task].heading}  {text}  rank {rank:,} of {space.size:,}", axes)
    for axes in panels[len(found) :]:
        axes.set_axis_off()
    figure.tight_layout()
    return figure


def transfer(evaluators: Mapping[str, Tabular]) -> Figure:
    """How the best cell of one task (row) ranks in each task (column), over all 4,096 cells of the table."""
    space = get_space("trans101")
    best = {task: space.parse(evaluators[task].top()[0]) for task in TASKS}
    ranks = np.array([[evaluators[b].rank(evaluators[b](best[a]).score) for b in TASKS] for a in TASKS])
    figure, axes = plt.subplots(figsize=(9, 5.2))
    image = axes.imshow(ranks, cmap="cividis_r", norm=LogNorm(1, space.size), aspect="auto")
    for row, column in np.ndindex(ranks.shape):
        colour = "white" if ranks[row, column] > 150 else "black"
        axes.text(column, row, f"{ranks[row, column]:,}", ha="center", va="center", color=colour, fontsize=9)
    headings = [task.heading for task in TASKS.values()]
    axes.set_xticks(range(len(TASKS)), headings)
    axes.set_yticks(range(len(TASKS)), [f"{h}  {space.format(best[t])}" for t, h in zip(TASKS, headings, strict=True)])
    axes.set_xlabel("its rank in this task")
    axes.set_ylabel("best cell of this task")
    figure.colorbar(image, label="rank among 4,096 cells (log axis)", format="{x:,.0f}")
    return figure
