"""`seki data import nas201 FILE`: NAS-Bench-201's own file, read once without running anything of it.

FILE is `NAS-Bench-201-v1_1-096897.pth`, or NATS-Bench's topology benchmark `NATS-tss-v1_0-3ffb9-simple` (the folder or
its .tar) or `NATS-tss-v1_0-3ffb9.pickle.pbz2`: states of the classes ArchResults and ResultsCount, as dictionaries. The
classes are not needed. Each cell is boiled down to rows as soon as it was read, so memory hardly grows with the file.

Estimated for all 15,625 cells from 236 with made-up curves: 11 minutes on one core, 1 GB of memory, 0.2 GB kept.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..spaces import get_space
from .imported import path
from .nas201_table import OFFICIAL
from .official_file import at, kept, numbers, read_official

SPLITS = ("train", "x-valid", "x-test", "ori-test")  # as the benchmark names them
HP = {"less": 12, "full": 200, "12": 12, "200": 200}  # what a file calls a result -> epochs of training
SERIES = {  # what is known of every epoch -> its key in a ResultsCount, for training and other images, and its bounds
    "accuracy": ("train_acc1es", "eval_acc1es", (0.0, 100.0)),  # %
    "loss": ("train_losses", "eval_losses", None),  # that of a network that diverged is NaN
    "seconds": ("train_times", "eval_times", (0.0, np.inf)),
}
COSTS = {"flops": "flop", "params": "params", "latency": "latency"}  # millions, millions, seconds


def import_file(file: Path, on_progress: Callable[[str], None] = lambda line: None) -> Path:
    """Import the benchmark. on_progress: told of every 1,000 cells. Raises AssetError naming the file and the cell."""
    with kept("nas201", file, on_progress) as add:

        def take_cell(filled: dict[Any, Any]) -> bool:
            if is_cell := not HP.keys().isdisjoint(filled):
                add([row for name in HP.keys() & filled.keys() for row in _rows(filled[name], HP[name])])
            return is_cell

        read_official(file, take_cell)
    return path("nas201")


def _rows(state: Any, hp: int) -> Iterator[dict[str, Any]]:
    """The rows of an ArchResults: one cell trained for `hp` epochs."""
    arch, trainings = state["arch_str"], state["all_results"]
    if type(arch) is not str or type(trainings) is not dict:
        raise TypeError("a cell's text and its trainings are expected")
    get_space("nas201").parse(arch)  # what is no cell is refused
    with at(f"{arch}, {hp} epochs"):
        lacking = {data for data, _ in OFFICIAL.values()} - {data for data, _ in trainings}
        if lacking and hp == 200:
            raise ValueError(f"there is no training on {min(lacking)}")
    for (data, seed), training in trainings.items():
        with at(f"{arch} on {data!s:.40}, {hp} epochs, seed {seed!s:.20}"):
            if type(seed) is not int:
                raise TypeError("a seed is a whole number")
            key = {"arch": arch, "data": data, "hp": hp, "seed": seed}
            for metric, value, curve in _values(training, hp, data):
                yield {**key, "metric": metric, "value": value, "curve": curve}


def _values(training: Any, hp: int, data: str) -> Iterator[tuple[str, float | None, np.ndarray | None]]:
    """(metric, its value at the end, the curve if it is kept) of a ResultsCount."""
    if type(training["epochs"]) is not int or training["epochs"] != hp:
        raise ValueError(f"it does not have {hp} epochs")
    for metric, name in COSTS.items():
        with at(name):
            value = training.get(name)
            if value is not None and value != []:
                several = value if type(value) is list else [value]
                yield metric, float(numbers(several, (0.0, np.inf)).mean()), None
    for split in SPLITS:
        for what, (of_training, of_others, bounds) in SERIES.items():
            name = of_training if split == "train" else of_others
            with at(name):
                curve = _curve(training.get(name), split, hp, bounds)
            value = curve.sum() if what == "seconds" else curve[-1]
            if np.isnan(value) and what == "accuracy" and (data, f"{split}_accuracy") in OFFICIAL.values():
                raise ValueError(f"there is no accuracy on {split} after the last epoch")
            if not np.isnan(curve).all():
                known = None if np.isnan(value) else float(value)
                yield f"{split}_{what}", known, curve if what == "accuracy" else None


def _curve(series: Any, split: str, epochs: int, bounds: tuple[float, float] | None) -> np.ndarray:
    """A value an epoch of `{epoch: value}` or `{"split@epoch": value}`, NaN where there is none."""
    curve = np.full(epochs, np.nan)
    if series is None:
        return curve
    if type(series) is not dict:
        raise TypeError(f"a dictionary is expected, and a {type(series).__name__} was found")
    known = [(epoch, series[key]) for epoch, key in enumerate(_keys(split, epochs)) if key in series]
    curve[[epoch for epoch, _ in known]] = numbers((value for _, value in known), bounds)
    return curve


@cache
def _keys(split: str, epochs: int) -> list[Any]:
    return list(range(epochs)) if split == "train" else [f"{split}@{epoch}" for epoch in range(epochs)]
