"""Files that survive being killed: JSON lines flushed one at a time, and whole files that appear at once."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import RunError


def append_line(path: Path, record: dict[str, Any]) -> None:
    """Append one record and have it on disk before this returns. A half-written line before it is cut off first."""
    line = json.dumps(record, ensure_ascii=False).encode() + b"\n"
    with path.open("ab+") as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            if file.read(1) != b"\n":
                file.truncate(_last_newline(file, end))
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def _last_newline(file: Any, end: int) -> int:
    """Offset just after the last newline, 0 if there is none."""
    file.seek(0)
    return int(file.read(end).rfind(b"\n")) + 1


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a file, oldest first; nothing if there is no file. Raises RunError on a damaged line.

    A last line without its newline was being written when the process died: it is passed over.
    """
    if not path.exists():
        return
    *lines, _unfinished = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise RunError(
                f"{path}, line {number} is damaged ({error}). Remove the run folder to start it anew."
            ) from None


@contextmanager
def written_at_once(path: Path) -> Iterator[Path]:
    """A file of this process to write into, which becomes `path` when the block ends well and vanishes when not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=path.suffix)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file that is there whole or not at all."""
    with written_at_once(path) as part:
        part.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """Write a whole file of JSON lines that is there at once or not at all."""
    with written_at_once(path) as part:
        part.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
