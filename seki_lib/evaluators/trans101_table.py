"""The values of all 4,096 TransNAS-Bench-101 micro cells on seven tasks, from the best source at hand.

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
from ..spaces import get_space
from ..spaces.trans101 import OPERATIONS, TransNasBench101Cell
from . import trans101_official
from .table import Contents, Origin, Table, fetch_first, load_first, only, read_csv


class Task(NamedTuple):
    """One of the seven: its heading in Table 4, its metric (by the benchmark's name) and factor, and a sentence."""

    heading: str
    metric: str
    factor: int
    sentence: str
    called: str


TASKS = {
    "class_object": Task(
        "Cls.O.",
        "top1",
        1,
        "object classification, 75 classes ({}top-1 accuracy in %{})",
        "object classification accuracy",
    ),
    "class_scene": Task(
        "Cls.S.",
        "top1",
        1,
        "scene classification, 47 classes ({}top-1 accuracy in %{})",
        "scene classification accuracy",
    ),
    "autoencoder": Task(
        "Auto.", "ssim", 100, "autoencoding of images ({}structural similarity SSIM ×100{})", "autoencoder SSIM"
    ),
    "normal": Task(
        "Normal",
        "ssim",
        100,
        "surface normals of every pixel ({}structural similarity SSIM ×100{})",
        "surface normal SSIM",
    ),
    "segmentsemantic": Task(
        "Sem.Seg.", "miou", 1, "semantic segmentation, 17 classes ({}mean IoU in %{})", "segmentation mean IoU"
    ),
    "room_layout": Task(
        "Room.",
        "neg_loss",
        100,
        "room layout by regression ({}L2 loss ×100 with a minus sign{})",
        "negative room layout loss",
    ),
    "jigsaw": Task(
        "Jigsaw", "top1", 1, "jigsaw puzzle, 1,000 permutations ({}top-1 accuracy in %{})", "jigsaw accuracy"
    ),
}
"""In the order of Table 4."""

SPLITS = ("valid", "test")
COLUMNS = tuple(f"{task}_{split}_{TASKS[task].metric}" for task in TASKS for split in SPLITS)
SEARCHED = {task: f"{task}_valid_{TASKS[task].metric}" for task in TASKS}
FIRST_MICRO = 3256  # `file_id` of 0_00_000 in the seven files; the macro networks come before it


def sentence(task: str) -> str:
    """The task, its metric and its direction, for prompts."""
    direction = ": lower loss, so higher score is better" if TASKS[task].metric == "neg_loss" else ", higher is better"
    return TASKS[task].sentence.format("validation ", direction) + " on indoor photographs (Taskonomy)"


def scaled(column: str, value: float) -> float:
    """A value of the benchmark as the paper prints it: SSIM and loss times 100."""
    factor = TASKS[column.rsplit("_valid_")[0].rsplit("_test_")[0]].factor
    return value if factor == 1 else round(factor * value, 10)


def _read_csv(path: Path) -> Contents:
    texts = read_csv(path)
    values = ([scaled(column, float(text)) for text in texts[column]] for column in COLUMNS)
    return Contents(COLUMNS, dict(zip(texts["arch"], zip(*values, strict=True), strict=True)))


def _read_seven(*paths: Path) -> Contents:
    """The seven files, one a task in the order of TASKS; the cells are the last 4,096 rows, counted up in base 4."""
    space, columns = get_space("trans101"), []
    for path, task in zip(paths, TASKS, strict=True):
        texts = {name.lower(): column for name, column in read_csv(path).items()}
        last = FIRST_MICRO + space.size
        if texts["file_id"][FIRST_MICRO:last] != [str(i) for i in range(FIRST_MICRO, last)]:
            raise AssetError(f"{path}: file_id {FIRST_MICRO} to {last - 1} were expected in this order")
        for split in SPLITS:
            column = texts[f"{split}_{TASKS[task].metric}"][FIRST_MICRO:last]
            columns.append([scaled(f"{task}_{split}_", float(text)) for text in column])
    cells = (space.format(TransNasBench101Cell(edges)) for edges in product(OPERATIONS, repeat=6))
    return Contents(COLUMNS, dict(zip(cells, zip(*columns, strict=True), strict=True)))


BEST = "TransNAS-Bench-101 (micro), best epoch of each metric"
ORIGINS = (
    Origin("trans101_micro_7tasks", BEST, ("trans101_micro_7tasks",), _read_csv, SEARCHED),
    Origin(
        "trans101_micro_7files", BEST, tuple(f"trans101_nasgraph_{task}" for task in TASKS), _read_seven, SEARCHED,
        keep=True,
    ),
)  # fmt: skip


def load(hp: int | None = None, seed: int | str | None = None) -> Table:
    """The table from the first source that is on this machine. Raises AssetError naming the next step.

    Every cell was trained once for each task: there is no choice of hp or seed, and asking for one is an UnknownName.
    """
    if trans101_official.path().exists():
        (columns, rows), source = trans101_official.contents(COLUMNS, scaled)
        table = Table(columns, rows, SEARCHED, source)
    else:
        table = load_first("trans101", ORIGINS)
    only(table.source.name, "hp", ("best epoch",), hp)
    only(table.source.name, "seed", ("one training a task",), seed)
    return table


def fetch_table() -> Table:
    """`load`, after fetching the best source that can be reached."""
    return load() if trans101_official.path().exists() else fetch_first("trans101", ORIGINS)
