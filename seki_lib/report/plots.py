"""Figures of searches, ablations and trainings, in the one style of `style.py`."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

import matplotlib
import networkx as nx
import numpy as np
import pandas as pd
import seaborn
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..baseline_runs import BaselineRuns
from ..evaluators.tabular import Tabular
from ..files.jsonl import written_at_once
from ..llm import LLM
from ..paper.settings import Setting
from ..prompts import Prompts
from ..search.repository import Repository
from ..spaces import SearchSpace
from ..spaces.six_edges import EDGES, SixEdgeCell
from .statistics import FEWEST, interval, interval_text
from .style import AMBER, BASELINES, BLACK, BLUE, GREEN, GREY, ORANGE, OURS, PINK, SKY

Panels = Mapping[str, tuple[Setting, Mapping[Setting, np.ndarray]]]
# title -> the setting compared with, and setting -> (seeds,) paired differences to it

OPERATION_STYLE = {  # operation -> (colour, line style)
    "none": ("#BBBBBB", (0, (1, 3))),
    "skip_connect": (BLACK, "--"),
    "nor_conv_1x1": (SKY, "-"),
    "nor_conv_3x3": (ORANGE, "-"),
    "avg_pool_3x3": (GREEN, "-."),
}
NODE_AT = {node: (float(node), 0.0) for node in range(4)}  # on a line, so that no two edges cross
BENDS = {(0, 2): -0.45, (0, 3): -0.55, (1, 3): 0.5}  # curvature of the edges that pass over a node
ARROW = {"arrowstyle": "-|>", "color": BLACK, "shrinkA": 0, "shrinkB": 0}
BOX = {"boxstyle": "round,pad=0.45", "facecolor": "#EEF4FB", "edgecolor": BLUE}


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as PNG (150 dpi) and SVG; returns the paths."""
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    for path in paths:
        metadata: dict[str, Any] = {"Date": None} if path.suffix == ".svg" else {}
        with written_at_once(path) as part, matplotlib.rc_context({"svg.hashsalt": "seki"}):  # the same file each time
            figure.savefig(part, dpi=150, bbox_inches="tight", metadata=metadata)
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
            graph, NODE_AT, {edge: star + operation}, ax=axes, font_size=9, rotate=False, connectionstyle=bend,
            bbox={"facecolor": "white", "edgecolor": "#CC0000" if star else "none", "pad": 0.8 + bool(star)},
            clip_on=False,
        )  # fmt: skip
    axes.set(title=title, xlim=(-0.3, 3.3), ylim=(-0.75, 1.15))
    axes.set_axis_off()
    figure = axes.get_figure()
    assert isinstance(figure, Figure)  # noqa: S101
    return figure


def best_so_far(
    histories: Sequence[Sequence[float]], baselines: BaselineRuns, *, lam: int, label: str, oracle: float
) -> Figure:
    """Highest score so far against evaluations: one line a seed over the bands of the baselines.

    histories: per seed, the scores in the order of evaluation. Bands hold the middle 80 % of the baseline's seeds.
    """
    figure, axes = plt.subplots(figsize=(8, 4.8))
    evaluations = max(len(history) for history in histories)
    for (name, colour), dashes in zip(BASELINES.items(), (":", "--", "-."), strict=True):
        best = pd.DataFrame(baselines.best_so_far(name)[:, :evaluations], columns=range(1, evaluations + 1)).melt()
        title = f"{name.replace('_', ' ')}: median, middle 80 % of {len(baselines.scores[name])} seeds"
        seaborn.lineplot(
            best, x="variable", y="value", estimator="median", errorbar=("pi", 80), err_kws={"linewidth": 0},
            color=colour, linestyle=dashes, label=title, ax=axes,
        )  # fmt: skip
    for i, history in enumerate(histories):
        title = f"{label}: one line a seed (n = {len(histories)})" if i == 0 else "_"
        axes.step(range(1, len(history) + 1), np.maximum.accumulate(history), where="post", color=OURS, label=title)
    early = baselines.best_so_far("random_search")[:, min(3, evaluations - 1)]
    bottom = max(float(np.quantile(early, 0.1)), oracle - 8)
    _stages(axes, lam, bottom)
    axes.axhline(oracle, color=BLACK, linewidth=0.8, linestyle=(0, (5, 5)))
    axes.annotate("best cell of the space", (1, oracle), (2, 3), textcoords="offset points", fontsize=9)
    axes.set(
        xlim=(1, evaluations), ylim=(bottom, oracle + (oracle - bottom) * 0.06), xlabel="evaluations, α0 included",
        ylabel="best accuracy so far that the search sees (%)",
    )  # fmt: skip
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, frameon=False)
    return figure


def mean_best_so_far(
    ours: Mapping[str, np.ndarray], baselines: BaselineRuns, *, lam: int, score: str, axes: Axes | None = None
) -> Figure:
    """Highest score so far against evaluations: means over seeds, with the 95 % interval of the mean as a band.

    ours: label -> (seeds, evaluations), the scores in the order of evaluation. Fewer than FEWEST seeds have a line and
    no band; a band that is far wider than the means' range is cut off.
    """
    axes = axes or plt.subplots(figsize=(8, 4.8))[1]
    runs = {name.replace("_", " "): baselines.best_so_far(name) for name in BASELINES}
    runs |= {label: np.maximum.accumulate(scores, axis=1) for label, scores in ours.items()}
    styles = [*zip(BASELINES.values(), (":", "--", "-."), strict=True), *((c, "-") for c in (OURS, AMBER, PINK, SKY))]
    for (name, best), (colour, dashes) in zip(runs.items(), cycle(styles)):
        seeds, evaluations = best.shape
        seaborn.lineplot(
            pd.DataFrame(best, columns=range(1, evaluations + 1)).melt(), x="variable", y="value",
            errorbar=interval if seeds >= FEWEST else None,
            err_kws={"linewidth": 0}, color=colour, linestyle=dashes, label=f"{name} (n = {seeds})", ax=axes,
        )  # fmt: skip
    bottom = min(float(best[:, min(3, evaluations - 1)].mean()) for best in runs.values()) - 0.1
    high = max(float(best[:, -1].mean()) for best in runs.values())
    top = high + (high - bottom) / 2  # the band of a few seeds may be far wider than all that there is to see
    _stages(axes, lam, bottom)
    axes.set(xlim=(1, evaluations), ylim=(bottom, top), xlabel="evaluations, α0 included", ylabel=score)
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2, frameon=False,
        title="mean over n seeds and its 95 % interval",
    )  # fmt: skip
    figure = axes.get_figure()
    assert isinstance(figure, Figure)  # noqa: S101
    return figure


def _stages(axes: Axes, lam: int, y: float) -> None:
    """The line between the two stages of a search, and their names at height y."""
    axes.axvline(lam + 1.5, color="#555555", linewidth=0.9)
    for side, text in (("right", "self-evolution ◂ "), ("left", " ▸ inspiration")):
        axes.annotate(text, (lam + 1.5, y), (0, 4), textcoords="offset points", ha=side, fontsize=9)


def data_flow(evaluator: type = Tabular) -> Figure:
    """Figure 2: the two stages of a search, each box named after the function of the code that does it.

    evaluator: the class whose instances are f.
    """
    ending = ((LLM.complete, "Eq. 4"), (SearchSpace.read, "reply → α"), (evaluator.__call__, "f(α)"),
              (Repository.append, "S grows"))  # fmt: skip
    stages: dict[str, Sequence[tuple[Any, str]]] = {
        "Self-evolution": (
            (Prompts.critique, "C, Eq. 1"), (LLM.complete, "OS, Eq. 2"), (Prompts.refine, "D, Eq. 3"), *ending,
        ),
        "Knowledge inspiration": (
            (Repository.top, "k best"), (Random.sample, "ξ of k"), (Prompts.inspire, "E, §4.2"), *ending,
        ),
    }  # fmt: skip
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
                axes.annotate("", (x - 0.41, y + 0.1), (x - 0.59, y + 0.1), arrowprops=ARROW)
        last = len(parts) - 1
        axes.plot([last, last, 0], [y - 0.48, y - 0.62, y - 0.62], color="black", linewidth=1)
        axes.annotate("", (0, y - 0.42), (0, y - 0.62), arrowprops=ARROW)
        axes.text(last / 2, y - 0.58, "next round", ha="center", fontsize=8, color="#333333")
    axes.set(xlim=(-0.55, width - 0.45), ylim=(-1.5 * len(stages) + 0.75, 0.75))
    axes.set_axis_off()
    return figure


def ablation(panels: Panels) -> Figure:
    """Table 5: each λ minus the one of the other tables. A row a λ shows the mean, its interval, and a point a seed."""
    rows = max(len(values) for _, values in panels.values())
    figure, grid = plt.subplots(1, len(panels), figsize=(5.5 * len(panels), 1.5 + 0.4 * rows), squeeze=False)
    for axes, (title, (best, values)) in zip(grid[0], panels.items(), strict=True):
        frame = pd.DataFrame([(str(s.lam), d) for s, seeds in values.items() for d in seeds], columns=["λ", "d"])
        seaborn.stripplot(frame, x="d", y="λ", color=GREY, alpha=0.5, size=4, jitter=False, ax=axes)
        seaborn.pointplot(
            frame, x="d", y="λ", color=OURS, linestyle="none", capsize=0.2, err_kws={"linewidth": 1.8}, ax=axes,
            errorbar=interval,
        )  # fmt: skip
        axes.axvline(0, color=BLACK, linewidth=0.8)
        axes.set_xlabel(f"{title}\nminus that of λ = {best.lam}; {_seeds(values)}")
    figure.tight_layout()
    return figure


def heat_map(panels: Panels) -> Figure:
    """Table 6: a map of k and the share ξ/k that is shown: mean difference to the setting of other tables."""
    figure, grid = plt.subplots(1, len(panels), figsize=(6 * len(panels), 4.2), squeeze=False)
    for axes, (title, (best, values)) in zip(grid[0], panels.items(), strict=True):
        known = [(s, f"ξ = {s.xi}\n{interval_text(d, sign=True)}", d.mean()) for s, d in values.items() if len(d)]
        known.append((best, f"ξ = {best.xi}\ncompared with", 0.0))
        table = pd.DataFrame([(s.k, s.xi / s.k, *cell) for s, *cell in known], columns=["k", "ξ/k", "text", "mean"])
        texts, means = (table.pivot(index="k", columns="ξ/k", values=column) for column in ("text", "mean"))
        largest = float(np.nanmax(np.abs(means.to_numpy()))) or 1.0
        seaborn.heatmap(
            means, annot=texts.fillna(""), fmt="", cmap="vlag_r", vmin=-largest, vmax=largest, linewidths=1, ax=axes,
            annot_kws={"fontsize": 9}, cbar_kws={"label": "mean difference (points)"},
        )  # fmt: skip
        axes.set_xticklabels([f"{share:.0%}" for share in means.columns])
        axes.set(xlabel="share of the k cells that is shown, ξ/k", ylabel="cells kept, k")
        axes.set_title(f"{title}\nminus that of k = {best.k}, ξ = {best.xi}; ± 95 % interval; {_seeds(values)}")
        axes.tick_params(axis="y", rotation=0)
    figure.tight_layout()
    return figure


def _seeds(values: Mapping[Setting, np.ndarray]) -> str:
    return f"n = {', '.join(map(str, sorted({len(seeds) for seeds in values.values()}))) or 0}"


def supernet_curve(epochs: Sequence[dict[str, float]], title: str = "") -> Figure:
    """Accuracy of a supernet's cells against minutes of training. epochs: lines of `metrics.jsonl`."""
    minutes = np.cumsum([epoch["seconds"] for epoch in epochs]) / 60
    curves = {
        "random cells, validation images": [epoch["accuracy"] for epoch in epochs],
        "sampled cells, training images, augmented": [100 - epoch["train_error"] for epoch in epochs],
    }
    figure, axes = plt.subplots(figsize=(7, 3.6))
    _curves(axes, pd.DataFrame(curves, index=minutes))
    axes.set(xlabel="minutes of training, validation not counted", ylabel="accuracy (%)", title=title)
    return figure


def learning_curve(epochs: Sequence[dict[str, float]], title: str = "") -> Figure:
    """Training and test error, and below them the learning rate. epochs: lines of `metrics.jsonl`, errors in %."""
    figure, (axes, rate) = plt.subplots(2, 1, figsize=(7, 4.6), sharex=True, height_ratios=[3, 1])
    columns = {"train_error": "training images, augmented", "test_error": "test images"}
    frame = pd.DataFrame(epochs).set_index("epoch")
    _curves(axes, frame[[*columns]].rename(columns=columns))
    _curves(rate, frame[["lr"]])
    rate.get_legend().remove()
    rate.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(ylabel="error (%)", title=title)
    rate.set(xlabel="epoch", ylabel="learning rate")
    figure.align_ylabels()
    return figure


def _curves(axes: Axes, frame: pd.DataFrame) -> None:
    """One line a column against the index, from zero up. Markers only where the points can be told apart."""
    seaborn.lineplot(frame, markers=len(frame) < 25, ax=axes)
    axes.set_ylim(0, None)
    axes.legend(loc="lower right")


def compared_errors(rows: Sequence[tuple[str, float, int]], title: str = "") -> Figure:
    """Test errors of trainings under one protocol. rows: (cell, error in %, test images behind it), best first.

    Bars of error are two standard errors from the test images alone.
    """
    figure, axes = plt.subplots(figsize=(7, 0.9 + 0.4 * len(rows)))
    for name, error, images in rows:
        spread = 2 * (error * (100 - error) / images) ** 0.5
        colour, marker = (GREY, "s") if name.startswith("random") else (OURS, "o")
        axes.errorbar(error, name, xerr=spread, fmt=marker, color=colour, capsize=3)
    axes.invert_yaxis()
    axes.margins(y=0.15)
    axes.set(xlabel="test error after the last epoch (%), ± 2 standard errors of the test images", title=title)
    return figure
