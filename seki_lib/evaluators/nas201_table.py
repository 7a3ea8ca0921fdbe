"""The values of all 15,625 NAS-Bench-201 cells, from the best source at hand.

1. the official benchmark, imported into `nas201_official.parquet` by `seki data import` (not part of the kit yet);
2. `nas201_hp200_mean`: seed averages at 200 epochs, as one CSV from a mirror or as three JSON files from GitHub;
3. `analog-nasbench`: an independent training of the same cells, one CIFAR-10 accuracy a cell.
"""

import gzip
import io
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..assets import cache_dir, fetch, get_asset, locate, looked_in
from ..errors import AssetError
from ..jsonl import written_at_once
from ..spaces import get_space
from ..spaces.nas201 import EDGES, NasBench201Cell
from .base import DataSource

COLUMNS = ("cifar10_valid", "cifar10_test", "cifar100_valid", "cifar100_test", "imagenet16_valid", "imagenet16_test")
"""Top-1 accuracy in %, by data set and split."""

ANALOG_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
ANALOG_EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))


Rows = dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class Table:
    """`rows[text]` holds one float per name in `columns`; 15,625 rows."""

    columns: tuple[str, ...]
    rows: Rows
    searched: str  # the column that a search may see
    source: DataSource


def _read_csv(path: Path) -> tuple[tuple[str, ...], Rows]:
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    _, _, *columns = lines[0].split(",")  # index, arch, then the values
    rows = {}
    for line in lines[1:]:
        _, arch, *values = line.split(",")
        rows[arch] = tuple(map(float, values))
    return tuple(columns), rows


def _read_json(*paths: Path) -> tuple[tuple[str, ...], Rows]:
    """The three files of one benchmark, in the order CIFAR-10, CIFAR-100, ImageNet16-120."""
    parts = [json.loads(path.read_text()) for path in paths]
    rows = {
        arch: tuple(float(part[arch][value]) for part in parts for value in ("val_acc_200", "test_acc_200"))
        for arch in parts[0]
    }
    return COLUMNS, rows


class _AnalogUnpickler(pickle.Unpickler):
    """Allows the two record classes of the file and nothing else: no import, no call of foreign code."""

    def find_class(self, module: str, name: str) -> type:
        if module == "analognasbench.data" and name in ("Architecture", "DriftMeasurement"):
            return type(name, (), {})
        raise AssetError(f"analog-nasbench: the file asks for {module}.{name}, which it has no business to need")


def _read_analog(path: Path) -> tuple[tuple[str, ...], Rows]:
    """One accuracy a cell, of the CIFAR-10 test images by its level and its rank correlation with the benchmark.

    There is no other split: the value guides the search too and nothing is held out.
    """
    order = [ANALOG_EDGES.index(edge) for edge in EDGES]
    space = get_space("nas201")
    rows: Rows = {}
    for digits, record in _AnalogUnpickler(io.BytesIO(path.read_bytes())).load().items():
        cell = NasBench201Cell(tuple(ANALOG_OPERATIONS[digits[position]] for position in order))
        rows[space.format(cell)] = (float(record.baseline_accuracy),)
    return ("cifar10_test",), rows


@dataclass(frozen=True)
class _Origin:
    """One way to the table: the assets it needs and how they are read."""

    name: str
    sentence: str
    assets: tuple[str, ...]
    read: Callable[..., tuple[tuple[str, ...], Rows]]
    searched: str = "cifar10_valid"
    keep: bool = False  # slow to read: keep the result as Parquet in the cache


MEAN = "NAS-Bench-201, 200 epochs, seed average"
ORIGINS = (
    _Origin("nas201_hp200_mean", MEAN, ("nas201_hp200_mean",), _read_csv),
    _Origin(
        "nas201_hp200_mean",
        MEAN,
        ("nas201_genius_cifar10", "nas201_genius_cifar100", "nas201_genius_imagenet"),
        _read_json,
        keep=True,
    ),
    _Origin(
        "analog-nasbench",
        "independent training of the NAS-Bench-201 cells (analog-nasbench 0.1.3): CIFAR-10 only, one split",
        ("analog-nasbench",),
        _read_analog,
        searched="cifar10_test",
        keep=True,
    ),
)


def load() -> Table:
    """The table from the first source that is on this machine. Raises AssetError naming the next step."""
    for origin in ORIGINS:
        paths = [path for path in map(locate, origin.assets) if path]
        if len(paths) == len(origin.assets):
            asset = get_asset(origin.assets[0])
            columns, rows = _kept(origin, paths) if origin.keep else origin.read(*paths)
            if len(rows) != get_space("nas201").size:
                raise AssetError(f"{paths[0]}: 15,625 cells expected, {len(rows)} found")
            return Table(
                columns, rows, origin.searched, DataSource(origin.name, origin.sentence, asset.licence, asset.sha256)
            )
    raise AssetError(f'nas201: no table found. Looked in {looked_in()}. Run "seki data fetch nas201".')


def fetch_table() -> Table:
    """`load`, after fetching the best source that can be reached."""
    refused = []
    for origin in ORIGINS:
        try:
            for name in origin.assets:
                fetch(name)
            return load()
        except AssetError as error:
            refused.append(str(error))
    raise AssetError("nas201: no source could be reached.\n" + "\n".join(refused))


def _kept(origin: _Origin, paths: list[Path]) -> tuple[tuple[str, ...], Rows]:
    """Read once, then from Parquet with page checksums; named by the source's hash, so a new source is read anew."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kept = cache_dir() / f"{origin.name}-{get_asset(origin.assets[0]).sha256[:12]}.parquet"
    if kept.exists():
        try:
            table = pq.read_table(kept, page_checksum_verification=True)
            values = [table[column].to_pylist() for column in table.column_names[1:]]
            rows = dict(zip(table["arch"].to_pylist(), zip(*values, strict=True), strict=True))
            return tuple(table.column_names[1:]), rows
        except (OSError, pa.ArrowException):
            kept.unlink(missing_ok=True)  # ours, and made again from the verified source
    columns, rows = origin.read(*paths)
    arrays = {"arch": list(rows), **dict(zip(columns, map(list, zip(*rows.values(), strict=True)), strict=True))}
    with written_at_once(kept) as part:
        pq.write_table(pa.table(arrays), part, write_page_checksum=True)
    return columns, rows
