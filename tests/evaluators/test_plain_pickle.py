import builtins
import io
import os
import pickle
import pickletools
import random
import struct
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seki_lib.evaluators.plain_pickle import load_plain
from seki_lib.files.errors import AssetError

leaves = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=30)
keys = st.integers() | st.text(max_size=10) | st.tuples(st.text(max_size=5), st.integers(0, 999))
plain = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5) | st.tuples(inner, inner)
    | st.sets(st.integers(), max_size=5),
    max_leaves=30,
)  # fmt: skip


def read(content, taken=lambda filled: False):
    return load_plain(io.BytesIO(content), taken)


@given(plain, st.sampled_from([2, 3, 4, 5]))
def test_plain_data_comes_back_as_it_was_written(data, protocol):
    assert read(pickle.dumps(data, protocol=protocol)) == data


@pytest.mark.parametrize("protocol", [2, 4])
def test_ordered_dictionaries_and_numpy_numbers_come_back_as_plain_ones(protocol):
    data = OrderedDict(a=np.float64(0.25), b=np.float32(0.5), c=np.int64(-7), d=np.bool_(True), e=b"bytes")
    assert read(pickle.dumps(data, protocol=protocol)) == {"a": 0.25, "b": 0.5, "c": -7, "d": True, "e": b"bytes"}


def test_one_object_referred_to_twice_stays_one():
    shared = {"x": [1.5]}
    found = read(pickle.dumps([shared, shared, {"y": shared}], protocol=2))
    assert found[0] is found[1] is found[2]["y"]


def test_several_pickles_in_one_stream_are_read_one_after_another():
    first, second = list(range(5000)), {"text": "é" * 3_000_000, "more": [0.5] * 700_000}
    stream = io.BytesIO(pickle.dumps(first, protocol=2) + pickle.dumps(second, protocol=2))
    assert load_plain(stream) == first
    assert load_plain(stream) == second


@pytest.mark.parametrize("protocol", [2, 4])
def test_what_was_taken_is_emptied_and_is_no_value_where_the_file_refers_to_it_again(protocol):
    shared = {"curve": {1: 0.5}}
    cells = [{"name": "first", "full": shared}, {"name": "second", "full": shared}]
    seen = []

    def take(filled):
        if "full" in filled:
            seen.append(dict(filled))
        return "full" in filled

    assert read(pickle.dumps(cells, protocol=protocol), take) == [{}, {}]
    assert seen[0] == cells[0]
    assert seen[1]["name"] == "second" and type(seen[1]["full"]) is object


class Planted:
    """Runs a call when it is unpickled with full trust."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("wrap", [lambda p: p, lambda p: {"arch2infos": {0: p}}, lambda p: [1, (p,)]])
def test_a_planted_call_is_refused_by_name_and_nothing_is_run(tmp_path, protocol, wrap):
    ran = tmp_path / "ran"
    for planted, name in [
        (Planted(os.system, f"touch {ran}"), "system"),
        (Planted(eval, f"open({str(ran)!r}, 'w')"), "eval"),
        (Planted(builtins.__import__, "antigravity"), "__import__"),
        (Planted(bytearray, 2**40), "bytearray"),
    ]:
        with pytest.raises(AssetError, match=name):
            read(pickle.dumps(wrap(planted), protocol=protocol))
    assert not ran.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x80\x02X" + struct.pack("<I", 2**32 - 1) + b"short.", "cut off"),
        (b"\x80\x02X" + struct.pack("<I", 10**6) + b"short.", "cut off"),
        (b"\x80\x04\x8e" + struct.pack("<Q", 2**60), "0x8e"),
        (b"\x80\x02r" + struct.pack("<I", 2**32 - 1) + b".", "cut off"),
        (b"\x80\x02Nr" + struct.pack("<I", 2**31) + b".", "cut off"),
        (b"\x80\x02" + b"(" * 200_000 + b".", "cut off"),
        (b"\x80\x02}" + b")" + b"\x85" * 1_000_000 + b"Ns.", "as a key"),
        (b"\x80\x02})\x85\x85Ns.", "as a key"),
        (b"\x80\x02}((" + b"K\x01" * 100 + b"tNu.", "as a key"),
        (b"\x80\x02)" + b"\x85" * 1_000_000 + b")R.", "not callable"),
        (b"\x80\x02)\x85)R.", "cut off"),
        (b"\x80\x04))\x85\x93.", "cut off"),
        (b"\x80\x02" + b")" + b"q\x000h\x00h\x00\x86" * 40 + b".", "instruction 0x30"),
        (b"\x80\x02(" + b"N" * 5 + b"tq\x00" + b"h\x00h\x00\x86q\x00" * 40 + b"}h\x00Ns.", "as a key"),
        (b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"1.", "0x8b"),
        (b"\x80\x02B" + struct.pack("<I", 2**32 - 1) + b".", "0x42"),
        (b"\x80\x04\x96" + struct.pack("<Q", 2**62) + b".", "0x96"),
        (b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b".", "0x8d"),
        (b"\x80\x04\x95" + struct.pack("<Q", 2**63) + b"PabcQ.", "frame size"),
        (b"I" + b"9" * 100_000 + b"\n.", "0x49"),
        (b"L" + b"9" * 100_000 + b"L\n.", "0x4c"),
        (b"\x80\x02c__main__\nanything\n.", "__main__.anything"),
        (b"\x80\x02cnumpy\ndtype\nX\x02\x00\x00\x00O8\x85R.", "no plain number"),
        (b"\x80\x02Nq\x00]h\x00e.", "cut off"),
        (b"\x80\x02](K\x01u.", "a list is filled as if"),
        (b"\x80\x02K\x01)R.", "cut off"),
        (b"\x80\x02Q.", "0x51"),
        (b"", "cut off"),
        (b"not a pickle at all", "instruction"),
    ],
)
def test_a_hostile_file_is_refused_with_a_reason(content, reason):
    with pytest.raises(AssetError, match=reason):
        read(content)


def test_a_list_that_holds_itself_is_read_without_end_nowhere():
    found = read(b"\x80\x02]q\x00h\x00a.")
    assert found[0] is found


def test_too_many_containers_are_refused(monkeypatch):
    monkeypatch.setattr("seki_lib.evaluators.plain_pickle.MOST", 1000)
    with pytest.raises(AssetError, match="more than"):
        read(b"\x80\x02]" + b"]a" * 2000 + b".")


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_file_cut_off_anywhere_is_refused(protocol):
    content = pickle.dumps({"a": [1, 2.5, ("x", 3)], "b": OrderedDict({"k": {7: 0.5}})}, protocol=protocol)
    for length in range(len(content)):
        with pytest.raises(AssetError):
            read(content[:length])


def test_twenty_thousand_mutations_raise_nothing_but_asset_errors_and_run_nothing():
    rng = random.Random(0)
    data = {"a": [1, 2.5, ("x", 3)], "b": OrderedDict({"k": {7: np.float64(0.5)}}), "c": {1, 2}, "d": ["é"] * 3}
    refused = 0
    for i in range(20_000):
        content = bytearray(pickle.dumps(data, protocol=2 + 2 * (i % 2)))
        for _ in range(rng.randrange(1, 6)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        try:
            read(bytes(content))
        except AssetError as error:
            assert len(str(error)) < 400
            refused += 1
    assert refused > 5_000


def test_every_instruction_that_can_run_code_is_unknown_or_checked():
    """All instructions of pickle that import, build instances or reach outside; GLOBAL and REDUCE ask NAMES."""
    dangerous = {"INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "NEXT_BUFFER"}
    codes = {op.name: op.code.encode("latin1") for op in pickletools.opcodes}
    for name in dangerous:
        with pytest.raises(AssetError, match="instruction"):
            read(b"\x80\x02" + codes[name] + b"\x01\x00\x00\x00os\nsystem\n.")
