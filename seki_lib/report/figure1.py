"""Figure 1: CIFAR-10 test error against search cost: Table 1's methods of at most one GPU-day, and ours if measured."""

from collections.abc import Sequence
from itertools import product
from math import cos, pi, sin
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import Bbox

from ..files.errors import RunError
from ..results import Home
from ..training.protocol import named_architecture
from .style import AMBER, BLACK, BLUE, GREEN, GREY, ORANGE, PINK
from .tables import paper_table
from .training_tables import DAY, cost_parts

MOST_EXPENSIVE = 1.0  # GPU-days
METHOD_STYLE = {  # search method, as Table 1 names it -> (colour, marker)
    "Gradient": (BLUE, "o"),
    "Evolution": (GREEN, "s"),
    "LLM": (ORANGE, "*"),
    "Mixed": (AMBER, "D"),
    "MCMC": (PINK, "^"),
    "Reinforce": (BLACK, "v"),
}
ANGLES = (0, 8, 4, 12, 2, 14, 6, 10, 1, 15, 7, 9, 3, 13, 5, 11)  # eighths of π, tried in this order: right before left


class Point(NamedTuple):
    """A method: its name, what its search took in GPU-days, its test error in %, and how it searches."""

    name: str
    gpu_days: float
    error: float
    method: str
    highlighted: bool = False


def paper_points() -> list[Point]:
    """Table 1's methods with a search cost of at most one GPU-day."""
    return [
        Point(
            f"{row['architecture'].removesuffix(' + cutout')}{' (paper)' * (row['architecture'] == 'SEKI')}",
            float(row["search_cost"]), float(row["cifar10_error"]), row["search_method"], row["architecture"] == "SEKI",
        )
        for row in paper_table(1)
        if row["search_cost"] != "-" and float(row["search_cost"]) <= MOST_EXPENSIVE
    ]  # fmt: skip


def our_point(results: Path, profile: str) -> Point:
    """Ours: the best search's cost (supernet, f and LLM, in seconds of a machine with one GPU) and its cell's error.

    Raises RunError with the reason why ours is not in the figure: nothing was searched, it was not searched on a GPU,
    or the cell was not trained as the paper trains.
    """
    home = Home(results, profile)
    search = home.best_search()
    if search is None:
        raise RunError(f"no search of the DARTS space has finished in profile {profile}")
    seconds, device = cost_parts(search, results, profile)
    if device == "cpu":
        raise RunError("its search ran on a CPU, whose hours are no GPU-days")
    if profile != "paper":
        raise RunError("its cell was trained by a short protocol, whose errors do not compare with these")
    name, _ = named_architecture(str(search.folder))
    trainings = home.trainings("darts", "cifar10", name)
    if not trainings:
        raise RunError(f"its cell is not trained: seki train --arch found --profile {profile}")
    error = fmean(training.result["last_test_error"] for training in trainings)
    return Point("SEKI (ours)", sum(seconds.values()) / DAY, error, "LLM", True)


def figure1(results: Path, profile: str) -> Figure:
    """The figure of a profile. Its title says whether ours is in it, and if not, why."""
    points = paper_points()
    try:
        points.append(our_point(results, profile))
        ours = "ours measured by this kit"
    except RunError as error:
        ours = f"ours is not in it: {error}"
    return draw(points, f"CIFAR-10 error and search cost, methods of the paper's Table 1\n{ours}")


def draw(points: Sequence[Point], title: str) -> Figure:
    """Every point with its name beside it; a thin line leads to a name that found no room next to its point."""
    figure, axes = plt.subplots(figsize=(9, 6.4))
    for method, (colour, marker) in METHOD_STYLE.items():
        for point in (point for point in points if point.method == method):
            size = 16 if point.highlighted else 10 if marker == "*" else 6.5
            style: dict[str, Any] = {"color": colour, "markeredgecolor": "white", "markersize": size, "zorder": 3}
            axes.plot(point.gpu_days, point.error, marker, **style)
        axes.plot([], [], marker, color=colour, markersize=10 if marker == "*" else 6, label=method)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda days, _: f"{days:g}"))
    axes.set(
        xlim=(min(point.gpu_days for point in points) / 1.7, 1.7 * MOST_EXPENSIVE),
        ylim=(min(point.error for point in points) - 0.1, max(point.error for point in points) + 0.1),
        xlabel="search cost (GPU-days, log scale)", ylabel="CIFAR-10 test error (%)",
    )  # fmt: skip
    axes.set_title(title, loc="left")
    axes.grid()
    axes.legend(title="search method", loc="upper left")
    figure.tight_layout()
    figure.canvas.draw()
    _label(axes, points)
    return figure


def _label(axes: Axes, points: Sequence[Point]) -> None:
    """Place the names, highlighted ones first: each at the first offset where it covers nothing that is drawn."""
    legend, pixels = axes.get_legend(), axes.figure.dpi / 72  # of a point of length
    assert legend is not None  # noqa: S101
    taken = [legend.get_window_extent()]
    for point in points:
        x, y = axes.transData.transform((point.gpu_days, point.error))
        half = pixels * (9 if point.highlighted else 5)
        taken.append(Bbox.from_extents(x - half, y - half, x + half, y + half))
    for point in sorted(points, key=lambda point: (not point.highlighted, point.gpu_days, -point.error)):
        loud: dict[str, Any] = {"fontsize": 10, "fontweight": "bold", "color": METHOD_STYLE[point.method][0]}
        for step, eighths in product(range(12), ANGLES):
            radius, angle = (11 if point.highlighted else 7) + 5 * step, eighths * pi / 8
            dx, dy = radius * cos(angle), radius * sin(angle)
            text = axes.annotate(
                point.name, (point.gpu_days, point.error), (dx, dy), textcoords="offset points", zorder=4,
                ha="center" if abs(dx) < 1 else "left" if dx > 0 else "right",
                va="center" if abs(dx) >= abs(dy) else "bottom" if dy > 0 else "top",
                **(loud if point.highlighted else {"fontsize": 9}),
            )  # fmt: skip
            box = text.get_window_extent()
            inside = axes.bbox.contains(box.x0, box.y0) and axes.bbox.y1 > box.y1 and axes.figure.bbox.x1 > box.x1
            if inside and not box.count_overlaps(taken):
                break
            text.remove()
        else:
            raise ValueError(f"no room for the label {point.name!r}")
        taken.append(box.padded(pixels))
        if step:
            line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", (point.gpu_days, point.error), (dx, dy), textcoords="offset points", arrowprops=line)
