"""Files that survive being killed: JSON lines flushed one at a time, and whole files that appear at once.

Everything that the kit keeps is written through this module, so that a full disk, a read-only folder or a path that
cannot be a folder is one sentence wherever it happens (`on_disk`).
"""

import json
import lzma
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from .errors import RunError, say_once
from .shape import Shape, require_shape

ROOM = 1 << 16  # bytes that `require_room` asks for: more than one line of a transcript


@contextmanager
def on_disk(path: Path) -> Iterator[None]:
    """Run a block that reads or writes `path`. Raises RunError in place of any OSError or UnicodeError of the block."""
    try:
        yield
    except BrokenPipeError:  # whoever read the printed lines has gone; the files are well
        raise
    except UnicodeError as error:
        raise RunError(f"{path} is damaged: it is no text in UTF-8 ({error}). Put a good copy of it there.") from None
    except OSError as error:
        of_a_tree = error.args and isinstance(error.args[0], list)  # as shutil.copytree has it: from, to and why
        said = error.args[0][0][2] if of_a_tree else error.strerror or error
        raise RunError(
            f"{path} cannot be written or read ({said}). What was saved is kept: make room, allow "
            "writing there or choose another folder, and the same command goes on."
        ) from None


def make_folder(path: Path) -> Path:
    """The folder, made with its parents if it is not there. Raises RunError if it cannot be made."""
    with on_disk(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def append_line(path: Path, record: dict[str, Any]) -> None:
    """Append one record and have it on disk before this returns. A half-written line before it is cut off first.

    A packed file is unpacked first, or the new one would hide what it holds. Raises RunError if the disk does not take
    it.
    """
    line = _json(record).encode(errors="backslashreplace")
    with on_disk(path):
        new = not path.exists()
        _unpack(path)
        with path.open("ab+", buffering=0) as file:
            file.truncate(end := _end_of_lines(file))
            file.seek(0, os.SEEK_END)
            line = line if _ends_line(file, end) else b"\n" + line
            if file.write(line) != len(line):
                raise OSError("only a part of the line was taken")
            os.fsync(file.fileno())
        if new:
            _sync_folder(path.parent)


def require_room(path: Path) -> None:
    """Raise RunError unless another line can be appended: asked for before a reply that costs money is ordered."""
    make_folder(path.parent)
    with on_disk(path):
        _unpack(path)
    with on_disk(path), path.open("ab+", buffering=0) as file:
        end = _end_of_lines(file)
        try:
            if file.write(bytes(ROOM)) != ROOM:
                raise OSError("there is no room for another line")
        finally:
            file.truncate(end)


def _end_of_lines(file: IO[bytes]) -> int:
    """Offset just after the last whole line, 0 if there is none. One that only lacks its newline is whole."""
    end = file.seek(0, os.SEEK_END)
    if _ends_line(file, end):
        return end
    file.seek(0)
    content = file.read(end)
    last = content.rfind(b"\n") + 1
    if _is_whole(content[last:]):
        return end
    if not _breaks_off(content[last:]):
        raise RunError(
            f"{file.name} is damaged: its last line is no record, nor the beginning of one. Mend or remove that line, "
            "and the same command goes on."
        )
    return last


def _ends_line(file: IO[bytes], end: int) -> bool:
    """Whether a new line may begin at this offset."""
    file.seek(max(0, end - 1))
    return file.read(1) in (b"\n", b"")


def _breaks_off(line: bytes) -> bool:
    """Whether this is the beginning of a record, as a process leaves it that dies, or nothing."""
    text = line.decode(errors="replace").strip("\0 \r\t")
    try:
        json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return text[:1] in ("{", "")
    return False


def _is_whole(line: bytes) -> bool:
    """Whether this is a record: no beginning of one is."""
    try:
        return bool(_object(line))
    except (ValueError, RecursionError):
        return False


def _json(value: Any, indent: int | None = None) -> str:
    """JSON with a newline. To be encoded with "backslashreplace", which is JSON's own escape of a lone surrogate."""
    return json.dumps(value, indent=indent, ensure_ascii=False) + "\n"


def _object(content: bytes, shape: Shape = None) -> dict[str, Any]:
    """The JSON object that this is, of this shape. Raises ValueError, or RecursionError where it is nested too deep."""
    value = json.loads(content)
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    if shape:
        require_shape(value, shape)
    return value


def _packed(path: Path) -> Path:
    return path.with_name(f"{path.name}.xz")


def _unpacked(path: Path) -> bytes:
    try:
        return lzma.decompress(_packed(path).read_bytes())
    except (lzma.LZMAError, EOFError) as error:
        raise RunError(f"{_packed(path)} is damaged: {error}. Put a good copy of it there.") from None


def _unpack(path: Path) -> None:
    """Have a packed file lie there unpacked, before it is written to."""
    if not path.exists() and _packed(path).is_file():
        with written_at_once(path) as part:
            part.write_bytes(_unpacked(path))


def is_there(path: Path) -> bool:
    """Whether `read_lines` finds the file, packed or not."""
    return path.exists() or _packed(path).is_file()


def read_lines(
    path: Path,
    read: Callable[[dict[str, Any]], Any] = lambda line: line,
    advice: str = "Remove that line",
    shape: Shape = None,
) -> Iterator[Any]:
    """What `read` makes of the records of a file, oldest first; nothing if there is no file.

    A kept file may be packed, as `<name>.xz`. A last line that breaks off was being written when the process died: it
    is passed over. Raises RunError that names a damaged line and ends in `advice`: one that is no JSON object, is of
    another shape, or that `read` refuses with a ValueError, TypeError, KeyError or AttributeError.
    """
    with on_disk(path):
        if not is_there(path):
            return
        *lines, last = (path.read_bytes() if path.exists() else _unpacked(path)).split(b"\n")
    lines += [last] * (not _breaks_off(last))
    for number, line in enumerate(lines, start=1):
        try:
            found = read(_object(line, shape))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise RunError(
                f"{path}, line {number} is damaged ({reason}). {advice}: the same command goes on."
            ) from None
        yield found


class _Object(dict[str, Any]):
    """What a JSON file holds. A field that is asked for and is not there is an error of the file."""

    def __init__(self, fields: dict[str, Any], path: Path):
        super().__init__(fields)
        self.path = path

    def __missing__(self, name: str) -> Any:
        raise RunError(f"{self.path} is damaged (it has no {name}). {GOOD_COPY}.")


GOOD_COPY = "Put a good copy of it there, or move its folder away to start anew"


def read_json(path: Path, advice: str = GOOD_COPY, shape: Shape = None) -> dict[str, Any]:
    """The object that a JSON file holds. Raises RunError that names the file if it is missing, empty or damaged.

    shape: what it must look like, see `files.shape`. To ask for another field that it lacks is a RunError too.
    """
    with on_disk(path):
        content = path.read_bytes()
    try:
        value = json.loads(content, object_hook=lambda fields: _Object(fields, path))
        require_shape(value, shape or {})
    except (ValueError, RecursionError) as error:
        reason = str(error) if content.strip() else "it is empty"
        raise RunError(f"{path} is damaged ({reason}). {advice}.") from None
    found: dict[str, Any] = value
    return found


def read_if_whole(path: Path, say: Callable[[str], None] = say_once, shape: Shape = None) -> dict[str, Any] | None:
    """The object of a JSON file that closes a piece of work; None if it is missing, or damaged, which is said.

    say: takes that sentence. Whoever gets None does the last step again.
    """
    with on_disk(path):
        if not path.is_file():
            return None
    try:
        return read_json(path, "It is made again from what stands beside it", shape)
    except RunError as error:
        say(str(error))
        return None


def read_text(path: Path) -> str:
    """A text file, with or without a byte order mark. Raises RunError if it is missing or not UTF-8."""
    with on_disk(path):
        return path.read_text(encoding="utf-8-sig")


@contextmanager
def written_at_once(path: Path, before: Path | None = None) -> Iterator[Path]:
    """A file of this process to write into, which becomes `path` when the block ends well and vanishes when not.

    Its content is on disk before it takes the name, and the name before this returns: a power cut leaves the old file
    or the new one. before: the name that the old file keeps. Raises RunError if the disk does not take it.
    """
    make_folder(path.parent)
    with on_disk(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}-", suffix=path.suffix)
        os.close(handle)
        part = Path(name)
        try:
            yield part
            with part.open("rb+") as file:
                os.fsync(file.fileno())
            part.chmod(0o666 & ~_umask())
            if before and path.exists():
                path.replace(before)
            part.replace(path)
            _sync_folder(path.parent)
        finally:
            part.unlink(missing_ok=True)


def _umask() -> int:
    """What the user lets others do with new files. It can only be asked for by setting it."""
    os.umask(mask := os.umask(0o077))
    return mask


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk. Some file systems cannot be asked for that: theirs are as safe as can be."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file that is there whole or not at all."""
    write_text(path, _json(value, indent=1))


def write_lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """Write a whole file of JSON lines that is there at once or not at all."""
    write_text(path, "".join(map(_json, records)))


def write_text(path: Path, text: str) -> None:
    """Write a text file that is there whole or not at all."""
    with written_at_once(path) as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
