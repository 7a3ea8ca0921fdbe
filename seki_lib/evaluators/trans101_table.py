"""The values of all 4,096 TransNAS-Bench-101 micro cells on seven tasks, from the best source on this machine.

1. the official benchmark, imported by `seki data import trans101 FILE`: every epoch;
2. `trans101_micro_7tasks`: the best epoch of each metric, as one CSV from a mirror or as seven CSV files from GitHub.

Each column is its own maximum over the epochs, as the benchmark's own "best" is: a test value is not the test value at
the epoch of best validation. SSIM and losses are times 100, as the paper prints them; a loss carries a minus sign, so
that higher is better in every column.
"""

from itertools import product
from pathlib import Path
from typing import NamedTuple

from ..files.errors import AssetError
from ..files.source import DataSource
from ..spaces import get_space
from ..spaces.trans101 import OPERATIONS, TransNasBench101Cell
from .imported import Rows, mean_values, meta, read
from .table import Benchmark, BenchmarkTable, Origin, only, read_csv


class Task(NamedTuple):
    """One of the seven: its heading in Table 4, its metric, and what it is and what its score is called in prompts."""

    heading: str
    metric: str
    words: str
    called: str


METRICS = {  # factor and words
    "top1": (1, "top-1 accuracy in %"),
    "ssim": (100, "structural similarity SSIM ×100"),
    "miou": (1, "mean IoU in %"),
    "neg_loss": (100, "L2 loss ×100 with a minus sign"),
}
TASKS = {
    "class_object": Task("Cls.O.", "top1", "object classification, 75 classes", "object classification accuracy"),
    "class_scene": Task("Cls.S.", "top1", "scene classification, 47 classes", "scene classification accuracy"),
    "autoencoder": Task("Auto.", "ssim", "autoencoding of images", "autoencoder SSIM"),
    "normal": Task("Normal", "ssim", "surface normals of every pixel", "surface normal SSIM"),
    "segmentsemantic": Task("Sem.Seg.", "miou", "semantic segmentation, 17 classes", "segmentation mean IoU"),
    "room_layout": Task("Room.", "neg_loss", "room layout by regression", "negative room layout loss"),
    "jigsaw": Task("Jigsaw", "top1", "jigsaw puzzle, 1,000 permutations", "jigsaw accuracy"),
}
"""The seven tasks, in the order of Table 4."""

SPLITS = ("valid", "test")
OFFICIAL = {  # column -> task and metric of the benchmark's own file
    f"{name}_{split}_{task.metric}": (name, f"{split}_{task.metric.replace('miou', 'mIoU')}")
    for name, task in TASKS.items()
    for split in SPLITS
}
COLUMNS = tuple(OFFICIAL)
SEARCHED = {name: f"{name}_valid_{task.metric}" for name, task in TASKS.items()}
FIRST_MICRO = 3256  # `file_id` of 0_00_000 in the seven files; the macro networks come before it


def sentence(name: str) -> str:
    """The task, its metric and its direction, for prompts."""
    task = TASKS[name]
    direction = ": lower loss, so higher score is better" if task.metric == "neg_loss" else ", higher is better"
    return f"{task.words} (validation {METRICS[task.metric][1]}{direction}) on indoor photographs (Taskonomy)"


def scaled(column: str, value: float) -> float:
    """A value of the benchmark as the paper prints it: SSIM and loss times 100."""
    factor, _ = METRICS[TASKS[OFFICIAL[column][0]].metric]
    return value if factor == 1 else round(factor * value, 10)


def _read_csv(path: Path) -> Rows:
    texts = read_csv(path)
    values = ([scaled(column, float(text)) for text in texts[column]] for column in COLUMNS)
    return dict(zip(texts["arch"], zip(*values, strict=True), strict=True))


def _read_seven(*paths: Path) -> Rows:
    """The seven files, one a task in the order of TASKS; the cells are the last 4,096 rows, counted up in base 4."""
    space, columns = get_space("trans101"), []
    for path, task in zip(paths, TASKS, strict=True):
        texts = {name.lower(): column for name, column in read_csv(path).items()}
        last = FIRST_MICRO + space.size
        if texts["file_id"][FIRST_MICRO:last] != [str(i) for i in range(FIRST_MICRO, last)]:
            raise AssetError(f"{path}: file_id {FIRST_MICRO} to {last - 1} were expected in this order")
        for split in SPLITS:
            metric = f"{split}_{TASKS[task].metric}"
            columns.append([scaled(f"{task}_{metric}", float(text)) for text in texts[metric][FIRST_MICRO:last]])
    cells = (space.format(TransNasBench101Cell(edges)) for edges in product(OPERATIONS, repeat=6))
    return dict(zip(cells, zip(*columns, strict=True), strict=True))


def _official(hp: int | None, seed: int | str | None) -> BenchmarkTable:
    """Of the benchmark's own file."""
    only("trans101_official", "hp", (HP,), hp)
    only("trans101_official", "seed", (SEED,), seed)
    best, origin = mean_values(read("trans101", ["arch", "data", "metric", "value"]), OFFICIAL), meta("trans101")
    rows = {arch: tuple(map(scaled, COLUMNS, values)) for arch, values in best.items()}
    sentence = f"TransNAS-Bench-101 ({origin['name']}, micro), best epoch of each metric"
    licence = "as TransNAS-Bench-101's publishers state"
    return BenchmarkTable(COLUMNS, rows, SEARCHED, DataSource("trans101_official", sentence, licence, origin["sha256"]))


HP, SEED = "best epoch", "one training a task"  # every cell was trained once for each task
BEST = "TransNAS-Bench-101 (micro), best epoch of each metric"
SEVEN = tuple(f"trans101_nasgraph_{task}" for task in TASKS)
ORIGINS = (
    Origin("trans101_micro_7tasks", BEST, ("trans101_micro_7tasks",), COLUMNS, _read_csv, SEARCHED),
    Origin("trans101_micro_7files", BEST, SEVEN, COLUMNS, _read_seven, SEARCHED),
)
BENCHMARK = Benchmark("trans101", _official, ORIGINS, HP, SEED)
load, fetch_table = BENCHMARK.load, BENCHMARK.fetch
