"""Append-only JSON lines that survive being killed: one flushed line at a time, a half-written last line dropped."""

import json
import os
from collections.abc import Iterator
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
