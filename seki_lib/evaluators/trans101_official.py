"""TransNAS-Bench-101's own file `transnas-bench_v10141024.pth`, read by `seki data import trans101 FILE`.

The file is one dictionary: data -> search space -> cell -> task -> {metrics: {name: a value an epoch}, model_info:
{name: value}}. Every epoch of every metric is kept for the micro cells, in Parquet: one row a cell, task and metric.

    Curves.load().query("64-41414-1_02_333", "jigsaw", "valid_top1", "best")
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from ..files.assets import cache_dir
from ..files.errors import AssetError, UnknownName
from ..files.jsonl import written_at_once
from ..files.source import DataSource
from ..spaces import get_space
from .official_file import numbers, read_official
from .table import Contents, only

PUBLISHED = (
    "1974b0ba21872494fabb541616e9bdae740242eecd6df5c5893747291364bc10"  # SHA-256 of transnas-bench_v10141024.pth
)


METRICS = {  # task -> the metric that tables show, as the file spells it
    "class_object": "top1", "class_scene": "top1", "jigsaw": "top1", "autoencoder": "ssim", "normal": "ssim",
    "segmentsemantic": "mIoU", "room_layout": "neg_loss",
}  # fmt: skip
BOUNDS = {  # of metrics, by the end of their names; of losses and times nothing is known but that they are numbers
    "top1": (0.0, 100.0), "top5": (0.0, 100.0), "acc": (0.0, 100.0), "mIoU": (0.0, 100.0), "ssim": (-1.0, 1.0),
    "neg_loss": (-inf, 0.0),
}  # fmt: skip


def path() -> Path:
    """Where the imported benchmark is kept."""
    return cache_dir() / "trans101_official.parquet"


@dataclass(frozen=True)
class Curves:
    """The imported benchmark. `meta`: name and SHA-256 of the file, number of cells."""

    table: Any  # pyarrow.Table: arch, task, metric, values (one an epoch), best
    meta: dict[str, Any]

    @classmethod
    def load(cls, columns: list[str] | None = None) -> "Curves":
        """From the cache. Raises AssetError if nothing was imported, or if what was imported is damaged."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not path().exists():
            raise AssetError(
                'trans101: the benchmark\'s own file was not imported. Run "seki data import trans101 FILE".'
            )
        try:
            table = pq.read_table(
                path(), columns=columns, read_dictionary=["arch", "task", "metric"], page_checksum_verification=True
            )
            return cls(table, json.loads(pq.read_metadata(path()).metadata[b"seki"]))
        except (OSError, KeyError, pa.ArrowException) as error:
            raise AssetError(f"{path()} is damaged ({error}). Remove it and import the benchmark again.") from None

    @cached_property
    def _rows(self) -> dict[tuple[str, str], dict[str, int]]:
        """Where the values are: (cell, task) -> metric -> row."""
        rows: dict[tuple[str, str], dict[str, int]] = {}
        columns = [self.table[name].to_pylist() for name in ("arch", "task", "metric")]
        for row, (arch, task, metric) in enumerate(zip(*columns, strict=True)):
            rows.setdefault((arch, task), {})[metric] = row
        return rows

    def query(self, arch: str, task: str, metric: str, mode: str | int = "best") -> Any:
        """A metric, or something of `model_info`, as the benchmark holds it.

        mode: "best" (the highest of all epochs, as the benchmark's own API has it: of a loss, too), "final", "list", or
        an epoch from 0 on. Raises UnknownName listing what there is.
        """
        name = self.meta["name"]
        try:
            metrics = self._rows[arch, task]
        except KeyError:
            tasks = ", ".join(dict.fromkeys(task for _, task in self._rows))
            raise UnknownName(f"{name} has no {arch!r} on {task!r}; tasks: {tasks}") from None
        values = self.table["values"][metrics[only(name, f"metric of {task}", list(metrics), metric)]].as_py()
        only(name, "mode", ("best", "final", "list", *range(len(values))), mode)
        if isinstance(mode, int):
            return values[mode]
        return {"best": max(values), "final": values[-1], "list": values}[mode]


def contents(columns: tuple[str, ...], scaled: Callable[[str, float], float]) -> tuple[Contents, DataSource]:
    """The table of the best epochs, in these columns (`<task>_<split>_<metric>`), and where it comes from."""
    curves = Curves.load(["arch", "task", "metric", "best"])
    table = curves.table.combine_chunks().unify_dictionaries()
    arch, task, metric = (table[name].combine_chunks() for name in ("arch", "task", "metric"))
    cells = arch.dictionary.to_pylist()
    where, best = [code.indices.to_numpy() for code in (arch, task, metric)], table["best"].to_numpy()
    values = np.full((len(columns), len(cells)), np.nan)
    for (t, task_name), (m, metric_name) in product(
        enumerate(task.dictionary.to_pylist()), enumerate(metric.dictionary.to_pylist())
    ):
        if (column := f"{task_name}_{metric_name}".lower()) in columns:
            here = (where[1] == t) & (where[2] == m)
            values[columns.index(column), where[0][here]] = best[here]
    rows = zip(*([scaled(c, v) for v in row] for c, row in zip(columns, values.tolist(), strict=True)), strict=True)
    sentence = f"TransNAS-Bench-101 ({curves.meta['name']}, micro), best epoch of each metric"
    licence = "as TransNAS-Bench-101's publishers state"
    return Contents(columns, dict(zip(cells, rows, strict=True))), DataSource(
        "trans101_official", sentence, licence, curves.meta["sha256"]
    )


def _curves(arch: str, task: str, result: dict[str, Any]) -> dict[str, np.ndarray]:
    """Every metric of a cell on a task, a value an epoch, and what is known of its network, a value each.

    Raises AssetError that names the cell, the task and the metric of what is missing or no possible value.
    """
    curves, metric = {}, "metrics"
    try:
        infos = {name: [value] for name, value in result.get("model_info", {}).items()}
        for metric, values in (result["metrics"] | infos).items():
            low, high = next((bounds for ending, bounds in BOUNDS.items() if metric.endswith(ending)), (-inf, inf))
            curves[metric] = numbers(values, low, high)
        for metric in [f"{split}_{METRICS[task]}" for split in ("valid", "test") if task in METRICS]:
            epochs = result.get("total_epochs", len(curves[metric]))
            if wrong := next((name for name in result["metrics"] if len(curves[name]) != epochs), None):
                raise ValueError(f"{wrong} has {len(curves[wrong])} values for {epochs!r:.20} epochs")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise AssetError(f"{arch} on {task:.40}, {metric}: {reason}") from None
    return curves


def import_file(file: Path, on_progress: Callable[[str], None] = lambda line: None) -> Path:
    """Read the benchmark's file once, without running anything of it; the macro networks are left out.

    What was imported before stays until the new one is complete. Raises AssetError if the file is not what it should
    be.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    found, sha256 = read_official(file, lambda reader, filled: None)
    keys: list[tuple[str, str, str]] = []
    values: list[np.ndarray] = []
    try:
        cells = found["data"]["micro"]
        for done, (arch, tasks) in enumerate(cells.items(), start=1):
            get_space("trans101").parse(arch)  # what is no cell is refused
            if missing := METRICS.keys() - tasks.keys():
                raise AssetError(f"{arch} has no results of {min(missing)}")
            for task, result in tasks.items():
                for metric, curve in _curves(arch, task, result).items():
                    keys.append((arch, task, metric))
                    values.append(curve)
            if done % 1000 == 0 or done == len(cells):
                on_progress(f"{done:,} of {get_space('trans101').size:,} cells")
        best = [float(v.max()) for v in values]
        if not keys:
            raise KeyError("micro")
    except AssetError as error:
        raise AssetError(f"{file}: {error}. Nothing was imported.") from None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise AssetError(f"{file} is not TransNAS-Bench-101's file ({error!r:.300}). Nothing was imported.") from None
    exact = all(np.array_equal(v, v.astype(np.float32), equal_nan=True) for v in values)
    meta = {"name": file.name, "sha256": sha256, "cells": len(cells), "published": sha256 == PUBLISHED}
    texts = dict(zip(("arch", "task", "metric"), (pa.array(column) for column in zip(*keys, strict=True)), strict=True))
    lists = pa.array(values, pa.list_(pa.float32() if exact else pa.float64()))
    table = pa.table(texts | {"values": lists, "best": pa.array(best)})
    with written_at_once(path()) as part:
        pq.write_table(
            table.replace_schema_metadata({"seki": json.dumps(meta)}), part, compression="zstd",
            write_page_checksum=True, use_dictionary=list(texts),
        )  # fmt: skip
    return path()
