"""`seki data import nas201 FILE`: NAS-Bench-201's own file, read once without running anything of it, into Parquet.

FILE is `NAS-Bench-201-v1_1-096897.pth`, or NATS-Bench's topology benchmark `NATS-tss-v1_0-3ffb9-simple` (the folder or
its .tar) or `NATS-tss-v1_0-3ffb9.pickle.pbz2`: states of the classes ArchResults and ResultsCount, as dictionaries. The
classes are not needed. A training is boiled down to one row as soon as it was read: memory hardly grows with the file.

Reckoned from 300 cells with made-up curves: 5 minutes on one core and 56 MB for all 15,625 (0.4 GB of memory for 300).
"""

import json
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..files.errors import AssetError
from ..files.jsonl import written_at_once
from ..spaces import get_space
from .nas201_official import COLUMNS, SPLITS, path
from .official_file import numbers, read_official
from .plain_pickle import PickleReader

IMAGES = {  # behind each of SPLITS: an accuracy is a multiple of 100 % / images, and a curve is kept in such steps
    "cifar10-valid": (0, 25_000, 0, 10_000),
    "cifar10": (0, 0, 0, 10_000),
    "cifar100": (0, 5_000, 5_000, 10_000),
    "ImageNet16-120": (0, 3_000, 3_000, 6_000),
}
HP = {"less": 12, "full": 200, "12": 12, "200": 200}  # what a file calls a result -> epochs of training
PER_EPOCH = ("train_acc1es", "train_losses", "train_times", "eval_acc1es", "eval_losses", "eval_times")
FINEST = 1e-5  # %, the step of a curve that is no multiple of 100 % / images
CELLS_AT_ONCE = 1000

Series = dict[str, np.ndarray]  # split ("" for training) -> a value per epoch, NaN where there is none


def import_file(file: Path, on_progress: Callable[[str], None] = lambda line: None) -> Path:
    """Import the benchmark; what was imported before stays until the new one is complete.

    on_progress is told of every 1,000 cells. Raises AssetError if the file is not what it should be.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, space, cells = _schema(pa), get_space("nas201"), 0
    rows: list[dict[str, Any]] = []
    encoding = {f"{_column(split)}_curve.list.element": "BYTE_STREAM_SPLIT" for split in SPLITS[1:]}
    with (
        written_at_once(path()) as part,
        pq.ParquetWriter(
            part, schema, compression="zstd", compression_level=9, write_page_checksum=True,
            use_dictionary=["arch", "dataset"], column_encoding=encoding,
        ) as writer,
    ):  # fmt: skip

        def take(reader: PickleReader, found: dict[Any, Any]) -> None:
            nonlocal cells
            if "train_acc1es" in found:
                try:
                    _boil_down(reader, found)
                except (AssetError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
                    found.clear()  # which cell it is of is known once its results were read
                    found["wrong"] = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            elif HP.keys() & found.keys():
                rows.extend(_rows_of(found, space))
                cells += 1
                if cells % CELLS_AT_ONCE == 0:
                    flush()

        def flush() -> None:
            writer.write_table(pa.Table.from_pylist(rows, schema))
            rows.clear()
            on_progress(f"{cells:,} of {space.size:,} cells")

        _, sha256 = read_official(file, take)
        flush()
        if not cells:
            raise AssetError(f"{file} holds no results of NAS-Bench-201. Nothing was imported.")
        meta = {"name": file.name, "sha256": sha256, "cells": cells}
        writer.add_key_value_metadata({"seki": json.dumps(meta)})
    return path()


def _column(split: str) -> str:
    return split.replace("-", "_")


def _schema(pa: Any) -> Any:
    columns = [("arch", pa.string()), ("hp", pa.int16()), ("dataset", pa.string()), ("seed", pa.int32())]
    columns += [("epochs", pa.int16()), ("flops", pa.float64()), ("params", pa.float64()), ("latency", pa.float64())]
    for split in map(_column, SPLITS):
        columns += [(f"{split}_{name}", pa.float64()) for name in ("accuracy", "loss", "seconds")]
    for split in map(_column, SPLITS[1:]):
        columns += [(f"{split}_unit", pa.float64()), (f"{split}_curve", pa.list_(pa.int32()))]
    return pa.schema(columns)


def _boil_down(reader: PickleReader, state: dict[Any, Any]) -> None:
    """Put one row in place of the state of a ResultsCount, and let go of its dictionaries of epochs."""
    series: dict[str, Series] = {}
    replaced: dict[int, Any] = {}
    for name in PER_EPOCH:
        value = state.get(name)
        if type(value) is dict:  # else it was boiled down where it was first used, or there is none
            replaced[id(value)] = series[name] = _named(name, _series, value, 100.0 if "acc" in name else math.inf)
        elif value is None or type(value) is _Boiled:
            series[name] = value or {}
        else:
            raise TypeError(f"{name} is a {type(value).__name__}")
    latency = state.get("latency")
    row: dict[str, Any] = {"epochs": state["epochs"]}
    for column, name in (("flops", "flop"), ("params", "params")):
        row[column] = None if state.get(name) is None else float(_named(name, numbers, [state[name]], 0.0)[0])
    row["latency"] = float(_named("latency", numbers, latency, 0.0).mean()) if latency else None
    epochs, name = _named("epochs", _whole, state["epochs"]), state["name"]
    if not isinstance(name, str):
        raise TypeError(f"its data set is a {type(name).__name__}")
    images = IMAGES.get(name, (0, 0, 0, 0))
    for split, count in zip(SPLITS, images, strict=True):
        key, prefix = ("", "train") if split == "train" else (split, "eval")
        accuracies, losses, times = (series[f"{prefix}_{what}"].get(key) for what in ("acc1es", "losses", "times"))
        column = _column(split)
        row[f"{column}_accuracy"], row[f"{column}_loss"] = _last(accuracies, epochs), _last(losses, epochs)
        row[f"{column}_seconds"] = None if times is None or np.isnan(times).any() else float(times.sum())
        if split != "train":
            row[f"{column}_unit"], row[f"{column}_curve"] = _curve(accuracies, count)
    reader.settle(replaced)
    state.clear()
    state["row"] = row


def _named(name: str, read: Callable[..., Any], *arguments: Any) -> Any:
    """What `read` returns. Its errors say what was read."""
    try:
        return read(*arguments)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name}: {error}") from None


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"a whole number is expected, and a {type(value).__name__} was found")
    return value


class _Boiled(dict[str, np.ndarray]):
    """A Series that stands for a dictionary of epochs, wherever the file refers to it again."""


def _series(values: dict[Any, Any], high: float) -> _Boiled:
    """`{epoch: value}` or `{"split@epoch": value}` as an array a split; values in [0, high]."""
    if not values:
        return _Boiled()
    found_values, first = numbers(values.values(), 0.0, high), next(iter(values))
    split = first.rpartition("@")[0] if isinstance(first, str) else ""
    if list(values) == _keys(split, len(values)):  # one split, all epochs in order: the usual case
        return _Boiled({split: found_values})
    found: dict[str, dict[int, float]] = {}
    for key, value in zip(values, found_values.tolist(), strict=True):
        split, _, epoch = key.rpartition("@") if isinstance(key, str) else ("", "", key)
        if not 0 <= int(epoch) < 10_000:
            raise ValueError(f"epoch {key!r:.40} is out of range")
        found.setdefault(split, {})[int(epoch)] = value
    boiled = _Boiled()
    for split, by_epoch in found.items():
        boiled[split] = np.full(max(by_epoch) + 1, np.nan)
        boiled[split][list(by_epoch)] = list(by_epoch.values())
    return boiled


@cache
def _keys(split: str, epochs: int) -> list[Any]:
    return [f"{split}@{epoch}" for epoch in range(epochs)] if split else list(range(epochs))


def _last(values: np.ndarray | None, epochs: int) -> float | None:
    """The value after the last epoch."""
    if values is None or len(values) < epochs or np.isnan(values[epochs - 1]):
        return None
    return float(values[epochs - 1])


def _curve(values: np.ndarray | None, images: int) -> tuple[float | None, Any]:
    """A step, and the values in such steps: right answers where that is what they are. None where only one is known."""
    if values is None or np.isfinite(values).sum() < 2:
        return None, None
    unit = 100 / images if images else FINEST
    if np.nanmax(np.abs(values / unit - np.round(values / unit))) > 0.02:
        unit = FINEST
    steps = np.round(values / unit)
    if np.isnan(steps).any():
        return unit, [None if np.isnan(step) else int(step) for step in steps]
    return unit, steps.astype(np.int32)


def _rows_of(results: dict[Any, Any], space: Any) -> list[dict[str, Any]]:
    """The rows of one cell, from the states of its ArchResults by hp; they are emptied.

    Raises AssetError that names the cell, the data set and the seed of what is missing or no possible value.
    """
    rows = []
    for name in results.keys() & HP.keys():
        arch, trainings = results[name]["arch_str"], results[name]["all_results"]
        space.parse(arch)  # what is no cell is refused
        if HP[name] == 200 and (missing := {data for data, _ in COLUMNS.values()} - {data for data, _ in trainings}):
            raise AssetError(f"{arch} has no training on {min(missing)} for 200 epochs")
        for (dataset, seed), training in trainings.items():
            try:
                rows.append({"arch": arch, "hp": HP[name], "dataset": dataset, "seed": _whole(seed)})
                rows[-1] |= _require_complete(training, dataset, HP[name])
            except (KeyError, TypeError, ValueError) as error:
                reason = f"{error} is missing" if isinstance(error, KeyError) else error
                raise AssetError(f"{arch} on {dataset}, {HP[name]} epochs, seed {seed}: {reason}") from None
    for state in results.values():
        state.clear()  # the reader still knows it, should the file refer to it again
    results.clear()
    return rows


def _require_complete(training: dict[Any, Any], dataset: Any, epochs: int) -> dict[str, Any]:
    """The row of a training. Raises ValueError unless it has all its epochs and the accuracies that tables show."""
    if "wrong" in training:
        raise ValueError(training["wrong"])
    row: dict[str, Any] = training["row"]
    if row["epochs"] != epochs:
        raise ValueError(f"it has {row['epochs']} epochs")
    for data, split in COLUMNS.values():
        if data == dataset and row[f"{_column(split)}_accuracy"] is None:
            raise ValueError(f"there is no accuracy on {split} after the last epoch")
    return row
