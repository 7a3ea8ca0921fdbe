"""NAS-Bench-201's own values, once `seki data import nas201 FILE` has put them into Parquet (nas201_import.py).

Kept for every training (cell, epochs, data set, seed): accuracy, loss and seconds on each split after the last epoch,
the accuracy on each but the training split after every epoch, and what the network costs. Not kept, for size: training
accuracies, losses and seconds of the epochs between.

    Trainings.load().query("|nor_conv_3x3~0|+|…|", "cifar100", "x-test", hp=200, seed=888)
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..files.assets import cache_dir
from ..files.errors import AssetError, UnknownName
from ..files.source import DataSource
from .table import Rows, Table, only

SPLITS = ("train", "x-valid", "x-test", "ori-test")  # as the benchmark names them
COLUMNS = {  # of the table, with the training and the split that each is read from
    "cifar10_valid": ("cifar10-valid", "x-valid"),
    "cifar10_test": ("cifar10", "ori-test"),
    "cifar100_valid": ("cifar100", "x-valid"),
    "cifar100_test": ("cifar100", "x-test"),
    "imagenet16_valid": ("ImageNet16-120", "x-valid"),
    "imagenet16_test": ("ImageNet16-120", "x-test"),
}


def path() -> Path:
    """Where the imported benchmark is kept."""
    return cache_dir() / "nas201_official.parquet"


class Answer(NamedTuple):
    """What the benchmark knows of a training on one split; NaN for what it does not know."""

    accuracy: float  # %
    loss: float
    seconds: float  # all epochs together


@dataclass(frozen=True)
class Trainings:
    """The imported benchmark: one row a training. `meta`: name and SHA-256 of the file, number of cells."""

    table: Any  # pyarrow.Table
    meta: dict[str, Any]

    @classmethod
    def load(cls, columns: Sequence[str] | None = None) -> "Trainings":
        """From the cache. Raises AssetError if nothing was imported, or if what was imported is damaged."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not path().exists():
            raise AssetError('nas201: the benchmark\'s own file was not imported. Run "seki data import nas201 FILE".')
        try:
            table = pq.read_table(
                path(), columns=columns, read_dictionary=["arch", "dataset"], page_checksum_verification=True
            )
            return cls(table, json.loads(pq.read_metadata(path()).metadata[b"seki"]))
        except (OSError, KeyError, pa.ArrowException) as error:
            raise AssetError(f"{path()} is damaged ({error}). Remove it and import the benchmark again.") from None

    @cached_property
    def _rows(self) -> dict[tuple[str, int, str], dict[int, int]]:
        """Where the trainings of a cell are: (arch, hp, data set) -> seed -> row."""
        rows: dict[tuple[str, int, str], dict[int, int]] = {}
        columns = [self.table[name].to_pylist() for name in ("arch", "hp", "dataset", "seed")]
        for row, (arch, hp, dataset, seed) in enumerate(zip(*columns, strict=True)):
            rows.setdefault((arch, hp, dataset), {})[seed] = row
        return rows

    def seeds(self, arch: str, dataset: str, hp: int = 200) -> list[int]:
        """The seeds of a cell's trainings. Raises UnknownName where there are none."""
        try:
            return sorted(self._rows[arch, hp, dataset])
        except KeyError:
            raise UnknownName(f"{self.meta['name']} has no training of {arch} on {dataset} for {hp} epochs") from None

    def query(
        self, arch: str, dataset: str, split: str, *, hp: int = 200, seed: int | str = "mean", epoch: int | None = None
    ) -> Answer:
        """One training, or the mean of a cell's, after the last epoch; or (accuracy only) after any, counted from 0.

        dataset: cifar10-valid, cifar10, cifar100 or ImageNet16-120; split: one of SPLITS. Raises UnknownName listing
        what there is.
        """
        only(self.meta["name"], "split", SPLITS, split)
        seeds = self.seeds(arch, dataset, hp)
        only(self.meta["name"], f"seed for {arch} on {dataset}", ("mean", *seeds), seed)
        chosen = [self._rows[arch, hp, dataset][s] for s in (seeds if seed == "mean" else [int(seed)])]
        answers = np.array([self._answer(row, split, epoch) for row in chosen])
        return Answer(*answers.mean(axis=0).tolist())

    def _answer(self, row: int, split: str, epoch: int | None) -> Answer:
        name = split.replace("-", "_")
        last, nan = self.table["epochs"][row].as_py() - 1, float("nan")
        if epoch is None or epoch == last:
            last_values = (self.table[f"{name}_{what}"][row].as_py() for what in Answer._fields)
            return Answer(*(nan if value is None else value for value in last_values))
        curve = self.table[f"{name}_curve"][row].as_py() if split != "train" else None
        if not 0 <= epoch < last or not curve:
            raise UnknownName(
                f"{self.meta['name']} has no epoch {epoch} of {split} here; it has {f'0 to {last}' if curve else last}"
            )
        steps = curve[epoch]
        return Answer(nan if steps is None else steps * self.table[f"{name}_unit"][row].as_py(), nan, nan)

    def costs(self, arch: str, dataset: str, hp: int = 200) -> dict[str, float]:
        """Millions of FLOPs and parameters, and seconds of latency, of a network: means of its trainings."""
        rows = [self._rows[arch, hp, dataset][seed] for seed in self.seeds(arch, dataset, hp)]
        columns = {name: [self.table[name][row].as_py() for row in rows] for name in ("flops", "params", "latency")}
        known = {name: [v for v in values if v is not None] for name, values in columns.items()}
        return {name: float(np.mean(values)) if values else float("nan") for name, values in known.items()}


def load(hp: int | None = None, seed: int | str | None = None) -> Table:
    """The benchmark's table: 200 epochs and the mean of the seeds unless asked for otherwise.

    With a seed: those cells only that have it. Raises UnknownName listing what was imported.
    """
    accuracies = [f"{split.replace('-', '_')}_accuracy" for split in SPLITS]
    trainings = Trainings.load(["arch", "hp", "dataset", "seed", *accuracies])
    table, name = trainings.table.combine_chunks().unify_dictionaries(), trainings.meta["name"]
    arch, dataset = (table[column].combine_chunks() for column in ("arch", "dataset"))
    cells, datasets = arch.dictionary.to_pylist(), dataset.dictionary.to_pylist()
    hps, seeds = table["hp"].to_numpy(), table["seed"].to_numpy()
    hp = only(name, "hp", sorted(set(hps.tolist()), reverse=True), hp)
    seed = only(name, "seed", ("mean", *sorted(set(seeds[hps == hp].tolist()))), seed)
    chosen = hps == hp if seed == "mean" else (hps == hp) & (seeds == seed)
    columns = []
    for data, split in COLUMNS.values():
        here = chosen & (dataset.indices.to_numpy() == (datasets.index(data) if data in datasets else -1))
        codes, values = arch.indices.to_numpy()[here], table[f"{split.replace('-', '_')}_accuracy"].to_numpy()[here]
        with np.errstate(invalid="ignore"):  # cells without such a training: 0 / 0
            columns.append(np.bincount(codes, values, len(cells)) / np.bincount(codes, minlength=len(cells)))
    known = ~np.isnan(columns[0])  # what is searched
    values = zip(*(column[known].tolist() for column in columns), strict=True)
    rows: Rows = dict(zip((cell for cell, k in zip(cells, known, strict=True) if k), values, strict=True))
    which = "seed average" if seed == "mean" else f"seed {seed}"
    source = DataSource(
        "nas201_official", f"NAS-Bench-201 ({name}), {hp} epochs, {which}", "MIT (NAS-Bench-201)",
        trainings.meta["sha256"],
    )  # fmt: skip
    return Table(tuple(COLUMNS), rows, {"cifar10": "cifar10_valid"}, source)
