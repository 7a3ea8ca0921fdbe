"""The values of all 15,625 NAS-Bench-201 cells, from the best source at hand.

1. the official benchmark, imported by `seki data import nas201 FILE`: per seed, 12 and 200 epochs;
2. `nas201_hp200_mean`: seed averages at 200 epochs, as one CSV from a mirror or as three JSON files from GitHub;
3. `analog-nasbench`: an independent training of the same cells, one CIFAR-10 accuracy a cell.
"""

import io
import json
import pickle
from pathlib import Path

from ..files.errors import AssetError
from ..spaces import get_space
from ..spaces.nas201 import EDGES, NasBench201Cell
from . import nas201_official
from .table import Contents, Origin, Rows, Table, fetch_first, load_first, only, read_csv

COLUMNS = ("cifar10_valid", "cifar10_test", "cifar100_valid", "cifar100_test", "imagenet16_valid", "imagenet16_test")
"""Top-1 accuracy in %, by data set and split."""

TASKS = {"cifar10": "image classification on CIFAR-10 (validation accuracy in %, higher is better)"}
"""What may be searched: CIFAR-10 only (Table 3). The other data sets are read at the end."""

ANALOG_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
ANALOG_EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))


def _read_csv(path: Path) -> Contents:
    texts = read_csv(path)
    rows = zip(*(map(float, texts[column]) for column in COLUMNS), strict=True)
    return Contents(COLUMNS, dict(zip(texts["arch"], rows, strict=True)))


def _read_json(*paths: Path) -> Contents:
    """The three files of one benchmark, in the order CIFAR-10, CIFAR-100, ImageNet16-120."""
    parts = [json.loads(path.read_text()) for path in paths]
    rows = {
        arch: tuple(float(part[arch][value]) for part in parts for value in ("val_acc_200", "test_acc_200"))
        for arch in parts[0]
    }
    return Contents(COLUMNS, rows)


class _AnalogUnpickler(pickle.Unpickler):
    """Allows the two record classes of the file and nothing else: no import, no call of foreign code."""

    def find_class(self, module: str, name: str) -> type:
        if module == "analognasbench.data" and name in ("Architecture", "DriftMeasurement"):
            return type(name, (), {})
        raise AssetError(f"analog-nasbench: the file asks for {module}.{name}, which it has no business to need")


def _read_analog(path: Path) -> Contents:
    """One accuracy a cell, of the CIFAR-10 test images by its level and its rank correlation with the benchmark.

    There is no other split: the value guides the search too and nothing is held out.
    """
    order = [ANALOG_EDGES.index(edge) for edge in EDGES]
    space = get_space("nas201")
    rows: Rows = {}
    for digits, record in _AnalogUnpickler(io.BytesIO(path.read_bytes())).load().items():
        cell = NasBench201Cell(tuple(ANALOG_OPERATIONS[digits[position]] for position in order))
        rows[space.format(cell)] = (float(record.baseline_accuracy),)
    return Contents(("cifar10_test",), rows)


MEAN = "NAS-Bench-201, 200 epochs, seed average"
ORIGINS = (
    Origin("nas201_hp200_mean", MEAN, ("nas201_hp200_mean",), _read_csv, {"cifar10": "cifar10_valid"}),
    Origin(
        "nas201_hp200_mean",
        MEAN,
        ("nas201_genius_cifar10", "nas201_genius_cifar100", "nas201_genius_imagenet"),
        _read_json,
        {"cifar10": "cifar10_valid"},
        keep=True,
    ),
    Origin(
        "analog-nasbench",
        "independent training of the NAS-Bench-201 cells (analog-nasbench 0.1.3): CIFAR-10 only, one split",
        ("analog-nasbench",),
        _read_analog,
        {"cifar10": "cifar10_test"},
        keep=True,
    ),
)


def load(hp: int | None = None, seed: int | str | None = None) -> Table:
    """The table from the first source that is on this machine.

    hp: epochs of training (12 or 200); seed: of one training, or "mean". Only the imported official benchmark offers a
    choice. Raises AssetError naming the next step, UnknownName listing what the source has.
    """
    if nas201_official.path().exists():
        return nas201_official.load(hp, seed)
    table = load_first("nas201", ORIGINS)
    only(table.source.name, "hp", (200,), hp)
    only(table.source.name, "seed", ("mean",), seed)
    return table


def fetch_table() -> Table:
    """`load`, after fetching the best source that can be reached."""
    return load() if nas201_official.path().exists() else fetch_first("nas201", ORIGINS)
