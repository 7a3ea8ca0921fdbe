"""What both importers do: open a benchmark's published file, check its numbers, and keep what was read as Parquet.

A file is one of torch.save (old or new), a pickle, one compressed with bzip2, or an archive of such: a folder or a tar
file with one compressed pickle a cell.
"""

import bz2
import hashlib
import io
import json
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..files.assets import sha256_of
from ..files.errors import AssetError
from ..files.jsonl import written_at_once
from ..spaces import get_space
from . import imported
from .plain_pickle import Taken, load_plain

UNPACKED = 100  # bytes that a packed byte may become: benchmarks become five to ten
ANYWAY = 1 << 22  # bytes that are read of any file
CELLS_AT_ONCE = 1000  # are written
DAMAGE = (OSError, ValueError, tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError)
"""RuntimeError: a zip archive under a password, or packed in an unknown way."""
CELL_FILES = "[0-9]*.pickle.pbz2"  # the members of an archive with a file for each cell


class _Unpacked(io.RawIOBase):
    """A stream that ends in an AssetError where it becomes far larger than its file."""

    def __init__(self, stream: Any, packed: int):
        self._stream, self._left = stream, ANYWAY + UNPACKED * packed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._stream.read(len(buffer))
        self._left -= len(content)
        if self._left < 0:
            raise AssetError(f"it unpacks to more than {UNPACKED} times its size, which no benchmark does")
        buffer[: len(content)] = content
        return len(content)


def read_official(file: Path, taken: Taken = lambda filled: False) -> Any:
    """The object of the file; of an archive the last one. taken: as `load_plain` has it.

    Raises AssetError for a file that is missing, cut off, or anything but plain data.
    """
    found = None
    try:
        for stream, packed in _streams(file):
            found = _object(io.BufferedReader(_Unpacked(stream, packed), 1 << 20), taken)
    except DAMAGE as error:
        raise AssetError(f"it is missing, damaged or cut off ({error})") from None
    return found


def _streams(file: Path) -> Iterator[tuple[Any, int]]:
    """The pickles of a file, and how many bytes each takes in it."""
    if file.is_dir():
        for path in sorted(file.glob(CELL_FILES)):
            with bz2.BZ2File(path) as stream:
                yield stream, path.stat().st_size
    elif zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                if info.filename.endswith("/data.pkl"):  # torch.save writes one
                    with archive.open(info) as stream:
                        yield stream, info.compress_size
    elif file.is_file() and tarfile.is_tarfile(file):
        with tarfile.open(file, "r|*") as archive:
            for member in archive:
                if member.isfile() and Path(member.name).match(CELL_FILES):
                    content: Any = archive.extractfile(member)
                    yield bz2.BZ2File(content), member.size
    else:
        with file.open("rb") as raw:
            packed = raw.read(3) == b"BZh"
            raw.seek(0)
            yield bz2.BZ2File(raw) if packed else raw, file.stat().st_size


def _object(stream: BinaryIO, taken: Taken) -> Any:
    """Old versions of torch.save wrote a number, a version and a description of the machine before the object."""
    for _ in range(4):
        found = load_plain(stream, taken)
        if type(found) is dict and "little_endian" not in found:
            break
    return found


def numbers(values: Iterable[Any], bounds: tuple[float, float] | None) -> np.ndarray:
    """The values as float64 (N,). Raises ValueError unless all are numbers in the bounds; without any, NaN is one."""
    values = list(values)
    if wrong := set(map(type, values)) - {int, float}:
        raise ValueError(f"a number is expected, and a {min(kind.__name__ for kind in wrong)} was found")
    found = np.array(values, dtype=np.float64)
    if bounds and not (right := np.isfinite(found) & (found >= bounds[0]) & (found <= bounds[1])).all():
        limits = f"from {bounds[0]:g} to {bounds[1]:g}"
        raise ValueError(f"a number {limits} is expected, and {found[~right][0]:g} was found")
    return found


@contextmanager
def at(place: str) -> Iterator[None]:
    """Say where in the file something is missing or of a wrong kind: an error of the block becomes an AssetError."""
    try:
        yield
    except (AssetError, LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise AssetError(f"{place}: {reason}") from None


@contextmanager
def kept(
    space: str, file: Path, on_progress: Callable[[str], None]
) -> Iterator[Callable[[Iterable[dict[str, Any]]], None]]:
    """Gives a function that takes the rows of one cell after another. At the end they are what `imported` reads.

    What was imported before stays until then. on_progress is told of every 1,000 cells. Raises AssetError that names
    the file, for those of the block too, and if there was no cell.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = []
    cells = 0

    def add(of_cell: Iterable[dict[str, Any]]) -> None:
        nonlocal cells
        rows.extend(of_cell)
        cells += 1
        if cells % CELLS_AT_ONCE == 0:
            write()

    def write() -> None:
        writer.write_table(pa.Table.from_pylist(rows, imported.schema(space)))
        rows.clear()
        on_progress(f"{cells:,} of {get_space(space).size:,} cells")

    try:
        with (
            written_at_once(imported.path(space)) as part,
            pq.ParquetWriter(part, imported.schema(space), compression="zstd", write_page_checksum=True) as writer,
        ):
            yield add
            if not cells:
                raise AssetError(f"it holds no results of {space}")
            write()
            meta = {"name": file.name, "sha256": _digest(file), "cells": cells}
            writer.add_key_value_metadata({"seki": json.dumps(meta)})
    except AssetError as error:
        raise AssetError(f"{file}: {error!s:.400}. Nothing was imported.") from None


def _digest(file: Path) -> str:
    """The SHA-256 of the file, of a folder that of its members' names and hashes."""
    if not file.is_dir():
        return sha256_of(file)
    members = (path.name.encode() + bytes.fromhex(sha256_of(path)) for path in sorted(file.glob(CELL_FILES)))
    return hashlib.sha256(b"".join(members)).hexdigest()
