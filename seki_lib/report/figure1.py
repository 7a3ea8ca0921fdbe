"""Figure 1: CIFAR-10 test error against search cost, of Table 1's methods of at most one GPU-day, and ours if measured.

Labels are placed one after the other, each at the first offset where it covers no label, point or legend, and no line
to a label; where there is none, the lines may be crossed.
"""

import statistics
from collections.abc import Iterator, Sequence
from itertools import product
from math import cos, pi, sin
from pathlib import Path
from typing import NamedTuple

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.path import Path as Line
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import Bbox

from ..files.errors import RunError
from ..results import Home
from ..training.protocol import named_architecture
from .paper import paper_table
from .search_cost import DAY, parts
from .style import AMBER, BLACK, BLUE, GREEN, ORANGE, PINK

MOST_EXPENSIVE = 1.0  # GPU-days
METHOD_STYLE = {  # search method, as Table 1 names it -> (colour, marker)
    "Gradient": (BLUE, "o"),
    "Evolution": (GREEN, "s"),
    "LLM": (ORANGE, "*"),
    "Mixed": (AMBER, "D"),
    "MCMC": (PINK, "^"),
    "Reinforce": (BLACK, "v"),
}


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
    seconds, device = parts(search, results, profile)
    if device == "cpu":
        raise RunError("its search ran on a CPU, whose hours are no GPU-days")
    if profile != "paper":
        raise RunError("its cell was trained by a short protocol, whose errors do not compare with these")
    name, _ = named_architecture(str(search.folder))
    trainings = home.trainings("darts", "cifar10", name)
    if not trainings:
        raise RunError(f"its cell is not trained: seki train --arch found --profile {profile}")
    error = statistics.fmean(training.result["last_test_error"] for training in trainings)
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
        of_method = [point for point in points if point.method == method]
        for highlighted in (False, True):
            some = [point for point in of_method if point.highlighted == highlighted]
            axes.scatter(
                [point.gpu_days for point in some], [point.error for point in some], color=colour, marker=marker,
                s=260 if highlighted else 95 if marker == "*" else 42, edgecolor="white", linewidth=0.8, zorder=3,
            )  # fmt: skip
        if of_method:
            size = 10 if marker == "*" else 6
            axes.plot([], [], marker, color=colour, markersize=size, label=method)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda days, _: f"{days:g}"))
    axes.set_xlim(min(point.gpu_days for point in points) / 1.7, 1.7 * MOST_EXPENSIVE)
    errors = [point.error for point in points]
    axes.set_ylim(min(errors) - 0.1, max(errors) + 0.1)
    axes.set_xlabel("search cost (GPU-days, log scale)")
    axes.set_ylabel("CIFAR-10 test error (%)")
    axes.set_title(title, loc="left")
    axes.grid()
    axes.legend(title="search method", loc="upper left")
    figure.tight_layout()
    _label(axes, points)
    return figure


def _label(axes: Axes, points: Sequence[Point]) -> None:
    """Place the names, highlighted ones first, then from left to right and top to bottom."""
    figure, legend = axes.get_figure(), axes.get_legend()
    assert isinstance(figure, Figure) and legend is not None  # noqa: S101
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    scale = figure.dpi / 72  # pixels a point
    at = {point: axes.transData.transform((point.gpu_days, point.error)) for point in points}
    taken = [legend.get_window_extent(renderer)]
    for point, (x, y) in at.items():
        half = scale * (9 if point.highlighted else 5)
        taken.append(Bbox.from_extents(x - half, y - half, x + half, y + half))
    lines: list[Line] = []
    for point in sorted(points, key=lambda p: (not p.highlighted, p.gpu_days, -p.error)):
        x, y = at[point]
        text = axes.annotate(
            point.name, (point.gpu_days, point.error), (0, 0), textcoords="offset points", annotation_clip=False,
            fontsize=10 if point.highlighted else 9, fontweight="bold" if point.highlighted else "normal",
            color=METHOD_STYLE[point.method][0] if point.highlighted else "#222222", zorder=4,
        )  # fmt: skip
        for strict, (dx, dy, line) in product((True, False), tuple(_offsets(11 if point.highlighted else 7))):
            _move(text, dx, dy)
            box = text.get_window_extent(renderer)
            leader = Line([(x, y), (x + scale * dx, y + scale * dy)])
            crossed = line and any(leader.intersects_bbox(b) for b in taken if not b.contains(x, y))
            crossed = crossed or any(other.intersects_bbox(box) for other in lines)
            inside = axes.bbox.contains(box.x0, box.y0) and axes.bbox.y1 > box.y1 and figure.bbox.x1 > box.x1
            if inside and not box.count_overlaps(taken) and not (strict and crossed):
                break
        else:
            raise ValueError(f"no room for the label {point.name!r}")
        taken.append(box.padded(scale))
        if line:
            lines.append(leader)
            axes.annotate(
                "", (point.gpu_days, point.error), (dx, dy), textcoords="offset points", zorder=2,
                arrowprops={"arrowstyle": "-", "color": "#888888", "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip


def _offsets(nearest: float) -> Iterator[tuple[float, float, bool]]:
    """Offsets in points, near ones first, the right before the left; whether a line must lead there."""
    for step in range(12):
        for eighths in (0, 8, 4, 12, 2, 14, 6, 10, 1, 15, 7, 9, 3, 13, 5, 11):
            radius = nearest + 5 * step
            yield radius * cos(eighths * pi / 8), radius * sin(eighths * pi / 8), step > 0


def _move(text: Annotation, dx: float, dy: float) -> None:
    """Put a label at an offset in points; the side that it is anchored by faces its point."""
    text.set_position((dx, dy))
    flat = abs(dx) > 1
    text.set_horizontalalignment(("left" if dx > 0 else "right") if flat else "center")
    text.set_verticalalignment("center" if abs(dx) >= abs(dy) else "bottom" if dy > 0 else "top")
