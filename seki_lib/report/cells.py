"""Figures 7-10: a DARTS cell as a wiring diagram in which nothing overlaps.

Every intermediate node stands one step to the right of and below the one before it; its two operations are boxes to its
left, a row each. A state runs down from its node, and right along the row of each operation that reads it.
"""

from textwrap import fill
from typing import Any

import seaborn
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..results import SearchResult
from ..spaces.darts import NODES, OPERATIONS, DartsGenotype
from ..spaces.six_edges import SixEdgeCell
from . import plots
from .style import AMBER, BLACK, BLUE, GREEN, ORANGE, PINK, SKY

EDGE_STYLE: dict[str, tuple[str, Any]] = {  # operation -> (colour, line style)
    "max_pool_3x3": (PINK, ":"),
    "avg_pool_3x3": (GREEN, ":"),
    "skip_connect": (BLACK, "--"),
    "sep_conv_3x3": (ORANGE, "-"),
    "sep_conv_5x5": (AMBER, "-"),
    "dil_conv_3x3": (BLUE, "-."),
    "dil_conv_5x5": (SKY, "-."),
}
STEP = 2.5  # from one node to the next, to the right
ROW = 0.62  # from one row to the next, down
HALF = 0.29  # of a node's box
INPUTS = {0: "$c_{k-2}$", 1: "$c_{k-1}$"}


def draw_cell(genotype: DartsGenotype, which: str, title: str = "") -> Figure:
    """The normal or the reduction cell of a genotype. which: "normal" or "reduce"."""
    edges = genotype.cells[which]
    row = [-(2.6 + i + 0.35 * (i // 2)) * ROW for i in range(len(edges))]
    at = {0: (0.0, 0.0), 1: (0.85, -1.2 * ROW)}
    at |= {2 + i: (3.05 + STEP * i, (row[2 * i] + row[2 * i + 1]) / 2) for i in range(len(edges) // 2)}
    right = max(x for x, _ in at.values()) + 1.5
    figure, axes = plt.subplots(figsize=(0.7 * (right + 1.4), 0.7 * (1.6 - row[-1])))
    for i, (operation, source) in enumerate(edges):
        _edge(axes, operation, at[source], at[2 + i // 2], row[i])
    outputs = [at[node] for node in NODES]
    for x, y in outputs:
        _arrow(axes, (x + HALF, y), (right - 0.3, y), "#888888", 1.1)
    top, bottom = max(y for _, y in outputs), min(y for _, y in outputs)
    _box(axes, (right, (top + bottom) / 2), (0.6, top - bottom + 0.6), "$c_k$", "#FFF3D6")
    for node, place in at.items():
        colour, wider = ("#DDEEDD", 0.16) if node in INPUTS else ("#EEF4FB", 0.0)
        _box(axes, place, (2 * HALF + wider, 2 * HALF), INPUTS.get(node, str(node - 2)), colour)
    axes.set_title(title, loc="left")
    axes.set(xlim=(-0.6, right + 0.6), ylim=(row[-1] - 0.5, 0.55), aspect="equal")
    axes.set_axis_off()
    return figure


def found_by(search: SearchResult) -> str:
    """Two lines for the title of a cell that a search found: which LLM proposed it, and what scored it."""
    scored = search.config["data"]["sentence"].partition(";")[0]
    return f"found by {search.llm}, seed {search.seed}, f = {search.score:.2f}\n{fill(f'f: {scored}', 95)}"


def draw(cell: SixEdgeCell | DartsGenotype, title: str = "") -> list[Figure]:
    """A cell of any space: one figure, or two of a genotype, its normal and its reduction cell."""
    if isinstance(cell, DartsGenotype):
        return [draw_cell(cell, which, f"{which} cell, {title}") for which in ("normal", "reduce")]
    return [plots.draw_cell(cell, title)]


def draw_path(genotype: DartsGenotype, which: str) -> Figure:
    """One cell of a supernet: all its edges and operations as a grid, those that the genotype runs in colour."""
    run = {(source, 2 + i // 2): name for i, (name, source) in enumerate(genotype.cells[which])}
    edges = [(source, node) for node in NODES for source in range(node)]
    texts = [["runs" if run.get(edge) == name else "" for name in OPERATIONS] for edge in edges]
    colours = [[(1 + column) * bool(text) for column, text in enumerate(row)] for row in texts]  # 0: does not run
    figure, axes = plt.subplots(figsize=(7, 4.8))
    seaborn.heatmap(
        colours, annot=texts, fmt="", cmap=["#E8E8E8", *(EDGE_STYLE[name][0] for name in OPERATIONS)], cbar=False,
        linewidths=3, vmin=0, vmax=len(OPERATIONS), annot_kws={"fontsize": 9, "fontweight": "bold"}, ax=axes,
        yticklabels=[f"{INPUTS.get(source, source - 2)} → {node - 2}" for source, node in edges],
        xticklabels=[name.replace("_", "\n", 1) for name in OPERATIONS],
    )  # fmt: skip
    axes.tick_params(length=0, labelrotation=0)
    axes.set_title(f"{which} cell: 14 edges × 7 operations, 8 of 98 run")
    return figure


def _edge(
    axes: Axes, operation: str, source: tuple[float, float], target: tuple[float, float], y: float
) -> None:  # fmt: skip
    """One operation: down from the state that it reads, along its row to its box, and from there into the node."""
    colour, style = EDGE_STYLE[operation]
    start, x = source[0], target[0] - 1.18
    axes.plot([start, start], [source[1], y], color="#444444", linewidth=1.3, zorder=1)
    axes.plot(start, y, "o", color="#444444", markersize=3.5, zorder=3)
    axes.plot([start, x], [y, y], color=colour, linestyle=style, linewidth=2, zorder=2)
    _arrow(axes, (x + 0.3, y), (target[0] - HALF, target[1] + 0.35 * (y - target[1])), colour, 1.6)
    axes.text(
        x, y, operation.replace("_", " ").replace("3x3", "3×3").replace("5x5", "5×5"), ha="center", va="center",
        fontsize=7.5, zorder=5,
        bbox={"boxstyle": "round,pad=0.28", "facecolor": "white", "edgecolor": colour, "linewidth": 1.5},
    )  # fmt: skip


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str, width: float) -> None:
    style = {"arrowstyle": "-|>", "color": colour, "linewidth": width, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, zorder=2, arrowprops=style)


def _box(axes: Axes, centre: tuple[float, float], size: tuple[float, float], name: str, colour: str) -> None:
    (x, y), (width, height) = centre, size
    corner = (x - width / 2, y - height / 2)
    axes.add_patch(Rectangle(corner, width, height, facecolor=colour, edgecolor="black", zorder=4))
    axes.text(x, y, name, ha="center", va="center", fontsize=9, zorder=5)
