"""A benchmark's table: a row of values for every cell of a space, from the best source at hand.

A space has one file beside this one, with its sources in order of preference, and how each is read.
"""

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files.assets import cache_dir, fetch, get_asset, locate, looked_in
from ..files.errors import AssetError, UnknownName
from ..files.jsonl import written_at_once
from ..files.source import DataSource
from ..spaces import get_space
from . import imported
from .imported import Rows


@dataclass(frozen=True)
class Table:
    """`rows[text]` holds one float per name in `columns`; as many rows as the space has cells."""

    columns: tuple[str, ...]
    rows: Rows
    searched: dict[str, str]  # task -> the column that a search may see
    source: DataSource


@dataclass(frozen=True)
class Origin:
    """One way to a table: the assets it needs, its columns, how their rows are read, and which ones a search sees."""

    name: str
    sentence: str
    assets: tuple[str, ...]
    columns: tuple[str, ...]
    read: Callable[..., Rows]
    searched: dict[str, str]  # task -> column
    keep: bool = False  # slow to read: keep the result as Parquet in the cache


@dataclass(frozen=True)
class Benchmark:
    """Where the table of a space comes from: its own file, once it was imported, or the first origin of `origins`."""

    space: str
    official: Callable[[int | None, int | str | None], Table]
    origins: tuple[Origin, ...]
    hp: int | str  # the epochs of training and
    seed: str  # the seed of the origins: they offer no others

    def load(self, hp: int | None = None, seed: int | str | None = None) -> Table:
        """The table from the best source that is on this machine.

        hp: epochs of training; seed: of one training, or "mean". Raises AssetError naming the next step, UnknownName
        listing what the source has.
        """
        if imported.path(self.space).exists():
            return self.official(hp, seed)
        for origin in self.origins:
            paths = [path for path in map(locate, origin.assets) if path]
            if len(paths) == len(origin.assets):
                only(origin.name, "hp", (self.hp,), hp)
                only(origin.name, "seed", (self.seed,), seed)
                return self._read(origin, paths)
        raise AssetError(f'{self.space}: no table found. Looked in {looked_in()}. Run "seki data fetch {self.space}".')

    def fetch(self) -> Table:
        """`load`, after fetching the best source that can be reached."""
        if imported.path(self.space).exists():
            return self.load()
        refused = []
        for origin in self.origins:
            try:
                for name in origin.assets:
                    fetch(name)
                return self.load()
            except AssetError as error:
                refused.append(str(error))
        raise AssetError(f"{self.space}: no source could be reached.\n" + "\n".join(refused))

    def _read(self, origin: Origin, paths: list[Path]) -> Table:
        rows, size = _kept(origin, paths) if origin.keep else origin.read(*paths), get_space(self.space).size
        if len(rows) != size:
            raise AssetError(f"{paths[0]}: {size:,} cells expected, {len(rows):,} found")
        asset = get_asset(origin.assets[0])
        source = DataSource(origin.name, origin.sentence, asset.licence, asset.sha256)
        return Table(origin.columns, rows, origin.searched, source)


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


def _kept(origin: Origin, paths: list[Path]) -> Rows:
    """Read once, then from Parquet with page checksums; named by the source's hash, so a new source is read anew."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kept = cache_dir() / f"{origin.name}-{get_asset(origin.assets[0]).sha256[:12]}.parquet"
    if kept.exists():
        try:
            arch, *values = (column.to_pylist() for column in pq.read_table(kept, page_checksum_verification=True))
            return dict(zip(arch, zip(*values, strict=True), strict=True))
        except (OSError, pa.ArrowException):
            pass  # damaged: made again from the verified source
    rows = origin.read(*paths)
    table = pa.table([list(rows), *map(list, zip(*rows.values(), strict=True))], ["arch", *origin.columns])
    with written_at_once(kept) as part:
        pq.write_table(table, part, write_page_checksum=True)
    return rows
