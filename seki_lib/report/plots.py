"""Figures. Colours are Okabe and Ito's (safe for colour-blind readers), and lines also differ in style."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import matplotlib
import networkx as nx
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..baseline_runs import BaselineRuns
from ..evaluators.tabular import Tabular
from ..llm import LLM
from ..prompts import Prompts
from ..search.repository import Repository
from ..spaces import SearchSpace
from ..spaces.six_edges import EDGES, SixEdgeCell

OPERATION_STYLE = {  # operation -> (colour, line style)
    "none": ("#BBBBBB", (0, (1, 3))),
    "skip_connect": ("#000000", "--"),
    "nor_conv_1x1": ("#56B4E9", "-"),
    "nor_conv_3x3": ("#D55E00", "-"),
    "avg_pool_3x3": ("#009E73", "-."),
}
BASELINE_STYLE = {
    "random_search": ("#999999", ":"),
    "regularized_evolution": ("#0072B2", "--"),
    "local_search": ("#009E73", "-."),
}
NODE_AT = {node: (float(node), 0.0) for node in range(4)}  # on a line, so that no two edges cross
BENDS = {(0, 2): -0.45, (0, 3): -0.55, (1, 3): 0.5}  # curvature of the edges that pass over a node
BOX = {"boxstyle": "round,pad=0.45", "facecolor": "#EEF4FB", "edgecolor": "#0072B2"}


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as PNG (150 dpi) and SVG; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    for path in paths:
        metadata: dict[str, Any] = {"Date": None} if path.suffix == ".svg" else {}
        with matplotlib.rc_context({"svg.hashsalt": "seki"}):  # the same figure gives the same file
            figure.savefig(path, dpi=150, bbox_inches="tight", metadata=metadata)
    plt.close(figure)
    return paths


def draw_cell(
    cell: SixEdgeCell, title: str = "", axes: Axes | None = None, marked: Sequence[tuple[int, int]] = ()
) -> Figure:
    """A cell of four nodes: node 0 is the input, node 3 the output, one labelled edge per operation.

    marked: edges that are drawn thick, with a star and a frame around their label.
    """
    axes = axes or plt.subplots(figsize=(7, 3))[1]
    graph = nx.DiGraph(EDGES)
    nx.draw_networkx_nodes(graph, NODE_AT, ax=axes, node_color="white", edgecolors="black", node_size=620)
    nx.draw_networkx_labels(graph, NODE_AT, {0: "in", 1: "1", 2: "2", 3: "out"}, ax=axes, font_size=10)
    for edge, operation in zip(EDGES, cell.edges, strict=True):
        colour, style = OPERATION_STYLE[operation]
        bend, star = f"arc3,rad={BENDS.get(edge, 0)}", "★\n" if edge in marked else ""
        nx.draw_networkx_edges(
            graph, NODE_AT, [edge], ax=axes, edge_color=colour, style=style, width=4 if star else 2, node_size=620,
            connectionstyle=bend, arrowsize=13,
        )  # fmt: skip
        nx.draw_networkx_edge_labels(
            graph, NODE_AT, {edge: star + operation}, ax=axes, font_size=8, rotate=False, connectionstyle=bend,
            bbox={"facecolor": "white", "edgecolor": "#CC0000" if star else "none", "pad": 0.8 + bool(star)},
        )  # fmt: skip
    axes.set_title(title, fontsize=10)
    axes.set_xlim(-0.3, 3.3)
    axes.set_ylim(-0.75, 1.1)
    axes.set_axis_off()
    figure = axes.get_figure()
    assert isinstance(figure, Figure)  # noqa: S101
    return figure


def best_so_far(
    histories: Sequence[Sequence[float]], baselines: BaselineRuns, *, lam: int, label: str, oracle: float
) -> Figure:
    """Highest score so far against evaluations: one line a seed over the quantile bands of the baselines.

    histories: per seed, the scores in the order of evaluation. Bands hold the middle 80 % of the baseline's seeds.
    """
    figure, axes = plt.subplots(figsize=(8, 4.6))
    evaluations = max(len(history) for history in histories)
    x = np.arange(1, evaluations + 1)
    for name, (colour, style) in BASELINE_STYLE.items():
        low, middle, high = np.quantile(baselines.best_so_far(name)[:, :evaluations], [0.1, 0.5, 0.9], axis=0)
        axes.fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0)
        title = f"{name.replace('_', ' ')}: median, middle 80 % of {len(baselines.scores[name])} seeds"
        axes.plot(x, middle, color=colour, linestyle=style, linewidth=1.8, label=title)
    for i, history in enumerate(histories):
        best = np.maximum.accumulate(history)
        title = f"{label}: one line a seed (n = {len(histories)})" if i == 0 else "_"
        axes.plot(x[: len(best)], best, color="#D55E00", linewidth=1.4, alpha=0.9, label=title)
    axes.axvline(lam + 1.5, color="#555555", linewidth=0.9)
    bottom = max(
        float(np.quantile(baselines.best_so_far("random_search")[:, min(3, evaluations - 1)], 0.1)), oracle - 8
    )
    axes.set_ylim(bottom, oracle + (oracle - bottom) * 0.06)
    axes.annotate(
        "self-evolution ◂ ▸ inspiration", (lam + 1.5, bottom), (0, 4), textcoords="offset points", ha="center",
        fontsize=8, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
    )  # fmt: skip
    axes.axhline(oracle, color="black", linewidth=0.8, linestyle=(0, (5, 5)))
    axes.annotate("best cell of the space", (1, oracle), (2, 3), textcoords="offset points", fontsize=8)
    axes.set_xlim(1, evaluations)
    axes.set_xlabel("evaluations, α0 included")
    axes.set_ylabel("best accuracy so far that the search sees (%)")
    axes.legend(fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.07))
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def data_flow(evaluator: type = Tabular) -> Figure:
    """Figure 2: the two stages of a search, each box named after the function of the code that does it.

    evaluator: the class whose instances are f.
    """
    ask, read = (LLM.complete, "Eq. 4"), (SearchSpace.read, "reply → α")
    score, keep = (evaluator.__call__, "f(α)"), (Repository.append, "S grows")
    critique, strategy, refine = (
        (Prompts.critique, "C, Eq. 1"),
        (LLM.complete, "OS, Eq. 2"),
        (Prompts.refine, "D, Eq. 3"),
    )
    top, draw, inspire = (Repository.top, "k best"), (Random.sample, "ξ of k"), (Prompts.inspire, "E, §4.2")
    stages = {
        "Self-evolution": (critique, strategy, refine, ask, read, score, keep),
        "Knowledge inspiration": (top, draw, inspire, ask, read, score, keep),
    }
    width = max(map(len, stages.values()))
    figure, axes = plt.subplots(figsize=(1.75 * width, 2.2 * len(stages)))
    for row, (title, parts) in enumerate(stages.items()):
        y = -1.5 * row
        axes.text(-0.48, y + 0.52, title, fontsize=11, fontweight="bold")
        for x, (part, caption) in enumerate(parts):
            name = part.__qualname__.replace(".__call__", "(α)").replace(".", ".\n")
            axes.text(x, y + 0.1, name, ha="center", va="center", fontsize=9, family="monospace", bbox=BOX)
            axes.text(x, y - 0.28, caption, ha="center", va="center", fontsize=8, color="#333333")
            if x:
                axes.annotate("", (x - 0.4, y + 0.1), (x - 0.6, y + 0.1), arrowprops={"arrowstyle": "-|>"})
        last = len(parts) - 1
        axes.plot([last, last, 0], [y - 0.48, y - 0.62, y - 0.62], color="black", linewidth=1)
        axes.annotate("", (0, y - 0.46), (0, y - 0.635), arrowprops={"arrowstyle": "-|>"})
        axes.text(last / 2, y - 0.58, "next round", ha="center", fontsize=8, color="#333333")
    axes.set_xlim(-0.55, width - 0.45)
    axes.set_ylim(-1.5 * len(stages) + 0.75, 0.75)
    axes.set_axis_off()
    return figure


def ablation(panels: Mapping[str, Mapping[str, np.ndarray]], setting: str) -> Figure:
    """Differences to one setting: a panel for each kind of run, a row for each setting, mean and 95 % interval.

    panels: title -> label of the setting -> (seeds,) paired differences. One seed is a hollow point, no interval.
    """
    from .ablation_tables import mean_interval

    rows = max(map(len, panels.values()))
    figure, all_axes = plt.subplots(1, len(panels), figsize=(5.5 * len(panels), 1.4 + 0.3 * rows), squeeze=False)
    for axes, (title, values) in zip(all_axes[0], panels.items(), strict=True):
        for y, differences in enumerate(values.values()):
            mean, half = mean_interval(differences)
            axes.plot(differences, [y] * len(differences), "|", color="#999999", markersize=7, alpha=0.5)
            if half is None:
                axes.plot(mean, y, "o", color="#D55E00", fillstyle="none")
            else:
                axes.errorbar(mean, y, xerr=half, fmt="o", color="#D55E00", capsize=3)
        seeds = {len(differences) for differences in values.values()}
        axes.set_yticks(range(len(values)), list(values), fontsize=9)
        axes.invert_yaxis()
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_ylabel(setting)
        axes.set_xlabel(f"{title}; n = {', '.join(map(str, sorted(seeds))) or 0}", fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure


def supernet_curve(epochs: Sequence[dict[str, float]], title: str = "") -> Figure:
    """Accuracy of a supernet's cells against minutes of training. epochs: lines of `metrics.jsonl`."""
    figure, axes = plt.subplots(figsize=(7, 3.4))
    minutes = np.cumsum([epoch["seconds"] for epoch in epochs]) / 60
    marker = "o" if len(epochs) < 25 else ""
    axes.plot(minutes, [epoch["accuracy"] for epoch in epochs], marker=marker, color="#D55E00",
              label="random cells, validation images")  # fmt: skip
    axes.plot(minutes, [100 - epoch["train_error"] for epoch in epochs], "--", marker=marker, color="#0072B2",
              label="sampled cells, training images, augmented")  # fmt: skip
    axes.set_xlabel("minutes of training, validation not counted")
    axes.set_ylabel("accuracy (%)")
    axes.set_ylim(0, None)
    axes.legend(fontsize=8, loc="lower right")
    axes.set_title(title, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def learning_curve(epochs: Sequence[dict[str, float]], title: str = "") -> Figure:
    """Training and test error and the learning rate against epochs. epochs: lines of `metrics.jsonl`, errors in %."""
    figure, axes = plt.subplots(figsize=(7, 3.8))
    x = [epoch["epoch"] for epoch in epochs]
    marker = "o" if len(x) < 25 else ""
    for key, label, colour, style in (
        ("train_error", "training images, augmented", "#0072B2", "--"),
        ("test_error", "test images", "#D55E00", "-"),
    ):
        axes.plot(x, [epoch[key] for epoch in epochs], style, marker=marker, color=colour, label=f"error, {label}")
    axes.set_xlabel("epoch")
    axes.set_ylabel("error (%)")
    axes.set_ylim(0, None)
    rate = axes.twinx()
    rate.plot(x, [epoch["lr"] for epoch in epochs], ":", color="#555555", label="learning rate")
    rate.set_ylabel("learning rate")
    rate.set_ylim(0, None)
    lines = [*axes.get_lines(), *rate.get_lines()]
    axes.legend(lines, [str(line.get_label()) for line in lines], fontsize=8, loc="lower left")
    axes.set_title(title, fontsize=10)
    axes.spines[["top"]].set_visible(False)
    rate.spines[["top"]].set_visible(False)
    return figure


def compared_errors(rows: Sequence[tuple[str, float, int]], title: str = "") -> Figure:
    """Test errors of trainings under one protocol. rows: (cell, error in %, test images behind it), best first.

    Bars of error are two standard errors from the test images alone.
    """
    figure, axes = plt.subplots(figsize=(7, 0.5 + 0.42 * len(rows)))
    for y, (name, error, images) in enumerate(reversed(rows)):
        spread = 2 * (error * (100 - error) / images) ** 0.5
        colour, marker = ("#999999", "s") if name.startswith("random") else ("#D55E00", "o")
        axes.errorbar(error, y, xerr=spread, fmt=marker, color=colour, capsize=3)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in reversed(rows)], fontsize=9)
    axes.set_xlabel("test error after the last epoch (%), ± 2 standard errors of the test images")
    axes.set_title(title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
