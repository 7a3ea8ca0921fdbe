"""A benchmark's table: a row of values for every cell of a space, from the best source on this machine.

A space has one file beside this one, with its sources in order of preference, and how each is read.
"""

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files.assets import fetch, get_asset, locate, looked_in
from ..files.errors import AssetError, UnknownName
from ..files.source import DataSource
from ..spaces import get_space
from . import imported
from .imported import Rows


@dataclass(frozen=True)
class BenchmarkTable:
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

    def table(self, paths: list[Path], size: int) -> BenchmarkTable:
        """The table that is in these files. Raises AssetError unless it has as many cells as the space."""
        rows, asset = self.read(*paths), get_asset(self.assets[0])
        if len(rows) != size:
            raise AssetError(f"{paths[0]}: {size:,} cells expected, {len(rows):,} found")
        source = DataSource(self.name, self.sentence, asset.licence, asset.sha256)
        return BenchmarkTable(self.columns, rows, self.searched, source)


@dataclass(frozen=True)
class Benchmark:
    """Where the table of a space comes from: its own file, once it was imported, or the first origin of `origins`."""

    space: str
    official: Callable[[int | None, int | str | None], BenchmarkTable]
    origins: tuple[Origin, ...]
    hp: int | str  # the epochs of training and
    seed: str  # the seed of the origins: they offer no others

    def load(self, hp: int | None = None, seed: int | str | None = None) -> BenchmarkTable:
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
                return origin.table(paths, get_space(self.space).size)
        raise AssetError(f'{self.space}: no table found. Looked in {looked_in()}. Run "seki data fetch {self.space}".')

    def fetch(self) -> BenchmarkTable:
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
