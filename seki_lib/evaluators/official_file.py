"""The pickles inside a benchmark's published file, whatever it is wrapped in, handed to a reader that runs nothing.

A file of torch.save (old or new), a pickle, one compressed with bzip2, or an archive of such: a folder or a tar file
with one compressed pickle a cell.
"""

import bz2
import hashlib
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from ..assets import sha256_of
from ..errors import AssetError
from ..plain_pickle import PickleReader

OnDict = Callable[[PickleReader, dict[Any, Any]], None]


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
                    return _read_pickles(stream, on_dict), sha256_of(file)
        if tarfile.is_tarfile(file):
            _read_tar(file, on_dict)
            return {}, sha256_of(file)
        with file.open("rb") as raw:
            start = raw.read(3)
            raw.seek(0)
            stream = bz2.BZ2File(raw) if start == b"BZh" else raw
            return _read_pickles(stream, on_dict), sha256_of(file)
    except AssetError as error:
        raise AssetError(f"{file}: {error}. Nothing was imported") from None
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
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
        content = path.read_bytes()
        digest.update(path.name.encode() + hashlib.sha256(content).digest())
        with bz2.BZ2File(io.BytesIO(content)) as stream:
            _read_pickles(stream, on_dict)
    return digest.hexdigest()


def _read_tar(file: Path, on_dict: OnDict) -> None:
    """Read in place: nothing is unpacked."""
    with tarfile.open(file, "r|*") as archive:
        for member in archive:
            name = Path(member.name).name
            if member.isfile() and name[:1].isdigit() and name.endswith(".pickle.pbz2"):
                content: BinaryIO | Any = archive.extractfile(member)
                with bz2.BZ2File(io.BytesIO(content.read())) as stream:
                    _read_pickles(stream, on_dict)
