"""Figures 7-10: a DARTS cell as a wiring diagram in which nothing overlaps.

Every intermediate node stands one step to the right of and below the one before it; its two operations are boxes to its
left, a row each. A state runs down from its node, and right along the row of each operation that reads it.
"""

from collections.abc import Sequence
from typing import Any

import seaborn
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

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


def draw_cell(genotype: DartsGenotype, which: str, title: str = "") -> Figure:
    """The normal or the reduction cell of a genotype. which: "normal" or "reduce"."""
    edges: Sequence[tuple[str, int]] = getattr(genotype, which)
    nodes = len(edges) // 2
    at = {0: (0.0, 0.0), 1: (0.85, -1.2 * ROW)}
    row = {}  # of each edge
    for i in range(len(edges)):
        row[i] = -(2.6 + i + 0.35 * (i // 2)) * ROW
    for node in range(nodes):
        at[2 + node] = (3.05 + STEP * node, (row[2 * node] + row[2 * node + 1]) / 2)
    right = at[1 + nodes][0] + 1.5
    figure, axes = plt.subplots(figsize=(0.7 * (right + 1.4), 0.7 * (1.6 - row[len(edges) - 1])))
    _trunks(axes, edges, at, row)
    for i, (operation, source) in enumerate(edges):
        _edge(axes, operation, at[source][0], at[2 + i // 2], row[i])
    _output(axes, [at[node] for node in NODES], right)
    names = {0: "$c_{k-2}$", 1: "$c_{k-1}$"} | {2 + node: str(node) for node in range(nodes)}
    for node, (x, y) in at.items():
        _box(axes, x, y, names[node], "#EEF4FB" if node > 1 else "#DDEEDD")
    axes.set_title(title, loc="left")
    axes.set_xlim(-0.6, right + 0.6)
    axes.set_ylim(row[len(edges) - 1] - 0.5, 0.55)
    axes.set_aspect("equal")
    axes.set_axis_off()
    return figure


def draw(cell: SixEdgeCell | DartsGenotype, title: str = "") -> list[Figure]:
    """A cell of any space: one figure, or two of a genotype, its normal and its reduction cell."""
    if isinstance(cell, DartsGenotype):
        return [draw_cell(cell, which, f"{which} cell, {title}") for which in ("normal", "reduce")]
    return [plots.draw_cell(cell, title)]


def draw_path(genotype: DartsGenotype, which: str) -> Figure:
    """One cell of a supernet: all its edges and operations as a grid, those that the genotype runs in colour."""
    run = {(source, 2 + i // 2): name for i, (name, source) in enumerate(getattr(genotype, which))}
    edges = [(source, node) for node in NODES for source in range(node)]
    texts = [["runs" if run.get(edge) == name else "" for name in OPERATIONS] for edge in edges]
    colours = [[(1 + column) * bool(text) for column, text in enumerate(row)] for row in texts]  # 0: does not run
    names = {0: "$c_{k-2}$", 1: "$c_{k-1}$"}
    figure, axes = plt.subplots(figsize=(7, 4.8))
    seaborn.heatmap(
        colours, annot=texts, fmt="", cmap=["#E8E8E8", *(EDGE_STYLE[name][0] for name in OPERATIONS)], cbar=False,
        linewidths=3, vmin=0, vmax=len(OPERATIONS), annot_kws={"fontsize": 9, "fontweight": "bold"}, ax=axes,
        yticklabels=[f"{names.get(source, source - 2)} → {node - 2}" for source, node in edges],
        xticklabels=[name.replace("_", "\n", 1) for name in OPERATIONS],
    )  # fmt: skip
    axes.tick_params(length=0, labelrotation=0)
    axes.set_title(f"{which} cell: 14 edges × 7 operations, 8 of 98 run")
    return figure


def _trunks(
    axes: Axes, edges: Sequence[tuple[str, int]], at: dict[int, tuple[float, float]], row: dict[int, float]
) -> None:
    """The line down from each state to the last row that reads it."""
    for node, (x, y) in at.items():
        rows = [row[i] for i, (_, source) in enumerate(edges) if source == node]
        if rows:
            axes.plot([x, x], [y, min(rows)], color="#444444", linewidth=1.3, zorder=1)
            axes.plot([x] * len(rows), rows, "o", color="#444444", markersize=3.5, zorder=3)


def _edge(axes: Axes, operation: str, start: float, target: tuple[float, float], y: float) -> None:
    """One operation: its row from the trunk to the box, and from the box into the node."""
    colour, style = EDGE_STYLE[operation]
    x = target[0] - 1.18
    axes.plot([start, x], [y, y], color=colour, linestyle=style, linewidth=2, zorder=2)
    axes.annotate(
        "", (target[0] - HALF, target[1] + 0.35 * (y - target[1])), (x + 0.3, y), zorder=2,
        arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    axes.text(
        x, y, operation.replace("_", " ").replace("3x3", "3×3").replace("5x5", "5×5"), ha="center", va="center",
        fontsize=7.5, zorder=5,
        bbox={"boxstyle": "round,pad=0.28", "facecolor": "white", "edgecolor": colour, "linewidth": 1.5},
    )  # fmt: skip


def _output(axes: Axes, parts: Sequence[tuple[float, float]], right: float) -> None:
    """c_k: the nodes of the concat, side by side."""
    for x, y in parts:
        axes.annotate(
            "", (right - 0.3, y), (x + HALF, y), zorder=1,
            arrowprops={"arrowstyle": "-|>", "color": "#888888", "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
    heights = [y for _, y in parts]
    middle = (max(heights) + min(heights)) / 2
    axes.add_patch(
        Rectangle(
            (right - 0.3, min(heights) - 0.3), 0.6, max(heights) - min(heights) + 0.6,
            facecolor="#FFF3D6", edgecolor="black", zorder=4,
        )
    )  # fmt: skip
    axes.text(right, middle, "$c_k$", ha="center", va="center", fontsize=10, zorder=5)


def _box(axes: Axes, x: float, y: float, name: str, colour: str) -> None:
    half = HALF + 0.08 * ("c" in name)  # the inputs' names are longer
    axes.add_patch(Rectangle((x - half, y - HALF), 2 * half, 2 * HALF, facecolor=colour, edgecolor="black", zorder=4))
    axes.text(x, y, name, ha="center", va="center", fontsize=8.5, zorder=5)
