"""Read a pickle of plain data without running anything: no import, no call but of the few names written down here.

Benchmarks are published as pickles, and a pickle is a program that may do anything to who loads it. This reader knows
the instructions that build numbers, texts, lists, tuples, sets and dictionaries, and no others. A name that the file
asks for is looked up in NAMES; any other name ends the reading before it is touched.

It works through a stream with a bounded buffer, and tells of every filled dictionary, so that a file of many gigabytes
can be boiled down while it is read. About 3 million instructions a second on one core.
"""

import struct
from collections import deque
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from ..files.errors import AssetError

LONGEST = 1 << 24  # bytes of one text or byte string
DEEPEST = 1 << 17  # values on the stack: a pickler writes batches of 1,000
MOST = 8_000_000  # dictionaries, lists and sets in one file: twice what NAS-Bench-201's own file has
NESTED = 20  # tuples within tuples
WIDEST = 16  # values of a tuple that is a key
BUFFER = 1 << 22  # bytes read at once
MARK = object()


class _Dtype:
    """A numpy scalar type while its pickle is read: a number of fixed width."""

    def __init__(self, text: str, *_: Any):
        if not isinstance(text, str) or text.lstrip("<>=|") not in {
            "b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8",
        }:  # fmt: skip
            raise AssetError(f"the file holds a numpy type {text!r}, which is no plain number")
        self.dtype = np.dtype(text)

    def build(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


def _scalar(dtype: Any, content: Any) -> Any:
    if not isinstance(dtype, _Dtype) or not isinstance(content, bytes) or len(content) != dtype.dtype.itemsize:
        raise AssetError("the file holds a damaged numpy scalar")
    return np.frombuffer(content, dtype.dtype)[0].item()


def _encode(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding != "latin1":
        raise AssetError("the file holds a damaged byte string")
    return text.encode("latin1")


def _empty(*arguments: Any) -> dict[Any, Any]:
    if arguments:
        raise AssetError("the file builds an ordered dictionary in a way that no pickler writes")
    return {}


def _set(items: Any) -> set[Any]:
    if not isinstance(items, list):
        raise AssetError("the file holds a damaged set")
    _check_keys(items)
    return set(items)


NAMES: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): _empty,
    ("builtins", "set"): _set,
    ("__builtin__", "set"): _set,
    ("_codecs", "encode"): _encode,
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
}
"""What a file may ask for, and what it gets: functions of this module that build plain data."""


def _check_keys(keys: list[Any]) -> None:
    """Only short flat keys: to hash a tuple within a tuple within a tuple can bring the interpreter down."""
    for kind in set(map(type, keys)) - {str, int, float, bool, type(None)}:
        if kind is not tuple or not all(map(_flat, (key for key in keys if type(key) is tuple))):
            raise AssetError(f"the file uses a {kind.__name__} as a key in a way that plain data does not")


def _flat(key: tuple[Any, ...]) -> bool:
    return len(key) <= WIDEST and all(type(part) in (str, int) for part in key)


class PickleReader:
    """Reads one pickle after another from a stream.

    on_dict(d) is called for every dictionary that was just filled; it may empty it. `settle` may then put something
    small in place of what is not needed any more. Raises AssetError for whatever is not plain data, or cut off.
    """

    def __init__(self, stream: BinaryIO, on_dict: Callable[[dict[Any, Any]], None] = lambda d: None):
        self.consumed = 0  # bytes dropped from the buffer so far
        self._stream = stream
        self._on_dict = on_dict
        self._buffer, self._at, self._ended = b"", 0, False
        self._memo: list[Any] = []
        self._fresh: list[int] = []
        self._settled: deque[int] = deque()
        self._depths: dict[int, int] = {}  # `id` of a tuple that holds tuples -> how deep they are nested

    def settle(self, replacements: dict[int, Any], keep: int = 5_000) -> None:
        """Let go of dictionaries that were boiled down. replacements: `id` of each -> what stands for it from now on.

        A file may refer to the same dictionary again; the last `keep` replacements are remembered for that.
        """
        for i in self._fresh:
            if (stand_in := replacements.get(id(self._memo[i]))) is not None:
                self._memo[i] = stand_in
                self._settled.append(i)
        self._fresh.clear()
        while len(self._settled) > keep:
            self._memo[self._settled.popleft()] = MARK

    def load(self) -> Any:
        """The next object of the stream."""
        try:
            return self._load()
        except (IndexError, struct.error):
            raise AssetError("the file ends in the middle, or is no pickle") from None
        except (TypeError, ValueError, AttributeError, KeyError, OverflowError, RecursionError) as error:
            raise AssetError(f"the file is damaged: {error}") from None

    def _refill(self, needed: int) -> None:
        """Have at least `needed` bytes in the buffer, or all that are left."""
        parts, have = [self._buffer[self._at :]], len(self._buffer) - self._at
        self.consumed += self._at
        while have < needed and not self._ended:
            part = self._stream.read(max(BUFFER, needed - have))
            self._ended = not part
            parts.append(part)
            have += len(part)
        self._buffer, self._at = b"".join(parts), 0

    def _load(self) -> Any:
        memo = self._memo
        stack: list[Any] = []
        strings: dict[str, str] = {}
        buffer, at, end = self._buffer, self._at, len(self._buffer)
        memo.clear()
        self._fresh.clear()
        self._settled.clear()
        self._depths.clear()
        marks: list[int] = []
        append, pop = stack.append, stack.pop
        containers = 0
        unpack_float, unpack_u4, unpack_i4 = (struct.Struct(form).unpack_from for form in (">d", "<I", "<i"))

        def take(length: int) -> bytes:
            nonlocal buffer, at, end
            if length > LONGEST:
                raise AssetError(f"the file announces a text of {length:,} bytes")
            if at + length > end:
                self._at = at
                self._refill(length)
                buffer, at, end = self._buffer, 0, len(self._buffer)
                if length > end:
                    raise IndexError
            piece = buffer[at : at + length]
            at += length
            return piece

        def text(length: int) -> str:
            piece = str(take(length), "utf-8", "surrogatepass")
            return strings.setdefault(piece, piece) if length < 40 else piece  # keys repeat by the million

        def top_items() -> list[Any]:
            start = marks.pop()
            items = stack[start:]
            del stack[start:]
            return items

        while True:
            if end - at < 64 and not self._ended:
                if len(stack) > DEEPEST:
                    raise AssetError("the file is nested deeper than any benchmark")
                self._at = at
                self._refill(BUFFER)
                buffer, at, end = self._buffer, 0, len(self._buffer)
            op = buffer[at]
            at += 1
            if op == 0x47:  # G BINFLOAT
                append(unpack_float(buffer, at)[0])
                at += 8
            elif op == 0x4B:  # K BININT1
                append(buffer[at])
                at += 1
            elif op == 0x6A:  # j LONG_BINGET
                append(self._recall(unpack_u4(buffer, at)[0]))
                at += 4
            elif op == 0x68:  # h BINGET
                append(self._recall(buffer[at]))
                at += 1
            elif op == 0x72 or op == 0x71 or op == 0x94:  # r LONG_BINPUT, q BINPUT, MEMOIZE
                place = len(memo)
                if op == 0x72:
                    place = unpack_u4(buffer, at)[0]
                    at += 4
                elif op == 0x71:
                    place = buffer[at]
                    at += 1
                value = stack[-1]
                if place == len(memo):
                    memo.append(value)
                elif place < len(memo):
                    memo[place] = value
                else:
                    raise AssetError("the file numbers its parts in a way that no pickler does")
                if type(value) is dict:
                    self._fresh.append(place)
            elif op == 0x58:  # X BINUNICODE
                length = unpack_u4(buffer, at)[0]
                at += 4
                append(text(length))
            elif op == 0x8C:  # SHORT_BINUNICODE
                at += 1
                append(text(buffer[at - 1]))
            elif op == 0x4D:  # M BININT2
                append(buffer[at] | buffer[at + 1] << 8)
                at += 2
            elif op == 0x28:  # ( MARK
                marks.append(len(stack))
                if len(marks) > DEEPEST:
                    raise AssetError("the file is nested deeper than any benchmark")
            elif op == 0x75:  # u SETITEMS
                items = top_items()
                keys = items[::2]
                _check_keys(keys)
                _only(dict, stack[-1]).update(zip(keys, items[1::2], strict=True))
                self._at = at  # progress, for who is told
                self._on_dict(stack[-1])
            elif op == 0x73:  # s SETITEM
                value, key = pop(), pop()
                _check_keys([key])
                _only(dict, stack[-1])[key] = value
                self._on_dict(stack[-1])
            elif op in _EMPTY:  # } ] ) and the empty set
                append(_EMPTY[op]())
                containers += 1
                if containers > MOST:
                    raise AssetError(f"the file holds more than {MOST:,} lists and dictionaries")
            elif op == 0x65:  # e APPENDS
                items = top_items()
                _only(list, stack[-1]).extend(items)
            elif op == 0x61:  # a APPEND
                value = pop()
                _only(list, stack[-1]).append(value)
            elif op == 0x90:  # ADDITEMS
                items = top_items()
                _check_keys(items)
                _only(set, stack[-1]).update(items)
            elif op in _CONSTANTS:  # None, True, False
                append(_CONSTANTS[op])
            elif op == 0x4A:  # J BININT
                append(unpack_i4(buffer, at)[0])
                at += 4
            elif op == 0x8A:  # LONG1
                at += 1
                append(int.from_bytes(take(buffer[at - 1]), "little", signed=True))
            elif 0x85 <= op <= 0x87:  # TUPLE1, TUPLE2, TUPLE3
                size = op - 0x84
                items = stack[-size:]
                if len(items) < size:
                    raise IndexError
                stack[-size:] = [self._tuple(items)]
            elif op == 0x74:  # t TUPLE
                append(self._tuple(top_items()))
            elif op == 0x43:  # C SHORT_BINBYTES
                at += 1
                append(take(buffer[at - 1]))
            elif op == 0x63:  # c GLOBAL
                names = []
                for _ in range(2):
                    if (stop := buffer.find(b"\n", at, at + 200)) < 0:
                        self._at = at
                        self._refill(400)
                        buffer, at, end = self._buffer, 0, len(self._buffer)
                        if (stop := buffer.find(b"\n", at, at + 200)) < 0:
                            raise IndexError
                    names.append(buffer[at:stop].decode())
                    at = stop + 1
                append(_named(*names))
            elif op == 0x93:  # STACK_GLOBAL
                name, module = pop(), pop()
                append(_named(module, name))
            elif op == 0x52:  # R REDUCE
                arguments, function = pop(), pop()
                if not callable(function) or type(arguments) is not tuple:  # nothing but NAMES brings callables here
                    raise AssetError("the file calls something that is no function of plain data")
                append(function(*arguments))
            elif op == 0x62:  # b BUILD
                state = pop()
                _only(_Dtype, stack[-1]).build(state)
            elif op == 0x80:  # PROTO
                at += 1
            elif op == 0x95:  # FRAME
                at += 8
            elif op == 0x2E:  # . STOP
                self._buffer, self._at = buffer, at
                return pop()
            else:
                raise AssetError(f"the file uses the instruction {op:#04x}, which plain data does not need")

    def _tuple(self, items: list[Any]) -> tuple[Any, ...]:
        """A tuple that is not nested deeper than NESTED."""
        made = tuple(items)
        depth = 1 + max((self._depths.get(id(item), 1) for item in items if type(item) is tuple), default=0)
        if depth > NESTED:
            raise AssetError("the file is nested deeper than any benchmark")
        self._depths.pop(id(made), None)  # of one that had this place in memory before
        if depth > 1:
            self._depths[id(made)] = depth
        return made

    def _recall(self, place: int) -> Any:
        value = self._memo[place]
        if value is MARK:
            raise AssetError("the file refers back further than this reader remembers")
        return value


_EMPTY: dict[int, Callable[[], Any]] = {0x7D: dict, 0x5D: list, 0x29: tuple, 0x8F: set}
_CONSTANTS = {0x4E: None, 0x88: True, 0x89: False}


def _only(kind: type[Any], value: Any) -> Any:
    if type(value) is not kind:
        raise AssetError(f"the file treats a {type(value).__name__} as a {kind.__name__.strip('_').lower()}")
    return value


def _named(module: Any, name: Any) -> Callable[..., Any]:
    if type(module) is not str or type(name) is not str or (module, name) not in NAMES:
        asked = f"{module}.{name}" if type(module) is type(name) is str else "something that has no name"
        raise AssetError(f"the file asks for {asked:.200}, which plain data does not need: nothing of it was run")
    return NAMES[module, name]
