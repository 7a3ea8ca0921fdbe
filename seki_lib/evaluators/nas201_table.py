"""The values of all 15,625 NAS-Bench-201 cells, from the best source on this machine.

1. the official benchmark, imported by `seki data import nas201 FILE`: per seed, 12 and 200 epochs;
2. `nas201_hp200_mean`: seed averages at 200 epochs, as one CSV from a mirror or as three JSON files from GitHub;
3. `analog-nasbench`: an independent training of the same cells, one CIFAR-10 accuracy a cell.
"""

import io
import json
import pickle
from pathlib import Path

from ..files.errors import AssetError
from ..files.source import DataSource
from ..spaces import get_space
from ..spaces.nas201 import EDGES, NasBench201Cell
from .imported import Rows, mean_values, meta, read
from .table import Benchmark, BenchmarkTable, Origin, only, read_csv

OFFICIAL = {  # column -> data set and metric of the benchmark's own file
    "cifar10_valid": ("cifar10-valid", "x-valid_accuracy"),
    "cifar10_test": ("cifar10", "ori-test_accuracy"),
    "cifar100_valid": ("cifar100", "x-valid_accuracy"),
    "cifar100_test": ("cifar100", "x-test_accuracy"),
    "imagenet16_valid": ("ImageNet16-120", "x-valid_accuracy"),
    "imagenet16_test": ("ImageNet16-120", "x-test_accuracy"),
}
COLUMNS = tuple(OFFICIAL)
"""Top-1 accuracy in %, by data set and split."""

TASKS = {"cifar10": "image classification on CIFAR-10 (validation accuracy in %, higher is better)"}
"""What may be searched: CIFAR-10 only (Table 3). The other data sets are read at the end."""

ANALOG_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
ANALOG_EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))


def _read_csv(path: Path) -> Rows:
    texts = read_csv(path)
    rows = zip(*(map(float, texts[column]) for column in COLUMNS), strict=True)
    return dict(zip(texts["arch"], rows, strict=True))


def _read_json(*paths: Path) -> Rows:
    """The three files of one benchmark, in the order CIFAR-10, CIFAR-100, ImageNet16-120."""
    parts = [json.loads(path.read_text()) for path in paths]
    return {
        arch: tuple(float(part[arch][value]) for part in parts for value in ("val_acc_200", "test_acc_200"))
        for arch in parts[0]
    }


class _AnalogUnpickler(pickle.Unpickler):
    """Allows the two record classes of the file and nothing else: no import, no call of foreign code."""

    def find_class(self, module: str, name: str) -> type:
        if module == "analognasbench.data" and name in ("Architecture", "DriftMeasurement"):
            return type(name, (), {})
        raise AssetError(f"analog-nasbench: the file asks for {module}.{name}, which it has no business to need")


def _read_analog(path: Path) -> Rows:
    """One accuracy a cell, of the CIFAR-10 test images by its level and its rank correlation with the benchmark.

    There is no other split: the value guides the search too and nothing is held out.
    """
    order = [ANALOG_EDGES.index(edge) for edge in EDGES]
    space = get_space("nas201")
    rows: Rows = {}
    for digits, record in _AnalogUnpickler(io.BytesIO(path.read_bytes())).load().items():
        cell = NasBench201Cell(tuple(ANALOG_OPERATIONS[digits[position]] for position in order))
        rows[space.format(cell)] = (float(record.baseline_accuracy),)
    return rows


def _official(hp: int | None, seed: int | str | None) -> BenchmarkTable:
    """Of the benchmark's own file: 200 epochs and the mean of the seeds unless asked for otherwise.

    With a seed: those cells only that have it.
    """
    import pyarrow.compute as pc

    rows, origin = read("nas201", ["arch", "data", "metric", "hp", "seed", "value"]), meta("nas201")
    hp = only(origin["name"], "hp", sorted(pc.unique(rows["hp"]).to_pylist(), reverse=True), hp)
    rows = rows.filter(pc.field("hp") == hp)
    seed = only(origin["name"], "seed", ("mean", *sorted(pc.unique(rows["seed"]).to_pylist())), seed)
    if seed != "mean":
        rows = rows.filter(pc.field("seed") == seed)
    which = "seed average" if seed == "mean" else f"seed {seed}"
    sentence = f"NAS-Bench-201 ({origin['name']}), {hp} epochs, {which}"
    source = DataSource("nas201_official", sentence, "MIT (NAS-Bench-201)", origin["sha256"])
    return BenchmarkTable(COLUMNS, mean_values(rows, OFFICIAL), {"cifar10": "cifar10_valid"}, source)


MEAN = "NAS-Bench-201, 200 epochs, seed average"
ANALOG = "independent training of the NAS-Bench-201 cells (analog-nasbench 0.1.3): CIFAR-10 only, one split"
GENIUS = ("nas201_genius_cifar10", "nas201_genius_cifar100", "nas201_genius_imagenet")
VALID, TEST = {"cifar10": "cifar10_valid"}, {"cifar10": "cifar10_test"}
ORIGINS = (
    Origin("nas201_hp200_mean", MEAN, ("nas201_hp200_mean",), COLUMNS, _read_csv, VALID),
    Origin("nas201_hp200_mean", MEAN, GENIUS, COLUMNS, _read_json, VALID),
    Origin("analog-nasbench", ANALOG, ("analog-nasbench",), ("cifar10_test",), _read_analog, TEST),
)
BENCHMARK = Benchmark("nas201", _official, ORIGINS, hp=200, seed="mean")
load, fetch_table = BENCHMARK.load, BENCHMARK.fetch
