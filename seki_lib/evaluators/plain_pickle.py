"""Read a pickle of plain data without running anything of it.

Benchmarks are published as pickles, and a pickle is a program that may do anything to whoever loads it. This is
Python's own reader (the one written in Python, `pickle._Unpickler`) with less to offer: an instruction that is not in
INSTRUCTIONS or a name that is not in NAMES ends the reading, and nothing is ever imported. The few functions of NAMES
are all that a file can call.

Memory: NAS-Bench-201's own file has 4.7 GB, and as Python objects it would take several times as much. So `load_plain`
tells of every dictionary that was filled and lets go of what was taken. What stays is 8 bytes for each text, list,
dictionary and tuple that was read, since a file may refer to any of them again: half a GB for that file. A small file
cannot take all memory: MOST bounds empty containers, and `official_file` what compressed bytes become.

Data may still be nested without end, and one part may stand in many places. So check the type of a value before it is
hashed, compared or printed.
"""

import pickle
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from ..files.errors import AssetError

Taken = Callable[[dict[Any, Any]], bool]

MOST = 16_000_000  # containers and groups in one file: twice what NAS-Bench-201's own file has
WIDEST = 16  # values of a tuple that is a key
NUMBERS = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"}  # numpy's numbers of fixed width
FORGOTTEN = object()  # where a file refers to a part again that was let go of; no importer takes it for a value
INSTRUCTIONS = [vars(pickle)[name][0] for name in (
    "PROTO", "FRAME", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1",
    "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "SHORT_BINBYTES", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2",
    "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_SET", "ADDITEMS",
    "BINPUT", "LONG_BINPUT", "MEMOIZE", "BINGET", "LONG_BINGET", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD",
)]  # fmt: skip


def load_plain(stream: BinaryIO, taken: Taken = lambda filled: False) -> Any:
    """The next object of a stream, which needs `read` and `readline`.

    taken: called for every dictionary that was just filled; says whether it has what it needs of it. Then the
    dictionary is emptied, and all dictionaries and lists so far are forgotten. Raises AssetError that names what is not
    plain data, or says that the file is damaged or cut off.
    """
    try:
        return _PlainUnpickler(stream, taken).load()
    except (
        pickle.UnpicklingError, struct.error, EOFError, LookupError, TypeError, ValueError, AttributeError,
        OverflowError, RecursionError, MemoryError,
    ) as error:  # fmt: skip
        reason = str(error) or type(error).__name__
        raise AssetError(f"it is damaged, cut off or no pickle of plain data ({reason:.300})") from None


def _checked(keys: list[Any]) -> list[Any]:
    """The keys, if all are short and flat: to hash a tuple within a tuple within … brings the interpreter down."""
    for key in keys:
        parts = key if type(key) is tuple else ()
        known = type(key) in (str, int, float, bool, tuple, type(None))
        if not known or len(parts) > WIDEST or not all(type(part) in (str, int) for part in parts):
            raise AssetError(f"it uses a {type(key).__name__} as a key in a way that plain data does not")
    return keys


def _dtype(text: Any, *_: Any) -> np.dtype[Any]:
    if type(text) is not str or text not in NUMBERS:
        raise AssetError("it holds a numpy type that is no plain number")
    return np.dtype(text)


def _scalar(dtype: Any, content: Any) -> Any:
    if not isinstance(dtype, np.dtype):
        raise TypeError("a numpy number without its type")
    (value,) = np.frombuffer(content, dtype)
    return value.item()


def _encode(text: Any, encoding: Any) -> Any:
    if encoding != "latin1":
        raise ValueError("bytes in an encoding that no pickler writes")
    return text.encode("latin1")


NAMES: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): lambda: {},
    ("builtins", "set"): lambda items: set(_checked(items)),
    ("__builtin__", "set"): lambda items: set(_checked(items)),
    ("_codecs", "encode"): _encode,
    ("numpy", "dtype"): _dtype,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
}
"""What a file may ask for, and what it gets: functions of this module that build plain data."""


class _Memo(list[Any]):
    """All that a file may refer to again, by number. A list: a dictionary would take ten times the memory."""

    forgotten = 0  # how many of them were passed by `forget`

    def __setitem__(self, place: Any, value: Any) -> None:
        if place == len(self):
            self.append(value)
        else:
            super().__setitem__(place, value)

    def forget(self) -> None:
        for place in range(self.forgotten, len(self)):
            if type(self[place]) in (dict, list):
                self[place] = FORGOTTEN
        self.forgotten = len(self)


class _Instructions(dict[int, Callable[[Any], None]]):
    """What the reader does on each instruction."""

    def __missing__(self, code: int) -> Callable[[Any], None]:
        raise AssetError(f"it uses the instruction {code:#04x}, which plain data does not need")


class _PlainUnpickler(pickle._Unpickler):
    stack: list[Any]
    pop_mark: Callable[[], list[Any]]
    dispatch = _Instructions((code, pickle._Unpickler.dispatch[code]) for code in INSTRUCTIONS)

    def __init__(self, stream: BinaryIO, taken: Taken):
        super().__init__(stream)
        self.memo = _Memo()
        self.containers = 0
        self.taken = taken

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        if (module, name) not in NAMES:
            asked = f"{module}.{name}"
            raise AssetError(f"it asks for {asked:.200}, which plain data does not need: nothing of it was run")
        return NAMES[module, name]

    def fill(self, keys: list[Any], values: list[Any]) -> None:
        filled = self.stack[-1]
        if type(filled) is not dict:
            raise TypeError(f"a {type(filled).__name__} is filled as if it were a dictionary")
        filled.update(zip(_checked(keys), values, strict=True))
        if self.taken(filled):
            filled.clear()
            self.memo.forget()

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.fill([key], [value])

    def load_setitems(self) -> None:
        items = self.pop_mark()
        self.fill(items[::2], items[1::2])

    def load_additems(self) -> None:
        items = self.pop_mark()
        self.stack[-1].update(_checked(items))

    def load_build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], np.dtype) or state[1:2] not in (("<",), ("|",)):
            raise AssetError("it sets the state of something that plain data does not hold")

    dispatch |= {
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.ADDITEMS[0]: load_additems,
        pickle.BUILD[0]: load_build,
    }

    def count(self) -> None:
        self.containers += 1
        if self.containers > MOST:
            raise AssetError(f"it holds more than {MOST:,} lists and dictionaries")

    def intern(self) -> None:
        self.stack[-1] = sys.intern(self.stack[-1])  # keys repeat by the million


def _followed(load: Callable[[Any], None], then: Callable[[Any], None]) -> Callable[[Any], None]:
    def both(reader: Any) -> None:
        load(reader)
        then(reader)

    return both


for _code in (pickle.MARK, pickle.EMPTY_DICT, pickle.EMPTY_LIST, pickle.EMPTY_SET):
    _PlainUnpickler.dispatch[_code[0]] = _followed(_PlainUnpickler.dispatch[_code[0]], _PlainUnpickler.count)
for _code in (pickle.BINUNICODE, pickle.SHORT_BINUNICODE):
    _PlainUnpickler.dispatch[_code[0]] = _followed(_PlainUnpickler.dispatch[_code[0]], _PlainUnpickler.intern)
