"""The pickles inside a benchmark's published file, whatever it is wrapped in, handed to a reader that runs nothing.

A file of torch.save (old or new), a pickle, one compressed with bzip2, or an archive of such: a folder or a tar file
with one compressed pickle a cell.
"""

import bz2
import hashlib
import lzma
import math
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..files.assets import sha256_of
from ..files.errors import AssetError
from .plain_pickle import PickleReader

OnDict = Callable[[PickleReader, dict[Any, Any]], None]
UNPACKED = 100  # bytes that a packed byte may become: benchmarks become five to ten
ANYWAY = 1 << 22  # bytes that are read of any file


class _Unpacked:
    """A stream that ends in an AssetError where it becomes far larger than its file."""

    def __init__(self, stream: Any, packed: int):
        self._stream, self._left = stream, ANYWAY + UNPACKED * packed

    def read(self, size: int) -> bytes:
        """At most `size` bytes."""
        content: bytes = self._stream.read(min(size, self._left + 1))
        self._left -= len(content)
        if self._left < 0:
            raise AssetError(f"it unpacks to more than {UNPACKED} times its size, which no benchmark does")
        return content


def numbers(values: Any, low: float = -math.inf, high: float = math.inf) -> np.ndarray:
    """The values as float64 (N,). Raises ValueError unless all are finite numbers in [low, high]."""
    values = list(values)
    if wrong := set(map(type, values)) - {int, float}:
        raise ValueError(f"a number is expected, and a {min(kind.__name__ for kind in wrong)} was found")
    found = np.array(values, dtype=np.float64)
    if not (right := np.isfinite(found) & (found >= low) & (found <= high)).all():
        where = "a finite number" if low == -math.inf else f"a number from {low:g} to {high:g}"
        raise ValueError(f"{where} is expected, and {found[~right][0]:g} was found")
    return found


def read_official(file: Path, on_dict: OnDict) -> tuple[Any, str]:
    """The first object that is a dictionary of text keys, and the SHA-256 of the file (of a folder: of its members').

    on_dict is called with the reader for every dictionary that was filled, and may empty it; from an archive nothing
    else is kept. Raises AssetError for a file that is missing, cut off, or anything but plain data.
    """
    try:
        if file.is_dir():
            return {}, _read_folder(file, on_dict)
        if not file.is_file():
            raise AssetError("there is no such file")
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
                if len(names) != 1:
                    raise AssetError("it is a zip archive, but not one of torch.save")
                with archive.open(names[0]) as stream:
                    packed = archive.getinfo(names[0]).compress_size
                    return _read_pickles(_Unpacked(stream, packed), on_dict), sha256_of(file)
        if tarfile.is_tarfile(file):
            _read_tar(file, on_dict)
            return {}, sha256_of(file)
        with file.open("rb") as raw:
            start = raw.read(3)
            raw.seek(0)
            stream = bz2.BZ2File(raw) if start == b"BZh" else raw
            return _read_pickles(_Unpacked(stream, file.stat().st_size), on_dict), sha256_of(file)
    except AssetError as error:
        raise AssetError(f"{file}: {error}. Nothing was imported") from None
    except (
        OSError,
        EOFError,
        ValueError,
        RuntimeError,
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
    ) as error:  # RuntimeError: a zip archive under a password, or packed in an unknown way
        raise AssetError(f"{file} is damaged or cut off ({error}). Nothing was imported") from None


def _read_pickles(stream: Any, on_dict: OnDict) -> Any:
    """Old versions of torch.save wrote a number, a version and a description of the machine before the object."""
    reader = PickleReader(stream, lambda found: on_dict(reader, found))
    found = reader.load()
    for _ in range(3):
        if isinstance(found, dict) and "little_endian" not in found:
            return found
        found = reader.load()
    return found


def _read_folder(folder: Path, on_dict: OnDict) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob("[0-9]*.pickle.pbz2")):
        digest.update(path.name.encode() + bytes.fromhex(sha256_of(path)))
        with bz2.BZ2File(path) as stream:
            _read_pickles(_Unpacked(stream, path.stat().st_size), on_dict)
    return digest.hexdigest()


def _read_tar(file: Path, on_dict: OnDict) -> None:
    """Read in place: nothing is unpacked."""
    with tarfile.open(file, "r|*") as archive:
        for member in archive:
            name = Path(member.name).name
            if member.isfile() and name[:1].isdigit() and name.endswith(".pickle.pbz2"):
                content: Any = archive.extractfile(member)
                with bz2.BZ2File(content) as stream:
                    _read_pickles(_Unpacked(stream, member.size), on_dict)
