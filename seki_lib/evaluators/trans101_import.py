"""`seki data import trans101 FILE`: TransNAS-Bench-101's own file, read once without running anything of it.

FILE is `transnas-bench_v10141024.pth`: one dictionary of data -> search space -> cell -> task -> {metrics: {name: a
value an epoch}, model_info: {name: value}}. The micro cells are kept, with every epoch of every metric; macro networks
are not. The value of a metric is that of its best epoch, the highest, as in the benchmark's own API (of a loss, too).
"""

from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path
from typing import Any

from ..spaces import get_space
from .imported import path
from .official_file import at, kept, numbers, read_official
from .trans101_table import OFFICIAL, TASKS

BOUNDS = {  # of metrics, by the end of their names; other metrics may be any number, and NaN
    "top1": (0.0, 100.0), "top5": (0.0, 100.0), "acc": (0.0, 100.0), "mIoU": (0.0, 100.0), "ssim": (-1.0, 1.0),
    "neg_loss": (-inf, 0.0),
}  # fmt: skip


def import_file(file: Path, on_progress: Callable[[str], None] = lambda line: None) -> Path:
    """Import the benchmark. on_progress: told of every 1,000 cells. Raises AssetError naming the file and the cell."""
    with kept("trans101", file, on_progress) as add:
        found = read_official(file)
        with at("it is not TransNAS-Bench-101's file"):
            cells = found["data"]["micro"].items()
        for arch, tasks in cells:
            with at(f"{arch!s:.40}"):
                get_space("trans101").parse(arch)  # what is no cell is refused
                results = {task: tasks[task] for task in TASKS} | tasks
                add([row for task, result in results.items() for row in _rows(arch, task, result)])
    return path("trans101")


def _rows(arch: str, task: Any, result: Any) -> Iterator[dict[str, Any]]:
    """A row for each metric of a cell on a task, and for what is known of its network."""
    with at(f"on {task!s:.40}"):
        metrics, infos = result["metrics"], result.get("model_info", {})
        required = [metric for data, metric in OFFICIAL.values() if data == task]
        epochs = result.get("total_epochs", max(len(metrics[metric]) for metric in required or metrics))
        for metric, values in metrics.items():
            with at(f"{metric!s:.40}"):
                curve = numbers(values, next((limits for end, limits in BOUNDS.items() if metric.endswith(end)), None))
                if len(curve) != epochs:
                    raise ValueError(f"it has {len(curve)} values, which is not one an epoch")
            yield {"arch": arch, "data": task, "metric": metric, "value": float(curve.max()), "curve": curve}
        for name, value in infos.items():
            with at(f"{name!s:.40}"):
                (known,) = numbers([value], None)
            yield {"arch": arch, "data": task, "metric": name, "value": float(known), "curve": None}
