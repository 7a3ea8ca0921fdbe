"""A benchmark's table: a row of values for every cell of a space, from the best source at hand.

A space has one file beside this one, with its origins in order of preference, and how each is read.
"""

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..files.assets import cache_dir, fetch, get_asset, locate, looked_in
from ..files.errors import AssetError, UnknownName
from ..files.jsonl import written_at_once
from ..files.source import DataSource
from ..spaces import get_space

Rows = dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class Table:
    """`rows[text]` holds one float per name in `columns`; as many rows as the space has cells."""

    columns: tuple[str, ...]
    rows: Rows
    searched: dict[str, str]  # task -> the column that a search may see
    source: DataSource


class Contents(NamedTuple):
    """What is read from a file: names of the columns, and the rows."""

    columns: tuple[str, ...]
    rows: Rows


@dataclass(frozen=True)
class Origin:
    """One way to a table: the assets it needs, how they are read, and which column a search on each task sees."""

    name: str
    sentence: str
    assets: tuple[str, ...]
    read: Callable[..., Contents]
    searched: dict[str, str]
    keep: bool = False  # slow to read: keep the result as Parquet in the cache


def load_first(space: str, origins: Sequence[Origin]) -> Table:
    """The table from the first origin that is on this machine. Raises AssetError naming the next step."""
    for origin in origins:
        paths = [path for path in map(locate, origin.assets) if path]
        if len(paths) == len(origin.assets):
            asset, size = get_asset(origin.assets[0]), get_space(space).size
            columns, rows = _kept(origin, paths) if origin.keep else origin.read(*paths)
            if len(rows) != size:
                raise AssetError(f"{paths[0]}: {size:,} cells expected, {len(rows):,} found")
            source = DataSource(origin.name, origin.sentence, asset.licence, asset.sha256)
            return Table(columns, rows, origin.searched, source)
    raise AssetError(f'{space}: no table found. Looked in {looked_in()}. Run "seki data fetch {space}".')


def fetch_first(space: str, origins: Sequence[Origin]) -> Table:
    """`load_first`, after fetching the best origin that can be reached."""
    refused = []
    for origin in origins:
        try:
            for name in origin.assets:
                fetch(name)
            return load_first(space, origins)
        except AssetError as error:
            refused.append(str(error))
    raise AssetError(f"{space}: no source could be reached.\n" + "\n".join(refused))


def read_csv(path: Path) -> dict[str, list[str]]:
    """A CSV without quotes or spaces, perhaps gzipped, as {column: its texts}. Raises AssetError on ragged lines."""
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    names = text[: text.index("\n")].strip().split(",")
    fields = ",".join(text.split()).split(",")  # one split for all lines: a table loads in a few hundredths of a second
    if len(fields) % len(names):
        raise AssetError(f"{path}: some lines do not have {len(names)} values")
    return {name: fields[len(names) + i :: len(names)] for i, name in enumerate(names)}


def only(source: str, name: str, offered: Sequence[Any], value: Any) -> Any:
    """The value that is asked for, the first one offered where it is None. Raises UnknownName listing what is there."""
    if value is None:
        return offered[0]
    if value not in offered:
        raise UnknownName(f"{source} has no {name} {value!r}; it has: {', '.join(map(str, offered))}")
    return value


def _kept(origin: Origin, paths: list[Path]) -> Contents:
    """Read once, then from Parquet with page checksums; named by the source's hash, so a new source is read anew."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kept = cache_dir() / f"{origin.name}-{get_asset(origin.assets[0]).sha256[:12]}.parquet"
    if kept.exists():
        try:
            table = pq.read_table(kept, page_checksum_verification=True)
            values = [table[column].to_pylist() for column in table.column_names[1:]]
            rows = dict(zip(table["arch"].to_pylist(), zip(*values, strict=True), strict=True))
            return Contents(tuple(table.column_names[1:]), rows)
        except (OSError, pa.ArrowException):
            kept.unlink(missing_ok=True)  # ours, and made again from the verified source
    columns, rows = origin.read(*paths)
    arrays = {"arch": list(rows), **dict(zip(columns, map(list, zip(*rows.values(), strict=True)), strict=True))}
    with written_at_once(kept) as part:
        pq.write_table(pa.table(arrays), part, write_page_checksum=True)
    return Contents(columns, rows)
