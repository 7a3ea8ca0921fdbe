"""The benchmarks' own files, once `seki data import` has put them into the cache: one row a training and metric.

    read("nas201").to_pandas().query("hp == 200 and seed == 888 and metric == 'x-test_accuracy'")
    read("trans101").to_pandas().query("data == 'jigsaw' and metric == 'valid_top1'")

Columns: `arch`, the cell as text; `data`, a data set or task; `metric`; `value`, a number, null where the benchmark has
none; `curve`, a value after every epoch, NaN where it has none, or null. Of nas201 also `hp`, the epochs of training,
and `seed`. docs/fidelity.md says what is kept.
"""

import json
from collections import defaultdict
from math import nan
from pathlib import Path
from typing import Any

from ..files.assets import cache_dir
from ..files.errors import AssetError

Rows = dict[str, tuple[float, ...]]
"""Of a table: the text of a cell -> its values."""


def path(space: str) -> Path:
    """Where the imported benchmark is kept."""
    return cache_dir() / f"{space}_official.parquet"


def schema(space: str) -> Any:
    """The columns of the kept file, a pyarrow.Schema."""
    import pyarrow as pa

    training = {"hp": pa.int16(), "seed": pa.int32()} if space == "nas201" else {}
    texts = dict.fromkeys(("arch", "data", "metric"), pa.string())
    return pa.schema(texts | training | {"value": pa.float64(), "curve": pa.list_(pa.float64())})


def read(space: str, columns: list[str] | None = None) -> Any:
    """The kept rows, a pyarrow.Table. Raises AssetError if nothing was imported, or if what was imported is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path(space).exists():
        raise AssetError(f'{space}: the benchmark\'s own file was not imported. Run "seki data import {space} FILE".')
    try:
        texts = ["arch", "data", "metric"]
        table = pq.read_table(path(space), columns=columns, read_dictionary=texts, page_checksum_verification=True)
        if missing := set(columns or schema(space).names) - set(table.column_names):
            raise KeyError(f"without {min(missing)}")
        return table
    except (OSError, KeyError, pa.ArrowException) as error:
        raise AssetError(f"{path(space)} is damaged ({error}). Remove it and import the benchmark again.") from None


def meta(space: str) -> dict[str, Any]:
    """Name and SHA-256 of the file that was imported, and how many cells it has."""
    import pyarrow.parquet as pq

    found: dict[str, Any] = json.loads(pq.read_metadata(path(space)).metadata[b"seki"])
    return found


def mean_values(rows: Any, columns: dict[str, tuple[str, str]]) -> Rows:
    """{cell: its values}: the means over trainings, for cells that have the first column; NaN where there are none.

    rows: of `read`. columns: name -> data set or task, and metric.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pc.is_in(rows["metric"], pa.array({metric for _, metric in columns.values()}))
    keys = ["arch", "data", "metric"]
    means = rows.filter(wanted).unify_dictionaries().group_by(keys, use_threads=False).aggregate([("value", "mean")])
    found: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    for arch, data, metric, value in zip(*(means[name].to_pylist() for name in (*keys, "value_mean")), strict=True):
        found[arch][data, metric] = value
    searched, *_ = columns.values()
    return {
        arch: tuple(values.get(source, nan) for source in columns.values())
        for arch, values in found.items()
        if searched in values
    }
